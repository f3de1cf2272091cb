"""Annotation lines: their meaning, and mistakes named with file and line, all at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from action_recognition.data.annotations import MAX_PROBLEMS_SHOWN, read_annotations
from action_recognition.errors import UserError
from tests.synthetic import write_lines

LABELS = ["wave", "Stop Sign", "Sign"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with a video, one with blanks in its path, and a frame folder, all empty."""
    folder = tmp_path / "data root"
    # The contents do not matter here: nothing is decoded.
    (folder / "videos" / "my clip").mkdir(parents=True)
    (folder / "videos" / "a.mp4").touch()
    (folder / "videos" / "my clip" / "b 2.mp4").touch()
    (folder / "frames").mkdir()
    return folder


def problems_of(root: Path, *lines: str, labels: list[str] = LABELS) -> list[str]:
    """Return the problems of annotation lines, which must have some."""
    with pytest.raises(UserError) as caught:
        read_annotations([write_lines(root / "ann.txt", lines)], [root], labels)
    return [str(problem) for problem in caught.value.problems]


def test_seven_columns(root: Path) -> None:
    """Comments and blank lines are skipped, and a record names its line."""
    ann_file = write_lines(
        root / "ann.txt",
        ["# made by hand", "", "videos/a.mp4 2 3 40 0 120 29.97", "  frames\twave 0 1 0 1 15 "],
    )
    # The first line is a comment, the second is blank.
    first, second = read_annotations([ann_file], [root], LABELS)

    assert first.path == root / "videos" / "a.mp4"
    assert (first.label, first.clip_start, first.clip_end) == (2, 3, 40)
    assert (first.video_start, first.video_end, first.frame_rate_fps) == (0, 120, 29.97)
    assert first.line == f"{ann_file}:3" and not first.is_whole_video
    assert (second.path, second.label, second.line) == (root / "frames", 0, f"{ann_file}:4")


def test_two_columns_are_the_whole_video(root: Path) -> None:
    """The ends are open until the video is read."""
    record, _ = read_annotations(
        [write_lines(root / "ann.txt", ["videos/a.mp4 1", "frames wave"])], [root], LABELS
    )
    assert record.is_whole_video and record.label == 1


@pytest.mark.parametrize(
    ("line", "path", "label"),
    [
        ("videos/my clip/b 2.mp4 1", "videos/my clip/b 2.mp4", 1),
        ("videos/my clip/b 2.mp4 Stop Sign", "videos/my clip/b 2.mp4", 1),
        ("videos/my clip/b 2.mp4 Stop Sign 0 9 0 9 30", "videos/my clip/b 2.mp4", 1),
        ("videos/my clip/b 2.mp4 Sign 0 9 0 9 30", "videos/my clip/b 2.mp4", 2),
        ("videos/a.mp4\tStop Sign", "videos/a.mp4", 1),
    ],
)
def test_blanks_in_paths_and_class_names(root: Path, line: str, path: str, label: int) -> None:
    """The longest known name that ends a line is its label."""
    (record,) = read_annotations([write_lines(root / "ann.txt", [line])], [root], LABELS)
    assert (record.path, record.label) == (root / path, label)


def test_windows_line_ends_and_byte_order_mark(root: Path) -> None:
    """Files of Windows editors are read."""
    # The mark is U+FEFF.
    (root / "ann.txt").write_bytes("\ufeffvideos/a.mp4 wave\r\n".encode())
    assert len(read_annotations([root / "ann.txt"], [root], LABELS)) == 1


def test_several_files_and_roots(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is found as given or under its root, with one root for all or one for each."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "c.mp4").touch()
    write_lines(root / "train.txt", ["videos/a.mp4 0"])
    write_lines(other / "more.txt", ["c.mp4 1"])
    monkeypatch.chdir(tmp_path)

    # The first lies under its root, the second is found as given.
    records = read_annotations([Path("train.txt"), Path("other/more.txt")], [root, other], LABELS)
    assert [record.path for record in records] == [root / "videos" / "a.mp4", other / "c.mp4"]
    one_root = read_annotations([Path("train.txt"), root / "train.txt"], [root], LABELS)
    assert [record.path for record in one_root] == [root / "videos" / "a.mp4"] * 2

    message = "3 roots for 2 annotation files; allowed: one root for all files, or one for each"
    with pytest.raises(UserError, match=message):
        read_annotations([Path("train.txt"), Path("other/more.txt")], [root, root, other], LABELS)


def test_the_published_column_order_is_recognised(root: Path) -> None:
    """The message gives the line with clip and video exchanged."""
    # A line of the published lists: the video comes before the clip.
    (problem,) = problems_of(root, "videos/a.mp4 0 1 3821 1343 1397 23.98")
    assert "ann.txt:1: the clip 1 to 3821 is not inside the video 1343 to 1397" in problem
    assert "columns 3-4 are the clip, 5-6 the video; these look swapped" in problem
    assert "write 'videos/a.mp4 0 1343 1397 1 3821 23.98'" in problem


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("videos/a.mp4", "1 columns; read with blanks in its path: "),
        ("videos/a.mp4 0 0 9", "4 columns; read with blanks in its path: "),
        ("videos/a.mp4 0 0 9 0 9", "6 columns; read with blanks in its path: "),
        ("videos/a.mp4 0 0 9 0 9 30 1", "8 columns; read with blanks in its path: "),
        ("videos/a.mp4 0 0 x 0 9 30", "columns 3 to 7 are not four frame numbers and a frame rate"),
        (
            f"videos/a.mp4 0 0 9 0 {'9' * 30} 30",
            "columns 3 to 7 are not four frame numbers and a frame rate",
        ),
        (
            "videos/a.mp4 0 0 9 0 9 nan",
            "columns 3 to 7 are not four frame numbers and a frame rate",
        ),
        ("videos/a.mp4 3", "label 3; allowed: 0 to 2"),
        ("videos/a.mp4 -1", "label -1; allowed: 0 to 2"),
        ("videos/a.mp4 wawe", "no class 'wawe', did you mean 'wave'?"),
        ("videos/a.mp4 0 9 9 0 20 30", "clip_end 9 is not after clip_start 9"),
        ("videos/a.mp4 0 9 5 0 20 30", "clip_end 5 is not after clip_start 9"),
        ("videos/a.mp4 0 1 2 9 5 30", "video_end 5 is not after video_start 9"),
        ("videos/a.mp4 0 -3 9 0 9 30", "negative frame number -3"),
        ("videos/a.mp4 0 3 19 0 9 30", "the clip 3 to 19 is not inside the video 0 to 9; allowed"),
        ("videos/a.mp4 0 0 9 0 9 0", "frame rate 0; allowed: above 0"),
        ("videos/a.mp4 0 0 9 0 9 1e300", "frame rate 1e+300; allowed: above 0, at most 1e+06"),
        ("videos/a.mp4 0 0 9 0 9 -30", "frame rate -30; allowed: above 0"),
        ("videos/none.mp4 0", "no file or folder"),
        ("../data root/videos/a.mp4 0", "leaves the data root"),
        ("/etc/passwd 0", "leaves the data root"),
        ("videos/\0.mp4 0", "no file or folder"),
    ],
)
def test_a_wrong_line_is_named(root: Path, line: str, message: str) -> None:
    """Each mistake of a line gives one problem with file and line number."""
    problems = problems_of(root, "# first line", "videos/a.mp4 0", line)
    assert len(problems) == 1
    assert problems[0].startswith(f"{root / 'ann.txt'}:3: ") and message in problems[0]


@pytest.mark.parametrize("link", ["file", "folder"])
def test_links_out_of_the_root_are_refused(root: Path, tmp_path: Path, link: str) -> None:
    """A path may not leave the data root by a link."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "c.mp4").touch()
    (root / "out").symlink_to(tmp_path / "secret" / ("c.mp4" if link == "file" else ""))
    (problem,) = problems_of(root, "out 0" if link == "file" else "out/c.mp4 0")
    assert "leaves the data root: it is a link to" in problem


def test_links_inside_the_root_and_a_linked_root_are_fine(root: Path, tmp_path: Path) -> None:
    """Links that stay inside are followed, dangling ones are named."""
    (root / "inside.mp4").symlink_to(root / "videos" / "a.mp4")
    (tmp_path / "linked root").symlink_to(root)
    ann_file = write_lines(root / "ann.txt", ["inside.mp4 0", "videos/a.mp4 0"])

    assert len(read_annotations([ann_file], [tmp_path / "linked root"], LABELS)) == 2
    # A link to nothing is missing like any other file.
    (root / "dangling").symlink_to(root / "nothing")
    assert "no file or folder" in problems_of(root, "dangling 0")[0]


def test_a_digit_that_is_also_a_class_name_is_a_number(root: Path) -> None:
    """A label of digits is a place in the list of classes."""
    labels = ["1", "2", "3"]
    (record,) = read_annotations(
        [write_lines(root / "ann.txt", ["videos/a.mp4 1"])], [root], labels
    )

    assert labels[record.label] == "2"
    (problem,) = problems_of(root, "videos/a.mp4 3", labels=labels)
    assert "a label of digits is a number, not a name" in problem


def test_all_problems_of_all_files_come_at_once(root: Path) -> None:
    """One error lists the problems of three files."""
    files = [
        write_lines(root / "one.txt", ["videos/a.mp4 9 5 2 0 9 0", "videos/a.mp4 0"]),
        write_lines(root / "two.txt", ["none.mp4 0"]),
        write_lines(root / "three.txt", ["# nothing"]),
    ]

    with pytest.raises(UserError) as caught:
        read_annotations(files, [root], LABELS)
    # Three mistakes in one line, one in the second file, and a file without clips.
    where = [problem.where for problem in caught.value.problems]
    assert where == [f"{files[0]}:1"] * 3 + [f"{files[1]}:1", str(files[2])]


def test_many_problems_are_counted_not_listed(root: Path) -> None:
    """The last problem tells how many more there are."""
    problems = problems_of(root, *["videos/a.mp4 7"] * 500)
    assert len(problems) == MAX_PROBLEMS_SHOWN + 1
    assert problems[-1] == f"annotations: and {500 - MAX_PROBLEMS_SHOWN} more problems like these"


def test_missing_files_and_roots_come_at_once(root: Path, tmp_path: Path) -> None:
    """One error names a missing root and two missing files."""
    with pytest.raises(UserError) as caught:
        read_annotations([Path("a.txt"), Path("b.txt")], [root, tmp_path / "nothing"], LABELS)
    found = str(caught.value)
    assert "no such data root" in found
    assert "a.txt: there is no such annotation file" in found and "b.txt" in found


def test_a_file_that_is_no_text(root: Path) -> None:
    """A file that is not UTF-8 is named."""
    (root / "ann.txt").write_bytes(b"\xff\xfe\x00 0\n")
    with pytest.raises(UserError, match="not a text file in UTF-8"):
        read_annotations([root / "ann.txt"], [root], LABELS)


def test_a_path_is_looked_at_once_however_many_lines_name_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2000 lines of one video cost one `lstat`."""
    looked_at: list[str] = []
    lstat = os.lstat

    def counting_lstat(path: str) -> os.stat_result:
        """Look at the path, and remember it."""
        looked_at.append(str(path))
        return lstat(path)

    ann_file = write_lines(
        root / "ann.txt", [f"videos/a.mp4 0 {i} {i + 5} 0 9000 30" for i in range(2000)]
    )
    # `realpath` may look at the parts of a path itself.
    monkeypatch.setattr("action_recognition.data.path_check.os.lstat", counting_lstat)
    assert len(read_annotations([ann_file], [root], LABELS)) == 2000
    assert sum(path.endswith("videos/a.mp4") for path in looked_at) == 1
