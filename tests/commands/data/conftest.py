"""A small made data set for the commands on annotation files: made once, a copy for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dataset_tools.checking.made import DataSet, copy_of, make_data_set


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data_set(tmp_path_factory.mktemp("made") / "set")


@pytest.fixture
def data(made: Path, tmp_path: Path) -> DataSet:
    return copy_of(made, tmp_path / "set")
