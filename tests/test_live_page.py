"""docs/live.md, false_alarms.md and their results: flags and links exist, rules are the code's."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from action_recognition.detection.detector_contracts import BOXES, HANDS, SSD
from action_recognition.live.decision_rules import DecisionRules
from experiments import streams
from tests.conftest import REPOSITORY, template_dir

PAGE, FALSE_ALARMS, RESULTS = (
    (REPOSITORY / "docs" / name).read_text(encoding="utf-8")
    for name in ("live.md", "false_alarms.md", "results/live.md")
)


def _help(module: str, *arguments: object) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        importlib.import_module(f"action_recognition.commands.{module}").main(
            *arguments, ["--help"]
        )
    return said.getvalue()


def _help_of_streams() -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        streams.main(["--help"])
    return said.getvalue()


def test_every_flag_exists() -> None:
    known = "".join(
        _help(name, template_dir("jester"))
        for name in ("calibrate", "demo", "eval", "export", "train")
    )
    known += (
        _help("data.import_clips")
        + _help("data.compose_streams")
        + _help("instantiate")
        + _help_of_streams()
    )
    known += (REPOSITORY / "tests" / "live" / "endurance.py").read_text(encoding="utf-8")
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE + FALSE_ALARMS + RESULTS))
    assert {"--events", "--serve", "--choose-decision", "--person-regex"} <= flags
    assert [flag for flag in sorted(flags) if not re.search(rf"{flag}\b", known)] == []


def test_links_lead_somewhere() -> None:
    for folder, page in (("docs", PAGE), ("docs", FALSE_ALARMS), ("docs/results", RESULTS)):
        for link in re.findall(r"\]\(([^)#]+)", page):
            assert (REPOSITORY / folder / link).exists(), f"{folder}: {link}"


def test_every_flag_of_the_demo_is_told() -> None:
    options = set(re.findall(r"--[a-z][a-z-]*", _help("demo", Path()))) - {
        "--help",
        "--csv",
        "--threads",
        "--max-persons",
    }
    assert [flag for flag in sorted(options) if flag not in PAGE] == []


def test_the_rules_are_those_of_the_code() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+|\{\}) \|", PAGE, re.MULTILINE))
    assert {name: json.loads(value) for name, value in table.items()} == asdict(DecisionRules())


def test_the_contracts_are_those_of_the_code() -> None:
    for contract in (BOXES, HANDS, SSD):
        assert f"| {contract.name} | {'BGR' if contract.is_bgr else 'RGB'}" in PAGE
