"""Each planted fault is found at its line, with its repair, and nothing else; certain repairs leave
nothing to find.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from action_recognition.dataset_tools.checking import media_reading
from action_recognition.dataset_tools.checking.fixing import write_fixed
from action_recognition.dataset_tools.checking.kinds import HAND_KINDS, KINDS
from tests.dataset_tools.checking import plants_files, plants_lines
from tests.dataset_tools.checking.made import PEOPLE, DataSet
from tests.dataset_tools.checking.planting import PLANTS, Plant


class ReadOnce:
    """Reads media, but the same bytes under the same name only once: a fault is planted in one of
    15 clips, and those around it are the same for every plant.
    """

    def __init__(self, read: Callable[[Path], media_reading.MediaReport]) -> None:
        self._read = read
        self._known: dict[object, media_reading.MediaReport] = {}

    def __call__(self, path: Path) -> media_reading.MediaReport:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        contents = [(file.name, file.is_file() and file.read_bytes()) for file in files]
        key = (path.name, path.is_dir(), tuple(contents))
        if key not in self._known:
            self._known[key] = self._read(path)
        return self._known[key]


@functools.cache
def read_once() -> ReadOnce:
    return ReadOnce(media_reading.inspect_media)


@pytest.fixture(autouse=True)
def unchanged_clips_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_reading, "inspect_media", read_once())


def test_nothing_is_found_where_nothing_is_wrong(data: DataSet) -> None:
    checked = data.check()
    assert not list(checked.findings) and checked.num_rows == 15 and not checked.findings.repairs


def test_plants_are_of_nearly_all_kinds() -> None:
    assert {plants_files.__name__, plants_lines.__name__} == {
        plant.plant.__module__ for plant in PLANTS
    }
    planted = {plant.kind for plant in PLANTS}
    assert len(planted) >= 30 and planted <= KINDS.keys()
    assert KINDS.keys() - planted == {
        "too-short-for-template",
        "too-slow-to-read",
        *HAND_KINDS,
    }  # tested by themselves


@pytest.mark.parametrize("plant", PLANTS, ids=[plant.name for plant in PLANTS])
def test_a_planted_fault_is_found(plant: Plant, data: DataSet, tmp_path: Path) -> None:
    plant_and_find(plant, data, tmp_path)


@pytest.mark.parametrize("plant", PLANTS, ids=[plant.name for plant in PLANTS])
def test_a_fault_planted_among_real_clips_is_found(
    plant: Plant, real_clips: DataSet, tmp_path: Path
) -> None:
    plant_and_find(plant, real_clips, tmp_path)


def plant_and_find(plant: Plant, data: DataSet, tmp_path: Path) -> None:
    plant.plant(data)
    checked = data.check(**plant.options)
    found = list(checked.findings)
    (fault,) = [item for item in found if item.kind == plant.kind and item.line == plant.place[1]][
        :1
    ] or pytest.fail(str(found))
    assert (Path(fault.file).stem, fault.line) == plant.place
    assert plant.repair in fault.repair
    assert {item.kind for item in found} - {*plant.others} <= {plant.kind}
    if not plant.others:
        assert len(found) == 1
    files = list(
        write_fixed(checked.ann_files, checked.findings, tmp_path / "fixed", checked.labels.file)
    )
    if plant.repaired:
        assert not list(data.check(ann_files=files).findings)
    elif not checked.findings.repairs:
        assert [file.read_bytes() for file in files] == [unified(data, split) for split in PEOPLE]


def unified(data: DataSet, split: str) -> bytes:
    """What a copy without repairs holds: the same lines, ended alike."""
    return (data.root / f"{split}.txt").read_bytes().replace(b"\r\n", b"\n")
