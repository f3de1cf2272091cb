"""The data set without a fault, and copies to plant faults in."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from action_recognition.data.video import count_frames, read_frames
from tests.dataset_tools.checking.made import NUM_FRAMES, DataSet, copy_of, make_data_set


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data_set(tmp_path_factory.mktemp("made") / "set")


REAL_PEOPLE = {"anna": "p02", "ben": "p05", "cleo": "p19", "dora": "p12", "emil": "p15"}
REAL_CLASSES = ("FanUp", "Num5", "LightOff")


@pytest.fixture(scope="session")
def made_of_real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `made`, of phone clips of five people."""

    def frames_of(person: str, number: int) -> NDArray[np.uint8]:
        name = f"{REAL_CLASSES[number]}/{REAL_PEOPLE[person]}_{REAL_CLASSES[number]}_"
        path = sorted((real_data / "smarthome_gestures" / "videos").glob(f"{name}*.mp4"))[0]
        places = np.linspace(0, count_frames(path) - 1, NUM_FRAMES).round().astype(int).tolist()
        return np.stack(
            [
                cv2.resize(frame, (72, 96), interpolation=cv2.INTER_AREA)
                for frame in read_frames(path, places)
            ]
        )

    return make_data_set(tmp_path_factory.mktemp("real") / "set", frames_of)


@pytest.fixture
def real_clips(made_of_real: Path, tmp_path: Path) -> DataSet:
    return copy_of(made_of_real, tmp_path / "my set")


@pytest.fixture
def data(made: Path, tmp_path: Path) -> DataSet:
    return copy_of(made, tmp_path / "my set")
