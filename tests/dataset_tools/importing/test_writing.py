"""The command from a source to its files. Nothing of the user's is lost."""

from __future__ import annotations

import csv
import json
import os
import zipfile
from pathlib import Path

import pytest

from action_recognition.commands.data.import_clips import main
from action_recognition.data.annotations import read_annotations
from action_recognition.data.labels import training_labels
from action_recognition.errors import UserError
from tests.dataset_tools.importing.made import make_video


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for person in ("anna", "ben", "carl"):
        for label in ("wave hand", "no gesture"):
            make_video(tmp_path / "clips" / label / f"{person} 1.mp4", num_frames=3)
    (tmp_path / "clips" / "wave hand" / "broken.mp4").write_bytes(b"nothing")
    return tmp_path / "clips"


def run(source: Path, output: Path, *more: str) -> None:
    assert main([str(source), "--output", str(output), *more]) == 0


def test_what_is_written_can_be_trained_on(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "wave hand" / "broken.mp4").rename(source / "wave hand" / "zoe 1.mp4")
    out = tmp_path / "out"
    run(
        source,
        out,
        "--person-regex",
        r"/([a-z]+) \d",
        "--negative-label",
        "no gesture",
        "--jobs",
        "1",
    )
    labels, _ = training_labels([out / "train.txt"], None, (), [source])
    assert labels == ["no gesture", "wave hand"]
    records = [
        read_annotations([out / f"{split}.txt"], [source], labels)
        for split in ("train", "val", "test")
    ]
    assert [len(part) for part in records] == [2, 2, 2] and all(
        {clip.label for clip in part} == {0, 1} for part in records
    )
    assert json.loads((out / "dataset.json").read_text(encoding="utf-8")) == {
        "negative_label": "no gesture"
    }
    rows = list(csv.DictReader((out / "metadata.csv").open(encoding="utf-8")))
    assert {(row["file"], row["person"], row["label"]) for row in rows} >= {
        ("wave hand/ben 1.mp4", "ben", "wave hand")
    }
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["split_by"] == "person" and report["splits"]["train"] == {"clips": 2, "people": 1}
    assert report["classes"]["wave hand"] == {"train": 1, "val": 1, "test": 1}
    (left_out,) = report["left_out"]
    assert (
        left_out["where"] == "wave hand/zoe 1.mp4"
        and "cannot be read as a video" in left_out["reason"]
    )
    text = (out / "report.txt").read_text(encoding="utf-8")
    assert "left out: 1" in text and "wave hand/zoe 1.mp4" in text
    said = capsys.readouterr().out
    assert text.strip() in said and "--train-ann-files" in said


def test_the_same_seed_gives_the_same_files(source: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(source, tmp_path / name, "--seed", "3")
    assert (tmp_path / "a" / "train.txt").read_bytes() == (
        tmp_path / "b" / "train.txt"
    ).read_bytes()


def test_files_of_the_user_stay(source: Path, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "train.txt"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"train.txt: exists already"):
        run(source, mine.parent)
    assert mine.read_text(encoding="utf-8") == "mine" and [
        file.name for file in mine.parent.iterdir()
    ] == ["train.txt"]
    run(source, mine.parent, "--force")
    assert mine.read_text(encoding="utf-8") != "mine"


@pytest.mark.parametrize(
    "flags",
    [
        ["--clips", "videos"],
        ["--clip-name", "{id}"],
        ["--num-classes", "1"],
        ["--negative-label", "no gestur"],
        ["--fractions", "1,2"],
        ["--person-regex", "("],
        ["--format", "sense"],
        ["--classes", "other"],
    ],
)
def test_a_wrong_flag_leaves_nothing_behind(source: Path, tmp_path: Path, flags: list[str]) -> None:
    with pytest.raises(UserError):
        run(source, tmp_path / "out", *flags)
    assert not (tmp_path / "out").exists()


def test_a_source_of_two_formats_is_asked_about(source: Path, tmp_path: Path) -> None:
    (source / "train.txt").write_text("wave hand/anna 1.mp4 0\n", encoding="utf-8")
    (source / "jester-v1-train.csv").write_text("1;wave\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"jester and as original_lists.*--format"):
        run(source, tmp_path / "out")
    with pytest.raises(UserError, match="no such file or folder"):
        run(source / "missing", tmp_path / "out")


def test_a_report_of_names_that_are_no_text(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / " ").mkdir()
    for name in (b"two\nlines.mp4", b"byte\xff.mp4"):
        os.rename(make_video(tmp_path / "x.mp4"), os.fsencode(source / "wave hand") + b"/" + name)  # noqa: PTH104
    run(source, tmp_path / "out")
    text = (tmp_path / "out" / "report.txt").read_text(encoding="utf-8")
    for name in (r"two\nlines.mp4", r"byte\udcff.mp4", "a blank name"):
        assert name in text and name in capsys.readouterr().out + text
    assert (
        len(json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["left_out"])
        == 4
    )


def test_a_place_where_no_folder_can_be(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="is a file"):
            run(source, place)
    with pytest.raises(UserError, match="no format that can be imported"):
        run(tmp_path / "file", tmp_path / "out")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_disk_that_fills_leaves_nothing_half_written(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".metadata.csv.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match=f"No space left.*{out}"):
        run(source, out)
    assert list(out.iterdir()) == []


def test_archives_are_not_opened(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "clips.zip", "w") as archive:
        archive.writestr("../outside.mp4", b"x")
    with pytest.raises(UserError, match=r"clips.zip: is an archive, .*unpack it into a new folder"):
        run(tmp_path / "clips.zip", tmp_path / "out")
    (tmp_path / "clips.zip").rename(source / "wave hand" / "anna.zip")
    run(source, tmp_path / "out")
    assert "an archive, which is not opened; unpack it" in (
        tmp_path / "out" / "report.txt"
    ).read_text(encoding="utf-8")


def test_what_is_not_used_and_what_was_not_said_is_warned_of(source: Path, tmp_path: Path) -> None:
    (source / "MSASL_train.json").write_text('[{"url": "x", ', encoding="utf-8")
    with pytest.raises(UserError, match=r"MSASL_train.json: it is not readable as JSON.*--format"):
        run(source, tmp_path / "out")
    run(source, tmp_path / "out", "--format", "class_folders")
    text = (tmp_path / "out" / "report.txt").read_text(encoding="utf-8")
    assert "where it means no gesture, give --negative-label 'no gesture'" in text
    with pytest.raises(UserError, match=r"MSASL_train.json: it is not readable as JSON"):
        run(source / "MSASL_train.json", tmp_path / "other")


def test_files_of_a_killed_run_are_not_read(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run(source, out, "--jobs", "1")
    old = {file.name: file.read_bytes() for file in out.iterdir()}

    # The process ends after the first rename.
    renamed = []
    replace = Path.replace

    def replace_once(file: Path, target: Path) -> Path:
        if renamed:
            os._exit(9)
        renamed.append(target)
        return replace(file, target)

    child = os.fork()
    if child == 0:
        monkeypatch.setattr(Path, "replace", replace_once)
        try:
            run(source, out, "--force", "--seed", "7", "--jobs", "1")
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert {name for name in old if (out / name).read_bytes() != old[name]} <= {"train.txt"}
    with pytest.raises(UserError, match=r"out: a command was cut off .*--force"):
        read_annotations([out / "train.txt"], [source], ["no gesture", "wave hand"])

    # The same command mends it.
    run(source, out, "--force", "--seed", "7", "--jobs", "1")
    assert read_annotations([out / "train.txt"], [source], ["no gesture", "wave hand"])
    assert not [file.name for file in out.iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize("present", [("train", "val"), ("train", "test"), ("test",)])
def test_the_next_commands_name_the_parts_that_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], present: tuple[str, ...]
) -> None:
    for split in present:
        for label in ("wave", "stop"):
            make_video(tmp_path / "clips" / split / label / f"{split}.mp4", num_frames=2)
    run(tmp_path / "clips", tmp_path / "out")
    said = capsys.readouterr().out.split("look for faults")[1]
    files = {word for word in said.replace(",", " ").split() if word.endswith(".txt")}
    assert {Path(file).stem for file in files} == set(present)
    assert all(Path(file).is_file() for file in files)
    assert ("--val-ann-files" in said) == ("train" in present)
    stands_in = {("train", "val"): "val stands in", ("train", "test"): "test stands in"}
    assert stands_in.get(present, "flags") in said
