"""Real clips from their bare folders, compared with what is known about them: the people, the splits, the frames."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from action_recognition.data.annotations import read_annotations
from action_recognition.data.importing.run import SplitOptions
from action_recognition.data.labels import read_classes
from tests.data.importing.made import imported, lines_of

# Filmed at 120 fps; the lists that come with the clips state 30.
SLOW_MOTION = {(f"{label}/p01_{label}_{number}.mp4", "120") for label, number in (("FanDown", 2), ("Num0", 2), ("SetThermo", 3))}


@pytest.mark.parametrize(
    ("name", "person_regex", "num_people"), [("smarthome_gestures", r"(p\d+)_", 18), ("asl_words", r"(signer\d+)_", 77)]
)
def test_bare_folders_of_clips(real_data: Path, name: str, person_regex: str, num_people: int) -> None:
    source = real_data / name
    data_set = imported(source / "videos", split=SplitOptions(person_regex=person_regex))
    assert data_set.left_out == [] and data_set.changed == [] and data_set.warnings == []
    assert data_set.classes == read_classes(source / "classes.json")

    people = {split: {clip.person for clip, _ in clips} for split, clips in data_set.clips.items()}
    assert sum(map(len, people.values())) == len(set.union(*people.values())) == num_people
    shares = [len(clips) / len(lines_of(data_set)) for clips in data_set.clips.values()]
    assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.02)
    for clips in data_set.clips.values():
        assert {clip.label for clip, _ in clips} == set(data_set.classes)

    files = [source / f"{split}.txt" for split in ("train", "val", "test")]
    known = {record.path: record for record in read_annotations(files, [source], data_set.classes)}
    lines = [line.split() for line in lines_of(data_set)]
    assert len(lines) == len(known)
    other_rate = set()
    for path, label, *_, video_end, rate in lines:
        record = known[source / "videos" / path]
        assert [int(label), int(video_end)] == [record.label, record.video_end]
        if float(rate) != pytest.approx(record.frame_rate_fps, rel=0.01):
            other_rate.add((path, rate))
    assert other_rate == (SLOW_MOTION if name == "smarthome_gestures" else set())


def test_people_of_paths_are_those_of_the_table(real_data: Path) -> None:
    rows = csv.DictReader((real_data / "asl_words" / "metadata.csv").open(encoding="utf-8"))
    for row in rows:
        match = re.search(r"(signer\d+)_", row["file"])
        assert match and match[1] == row["signer"]


def test_clips_of_jester_by_their_list(real_data: Path) -> None:
    source = real_data / "extra_jester20"
    data_set = imported(source)
    assert [len(clips) for clips in data_set.clips.values()] == [0, 0, 20] and len(data_set.classes) == 27
    known = [line.split() for line in (source / "test.txt").read_text(encoding="utf-8").splitlines()]
    found = [line.split() for line in lines_of(data_set)]
    assert [row[:6] for row in found] == sorted(row[:6] for row in known)
