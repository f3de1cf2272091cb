"""docs/teach.md and docs/studio.md: their commands, links and badges are those of the code."""

from __future__ import annotations

import re

import pytest

from action_recognition.commands.teaching import studio, teach
from action_recognition.studio.lan.pairing import MOST_WRONG, VALID_S
from action_recognition.studio.learner import LEAST_CLIPS
from action_recognition.studio.project import MAX_GESTURES
from action_recognition.studio.server import MAX_UPLOAD_BYTES
from tests.conftest import REPOSITORY

PAGES = {
    name: (REPOSITORY / "docs" / name).read_text(encoding="utf-8")
    for name in ("teach.md", "studio.md", "results/teach.md")
}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    folder = (REPOSITORY / "docs" / name).parent
    for link in re.findall(r"\]\(([^)#]+)", PAGES[name]):
        assert (folder / link).exists(), link


def test_commands_are_understood() -> None:
    for line in re.findall(r"^python tools/teach\.py (.*)$", PAGES["teach.md"], re.MULTILINE):
        teach.build_parser().parse_args(line.replace('"good bye"', "bye").split())
    lines = re.findall(r"^python tools/studio\.py (.*)$", PAGES["studio.md"], re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        studio.build_parser().parse_args(line.split())


def test_the_studio_is_as_told() -> None:
    page = PAGES["studio.md"]
    assert f"more than {MAX_UPLOAD_BYTES // 10**6} MB" in page
    assert f"more than {MAX_GESTURES} gestures" in page
    assert LEAST_CLIPS == 3 and "with three clips each" in page
    assert VALID_S == 5 * 60 and "within five minutes" in page
    assert MOST_WRONG == 3 and "Three wrong codes end it" in page
    facts = (REPOSITORY / "action_recognition/studio/clip_facts.py").read_text()
    for badge in ("no hand seen", "hand seldom seen", "hand cut off", "too dark", "blurred"):
        assert f'"{badge}"' in facts and badge in re.sub(r"\s+", " ", page), badge
