"""On real data exactly the findings that were looked at one by one, and nothing else.

What the lists hold was compared with the time stamps of the files' packets: three clips were
filmed at 120 frames a second and are said to be at 30 (they are as long as their neighbours at
120); the others have gaps of several frames.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from action_recognition.dataset_tools.checking.check_dataset import CheckOptions, check

SPLITS = ("train", "val", "test")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smarthome_gestures", "asl_words"])
def test_the_findings_are_those_of_the_list(name: str, real_data: Path) -> None:
    root = real_data / name
    people: dict[str, object] = (
        {"metadata": root / "metadata.csv"}
        if name == "asl_words"
        else {"person_regex": r"videos/[^/]+/(p\d+)_"}
    )
    files = [root / f"{split}.txt" for split in SPLITS]
    findings = check(CheckOptions(ann_files=files, data_roots=[root], jobs=2, **people)).findings  # type: ignore[arg-type]
    found = [
        {
            "file": Path(item.file).name,
            "line": item.line,
            "kind": item.kind,
            "message": item.message,
        }
        for item in findings
    ]
    assert found == json.loads((Path(__file__).parent / f"expected_{name}.json").read_text())
