"""The page of a build, for people who see little or use a screen reader."""

from __future__ import annotations

from pathlib import Path

from action_recognition.building.page import BuildFacts, report_page
from action_recognition.building.results import Answer, Results
from tests.accessibility import faults
from tests.browser import chromium, started_playwright
from tests.synthetic import numbered_frames, write_video

LABELS = ("wave", "Größe 你好", "no gesture")


def results(folder: Path) -> Results:
    """Nine clips of two people, two of them wrong, and a file that was left out."""
    clip = write_video(folder / "clip.mp4", numbered_frames(8, 48, 64), 15)
    answers = [
        Answer(clip, 0, 8, label, label, 0.4, person)
        for label in LABELS
        for person in ("anna", "ben", "anna")
    ]
    answers += [Answer(clip, 0, 8, "wave", "no gesture", 0.9, "ben")] * 2
    evaluation = {
        "top1_of_clips": 81.8,
        "num_clips": 11,
        "interval": [60.0, 95.0],
        "num_folds": 2,
        "num_people": 2,
        "annotation_sha256": {"train.txt": "ab"},
    }
    imported = {
        "warnings": ["two clips are alike"],
        "left_out": [{"where": "notes.txt", "reason": "no video file"}],
        "splits": {},
        "classes": {label: {"train": 3} for label in LABELS},
    }
    return Results(LABELS, tuple(answers), evaluation, imported, (), {}, "no gesture")


def test_axe_finds_nothing(tmp_path: Path) -> None:
    facts = BuildFacts(
        title="my_clips: 3 gestures",
        source=tmp_path,
        output=Path("my_model"),
        says=["11 clips", "2 people"],
        commands=["python tools/data/import_clips.py my_clips --output my_model/data"],
        times=[("import", 3.0, 2.0), ("train", 60.0, 100.0)],
    )
    page_file = tmp_path / "report.html"
    page_file.write_text(report_page(facts, results(tmp_path)), encoding="utf-8")
    with started_playwright() as playwright, chromium(playwright) as browser:
        page = browser.new_page()
        page.goto(page_file.as_uri())
        assert page.locator("figure img").count() == 2
        assert faults(page) == []
