"""Real clips and what is known about them; tests/test_data_examples_page.py imports whole sets from
their bare folders.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from tests.dataset_tools.importing.made import imported, lines_of


def test_people_of_paths_are_those_of_the_table(real_data: Path) -> None:
    rows = csv.DictReader((real_data / "asl_words" / "metadata.csv").open(encoding="utf-8"))
    for row in rows:
        match = re.search(r"(signer\d+)_", row["file"])
        assert match and match[1] == row["signer"]


def test_clips_of_jester_by_their_list(real_data: Path) -> None:
    source = real_data / "extra_jester20"
    data_set = imported(source)
    assert [len(clips) for clips in data_set.clips.values()] == [0, 0, 20] and len(
        data_set.classes
    ) == 27
    known = [
        line.split() for line in (source / "test.txt").read_text(encoding="utf-8").splitlines()
    ]
    found = [line.split() for line in lines_of(data_set)]
    assert [row[:6] for row in found] == sorted(row[:6] for row in known)
