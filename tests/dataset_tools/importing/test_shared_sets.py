"""The sets of ../shared/cases, as people unpack them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from action_recognition.commands.data.import_clips import main
from action_recognition.data.annotations import read_annotations
from action_recognition.data.labels import read_classes


@pytest.fixture
def sets(shared: Path) -> Path:
    return shared / "cases" / "sets"


@pytest.mark.parametrize(
    ("name", "classes", "counts", "negative"),
    [
        ("ipn", ["D0X", "B0A", "B0B", "G11"], {"train": 5, "val": 2}, "D0X"),
        (
            "ssv2",
            [
                "Spinning something that quickly stops spinning",
                "Showing that something is inside something",
            ],
            {"train": 3, "val": 2},
            None,
        ),
        (
            "ucf101",
            ["ApplyEyeMakeup", "ApplyLipstick", "Archery"],
            {"train": 6, "test": 3},
            None,
        ),
        ("nested", ["stop", "wave"], {"train": 4, "val": 4}, None),
    ],
)
def test_the_sets_have_their_classes_and_splits(
    sets: Path,
    tmp_path: Path,
    name: str,
    classes: list[str],
    counts: dict[str, int],
    negative: str | None,
) -> None:
    out = tmp_path / "out"
    assert main([str(sets / name), "--output", str(out), "--jobs", "1"]) == 0
    assert read_classes(out / "classes.json") == classes
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    root = Path(report["data_root"])
    found = {
        file.stem: len(read_annotations([file], [root], classes))
        for file in sorted(out.glob("t*.txt")) + sorted(out.glob("val.txt"))
    }
    assert found == counts and report["left_out"] == []
    dataset = json.loads((out / "dataset.json").read_text(encoding="utf-8"))
    assert dataset == {"negative_label": negative}
