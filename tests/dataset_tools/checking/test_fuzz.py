"""A small part of `fuzz.py`, the same every time; CONTRIBUTING.md says when to run all of it."""

from __future__ import annotations

from pathlib import Path

from tests.dataset_tools.checking import fuzz


def test_mutated_lines(tmp_path: Path) -> None:
    kinds = fuzz.fuzz_lines(fuzz.make_root(tmp_path), 10_000, seed=100, compared_every=5)
    assert len(kinds) >= 15


def test_mutated_files(tmp_path: Path) -> None:
    seen = fuzz.fuzz_videos(tmp_path, 105, seed=100, jobs=2)
    assert len(seen) == 105 and 10 < sum(item.readable for item in seen) < 100
    assert len({kind for item in seen for kind in item.kinds}) >= 4
    assert max(item.memory_mb for item in seen) < 2000
