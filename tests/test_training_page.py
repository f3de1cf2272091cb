"""docs/training.md: commands parse, flags and keys exist, links and those of near pages resolve."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from action_recognition.commands import train
from tests.conftest import REPOSITORY, template_dir

DOCS = REPOSITORY / "docs"
TRAINING = (DOCS / "training.md").read_text(encoding="utf-8")
PAGES = ("training.md", "search.md", "photos.md", "results/training.md", "results/photos.md")
TEMPLATE = template_dir("msasl").parent / "s3d-rgb-efficientnet-lite0-stream"


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_command_is_understood() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", TRAINING, re.MULTILINE | re.DOTALL)
    calls = [
        shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines()
    ]
    assert len(calls) == 5 and all(call[:2] == ["python", "train.py"] for call in calls)
    for call in calls:
        train.build_parser(TEMPLATE).parse_args(call[2:])


def test_flags_in_the_text_exist() -> None:
    known = train.build_parser(TEMPLATE).format_help()
    flags = set(re.findall(r"(?<![-\w])--[a-z-]*[a-z](?![-\w])", TRAINING))
    assert len(flags) > 10
    for flag in flags:
        assert re.search(rf"{flag}(?![-\w])", known), flag


def test_keys_for_signs_are_those_of_the_template_and_the_experiment() -> None:
    defaults = yaml.safe_load((REPOSITORY / "experiments" / "asl_words.yaml").read_text())[
        "defaults"
    ]
    section = TRAINING[TRAINING.index("## Train on signs") : TRAINING.index("## What helps")]
    keys = re.findall(r"`((?:input|training|hyper_parameters)\.[\w.]+)`", section)
    assert len(keys) == 8
    for key in keys:
        value = yaml.safe_load((TEMPLATE / "template.yaml").read_text())
        for part in key.split("."):
            value = value[part]
        assert any(
            name == key or name.startswith(f"{key}.") for name in defaults["template_values"]
        )


@pytest.mark.parametrize("name", PAGES)
def test_links_and_their_anchors_lead_somewhere(name: str) -> None:
    page = DOCS / name
    for link in re.findall(r"\]\(([^)]+)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
