"""docs/data_check.md: it has every kind of finding, and its commands run as they stand."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from action_recognition.dataset_tools.checking.kinds import KINDS
from tests.conftest import REPOSITORY
from tests.dataset_tools.checking.made import make_data_set
from tests.tiny import tiny_template

PAGE = (REPOSITORY / "docs" / "data_check.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


def test_every_kind_stands_there_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", PAGE, re.MULTILINE))
    assert rows == KINDS and len(KINDS) >= 30


def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_data_set(tmp_path / "my_clips")
    (tmp_path / "my_data").mkdir()
    for file in (*made.glob("*.txt"), made / "classes.json"):
        shutil.move(file, tmp_path / "my_data" / file.name)
    texts = [
        (tmp_path / "my_data" / f"{split}.txt").read_text() for split in ("train", "val", "test")
    ]
    lines = [line.split()[0] for text in texts for line in text.splitlines()]
    people = [f"{path},{re.split('[/_]', path)[-2]}" for path in lines]
    (tmp_path / "my_data" / "metadata.csv").write_text("\n".join(["file,person", *people]) + "\n")
    template = tiny_template(tmp_path / "my_model")
    template.write_text(re.sub(r"label_swaps:\n +.*\n", "label_swaps: {}\n", template.read_text()))
    monkeypatch.chdir(tmp_path)
    assert [Path(words[1]).stem for words in COMMANDS] == ["check", "show", "show"]
    for words in COMMANDS:
        command = importlib.import_module(f"action_recognition.commands.data.{Path(words[1]).stem}")
        assert command.main([*words[2:], "--jobs", "1"]) == 0, words
    assert json.loads((tmp_path / "findings.json").read_text()) == []
    for written in (
        "my_data_repaired/repairs.diff",
        "my_data_repaired/classes.json",
        "my_clips.html",
        "sheets",
        "as_trained/step_000.png",
    ):
        assert (tmp_path / written).exists(), written
