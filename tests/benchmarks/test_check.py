"""The benchmark of the check on a small scale: its made data has no fault, and its figures are
there.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import check


def test_it_runs_and_writes_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "NUM_CLIPS", 200)
    monkeypatch.setattr(check, "NUM_ROWS", 2000)
    monkeypatch.setattr(check, "NUM_FRAMES", 12)
    assert check.main(["--quick", "--threads", "1", "--json", str(tmp_path / "check.json")]) == 0
    document = json.loads((tmp_path / "check.json").read_text())
    assert document["figures"].keys() >= {
        "check_400_clips_s",
        "check_million_rows_s",
        "check_million_rows_peak_mb",
    }
    assert all(value > 0 for value in document["figures"].values())
