"""docs/data_msasl.md and docs/data_jester.md: their commands for data run as they stand.

The flags of those that train exist.
"""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from action_recognition.workdir import InstantiateOptions, instantiate, silent
from tests.conftest import REPOSITORY, template_dir
from tests.dataset_tools.preparing.made import make_video, sign, write_annotation
from tests.dataset_tools.preparing.stand_in import put_yt_dlp
from tests.detection.detectors import write_boxes_detector
from tests.synthetic import numbered_frames, write_frame_folder, write_lines

PAGES = {
    name: (REPOSITORY / "docs" / f"data_{name}.md").read_text(encoding="utf-8")
    for name in ("msasl", "jester")
}
FIRST_WORDS = 2  # python SCRIPT


def commands(name: str) -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGES[name], re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def run_data_commands(name: str) -> list[str]:
    seen = []
    for words in commands(name):
        if words[1].startswith("tools/data/"):
            script = Path(words[1]).stem
            command = importlib.import_module(f"action_recognition.commands.data.{script}")
            code = command.main(words[FIRST_WORDS:])
            assert code == 0 or script == "check", words  # drawn clips are odd clips
            seen.append(script)
    return seen


def flag_values(name: str, flag: str) -> set[str]:
    return {words[words.index(flag) + 1] for words in commands(name) if flag in words}


def test_msasl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put_yt_dlp(tmp_path / "bin", monkeypatch)
    data = tmp_path / "msasl_data"
    parts = {
        split: [sign(f"{split}_{i}", 30, 60, label=i, signer_id=i) for i in range(2)]
        for split in ("train", "val", "test")
    }
    parts["train"].append(sign("gone_1", 0, 30))
    write_annotation(data, num_classes=100, **parts)
    for split in ("train", "val", "test"):
        for number in range(2):
            make_video(data / "videos" / f"{split}_{number}.mp4", 90)
    assert run_data_commands("msasl") == ["prepare_msasl", "prepare_msasl", "check"]
    for flag in ("--train-ann-files", "--val-ann-files", "--test-ann-files"):
        for value in flag_values("msasl", flag):
            assert (tmp_path / "msasl_model" / value).resolve().is_file(), value
    assert (tmp_path / "msasl_data" / "videos" / "download.json").is_file()


def test_jester(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "jester_data"
    for number in range(1, 5):
        write_frame_folder(
            data / "rawframes" / str(number),
            numbered_frames(12, 100, 132, first=40 * number),
            "{:05d}.jpg",
        )
    write_lines(data / "jester-v1-labels.csv", ["Swiping Left", "No gesture"])
    write_lines(data / "jester-v1-train.csv", ["1;Swiping Left", "2;No gesture"])
    write_lines(data / "jester-v1-validation.csv", ["3;Swiping Left", "4;No gesture"])
    write_boxes_detector(tmp_path / "person-detection-asl-0001.xml", [(0.1, 0.1, 0.9, 1.0, 1.0)])
    assert run_data_commands("jester") == ["prepare_jester", "check"]
    for flag in ("--train-ann-files", "--val-ann-files", "--test-ann-files"):
        for value in flag_values("jester", flag):
            assert (tmp_path / "jester_model" / value).resolve().is_file(), value


@pytest.mark.parametrize("name", ["msasl", "jester"])
def test_the_other_commands_have_flags_that_exist(name: str, tmp_path: Path) -> None:
    work_dir = instantiate(
        template_dir(name), tmp_path / "work", InstantiateOptions(load_snapshot=False, say=silent)
    ).path
    others = [
        words
        for words in commands(name)
        if words[0] == "python" and not words[1].startswith("tools/data/")
    ]
    assert [words[1] for words in others] == [
        "tools/instantiate_template.py",
        "train.py",
        "eval.py",
    ]
    for words in others:
        folder = REPOSITORY if words[1].startswith("tools/") else work_dir
        text = subprocess.run(
            [sys.executable, words[1], "--help"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for flag in (word for word in words if word.startswith("--")):
            assert re.search(rf"{flag}\b", text), (words[1], flag)
    assert (REPOSITORY / others[0][2] / "template.yaml").is_file()


@pytest.mark.parametrize("name", ["msasl", "jester"])
def test_flags_and_links_of_the_text_exist(name: str) -> None:
    known = "".join(
        path.read_text(encoding="utf-8")
        for path in (REPOSITORY / "action_recognition" / "commands").rglob("*.py")
    )
    for flag in set(re.findall(r"`(--[a-z][a-z0-9_-]*)", PAGES[name])):
        assert f'"{flag}"' in known, flag
    for link in re.findall(r"\]\(([^)#]+)", PAGES[name]):
        assert link.startswith("https://") or (REPOSITORY / "docs" / link).exists(), link
