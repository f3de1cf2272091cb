"""The data set without a fault, and copies to plant faults in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.checking.made import DataSet, copy_of, make_data_set


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data_set(tmp_path_factory.mktemp("made") / "set")


@pytest.fixture
def data(made: Path, tmp_path: Path) -> DataSet:
    return copy_of(made, tmp_path / "my set")
