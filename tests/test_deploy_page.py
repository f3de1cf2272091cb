"""docs/deploy.md: its programs run as they stand, one after the other."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.synthetic import numbered_frames, write_video

PAGE = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_programs_run_as_they_stand(
    exported: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(exported, tmp_path / "export")
    write_video(tmp_path / "clip.mp4", numbered_frames(30))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert len(PROGRAMS) == 3
    for program in PROGRAMS:
        exec(program, names)
    assert (
        len(capsys.readouterr().out.splitlines()) == 4
    )  # the label or why there is none, and the best three
    assert len(names["predictions"]) == 2 and names["prediction"].labels


def test_the_first_program_has_ten_lines_at_most() -> None:
    assert len([line for line in PROGRAMS[0].splitlines() if line.strip()]) <= 10


def test_every_field_and_option_is_on_the_page() -> None:
    import dataclasses
    import inspect

    from action_recognition.deploy import Prediction, Predictor

    fields = [item.name for item in dataclasses.fields(Prediction)]
    options = list(inspect.signature(Predictor.from_path).parameters)[1:]
    assert not [
        name
        for name in (*fields, *options, "is_rejected", "probability")
        if f"| `{name}` |" not in PAGE
    ]
