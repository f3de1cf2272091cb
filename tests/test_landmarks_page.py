"""docs/landmarks.md and its results: flags, links, files and arrays are those of the code."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
from dataclasses import fields
from pathlib import Path

import pytest

from action_recognition.hands.landmark_file import HandLandmarks
from action_recognition.hands.network_names import HAND_IR, PALM_IR
from tests.conftest import REPOSITORY
from tests.made_landmarks import TEMPLATE

PAGE, RESULTS = (
    (REPOSITORY / "docs" / name).read_text(encoding="utf-8")
    for name in ("landmarks.md", "results/landmarks.md")
)


def _help(module: str, *arguments: object) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        importlib.import_module(f"action_recognition.commands.{module}").main(
            *arguments, ["--help"]
        )
    return said.getvalue()


def test_every_flag_exists() -> None:
    known = "".join(_help(name, REPOSITORY / TEMPLATE) for name in ("train", "eval", "export"))
    known += (
        _help("demo", Path())
        + _help("hands.landmarks")
        + _help("hands.fetch")
        + _help("hands.track")
    )
    for script in ("experiments/run.py", "benchmarks/hands.py", "benchmarks/harness.py"):
        known += (REPOSITORY / script).read_text(encoding="utf-8")
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE + RESULTS))
    assert {"--draw", "--part", "--hand-models", "--load-weights"} <= flags
    assert [flag for flag in sorted(flags) if not re.search(rf"{flag}\b", known)] == []


def test_links_lead_somewhere() -> None:
    for folder, page in (("docs", PAGE), ("docs/results", RESULTS)):
        for link in re.findall(r"\]\(([^)#]+)", page):
            assert (REPOSITORY / folder / link).exists(), f"{folder}: {link}"


def test_every_array_is_told() -> None:
    table = re.findall(r"^\| (`[a-z_`, ]+`) \|", PAGE, re.MULTILINE)
    told = set(re.findall(r"`(\w+)`", " ".join(table)))
    assert told == {item.name for item in fields(HandLandmarks)}


def test_delivered_files_are_told() -> None:
    assert f"`{PALM_IR}`" in PAGE and f"`{HAND_IR}`" in PAGE
