"""`check.py` as it is called: exit codes, JSON, repaired copies, and calls that are wrong."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from action_recognition.commands.data.check import main
from action_recognition.errors import UserError
from tests.dataset_tools.checking.made import PERSON_REGEX, DataSet, command_flags
from tests.warm import warm_python


def test_zero_where_nothing_is_wrong_and_for_notes(
    data: DataSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            command_flags(
                data, "--json", str(tmp_path / "out.json"), "--person-regex", PERSON_REGEX
            )
        )
        == 0
    )
    assert json.loads((tmp_path / "out.json").read_text()) == []
    assert "15 clips, 3 classes: 0 problems, 0 notes" in capsys.readouterr().out
    data.edit("train", 2, " 2 20 ", " 2 5 ")
    assert main(command_flags(data)) == 0
    assert (
        "train.txt:2: note-very-short: the clip is 0.1 s long (3 frames)" in capsys.readouterr().out
    )


def test_one_where_something_is_wrong_and_all_of_it_in_the_json(
    data: DataSet, tmp_path: Path
) -> None:
    data.edit("train", 2, " 2 20 0 24 ", " 0 24 2 20 ")
    data.replace("val", 1, b"")
    originals = {file: file.read_bytes() for file in data.root.glob("*.txt")}
    assert (
        main(
            command_flags(
                data, "--json", str(tmp_path / "out.json"), "--fix", str(tmp_path / "fixed")
            )
        )
        == 1
    )
    found = json.loads((tmp_path / "out.json").read_text())
    assert [set(item) for item in found] == [{"file", "line", "kind", "message", "repair"}] * 2
    assert [(Path(item["file"]).name, item["line"], item["kind"]) for item in found] == [
        ("train.txt", 2, "columns-exchanged"),
        ("val.txt", 1, "zero-bytes"),
    ]
    assert {file: file.read_bytes() for file in data.root.glob("*.txt")} == originals
    fixed = [str(tmp_path / "fixed" / f"{split}.txt") for split in ("train", "val", "test")]
    assert (
        main(["--ann-files", ",".join(fixed), "--data-roots", str(data.root), "--jobs", "1"]) == 0
    )


def test_the_diff_applies(data: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.edit("train", 2, " 2 20 0 24 ", " 0 24 2 20 ")
    data.edit("train", 7, "videos/wave/cleo", "videos\\wave\\cleo")
    data.replace("train", 4, b"")
    data.replace("train", 5, b"")
    monkeypatch.chdir(data.root)
    assert (
        main(
            [
                "--ann-files",
                "train.txt",
                "--data-roots",
                ".",
                "--jobs",
                "1",
                "--fix",
                str(tmp_path / "fixed"),
            ]
        )
        == 1
    )
    wanted = (tmp_path / "fixed" / "train.txt").read_text()
    assert len(wanted.splitlines()) == 7
    command = ["git", "apply", "--unidiff-zero", "-p0", str(tmp_path / "fixed" / "repairs.diff")]
    subprocess.run(
        command,
        cwd=data.root,
        check=True,
        env={"GIT_CEILING_DIRECTORIES": str(data.root.parent), "PATH": "/usr/bin:/bin"},
    )
    assert (data.root / "train.txt").read_text() == wanted


def test_no_file_is_opened_when_told_so(data: DataSet) -> None:
    data.replace("train", 2, b"")
    assert main(command_flags(data, "--no-files")) == 0
    assert main(command_flags(data)) == 1


def test_a_fix_folder_with_something_in_it_is_refused_before_anything_is_read(
    data: DataSet,
) -> None:
    with pytest.raises(UserError, match="is there already and not empty"):
        main(command_flags(data, "--fix", str(data.root)))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--person-regex", "("], "is not a regular expression"),
        (["--template", "nowhere"], "template.yaml"),
        (["--metadata", "nowhere.csv"], "cannot be read"),
        (["--json", "nowhere/out.json"], "there is no folder nowhere"),
    ],
)
def test_wrong_calls(data: DataSet, more: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        main(command_flags(data, *more))
    with pytest.raises(UserError, match="there is no such annotation file"):
        main(["--ann-files", "nowhere.txt", "--data-roots", str(data.root)])


def test_clips_too_short_for_the_template(
    data: DataSet, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = (
        repository / "model_templates" / "gesture_recognition" / "s3d-rgb-efficientnet-lite0-stream"
    )
    assert (
        main(command_flags(data, "--template", str(folder))) == 1
    )  # 24 frames at 30 fps give 1 frame of 4 at 1.5 fps
    assert "too-short-for-template: the video gives 1 of the 4 frames" in capsys.readouterr().out


def test_people_from_a_table(
    data: DataSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        f"{line.split()[0]},somebody"
        for split in ("train", "val", "test")
        for line in data.lines(split)
    ]
    (tmp_path / "people.csv").write_text("path,person\n" + "\n".join(rows) + "\n")
    assert main(command_flags(data, "--metadata", str(tmp_path / "people.csv"), "--no-files")) == 1
    assert "val.txt:1: person-in-two-splits: 'somebody' is in val here" in capsys.readouterr().out
    assert main(command_flags(data, "--no-files")) == 0
    (data.root / "metadata.csv").write_text(
        (tmp_path / "people.csv").read_text()
    )  # beside the files it is found without a flag
    assert main(command_flags(data, "--no-files")) == 1
    (data.root / "metadata.csv").write_text("clip,length\na,1\n")
    assert main(command_flags(data, "--no-files")) == 0


def test_the_script_answers_by_itself(data: DataSet, repository: Path) -> None:
    data.replace("train", 2, b"\0" * 100)
    command = [
        warm_python(),
        str(repository / "tools" / "data" / "check.py"),
        *command_flags(data)[:-1],
        "2",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "train.txt:2: unreadable: anna_stop.mp4" in done.stdout
    wrong = subprocess.run(
        [*command, "--fix", str(data.root)], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: --fix")


def test_where_nobody_looks_no_bar_is_drawn(
    data: DataSet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command_flags(data, "--person-regex", PERSON_REGEX)) == 0
    assert capsys.readouterr().err == ""
