"""A small teachable model over made landmarks, exported once, and files of drawn hands."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from action_recognition.checkpoint import TrainedModel
from action_recognition.data.landmarks.sampling import as_network_input, spread_clip
from action_recognition.dataset_tools.drawn_hands import TEST_STYLE, draw_clip, write_video
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.hands.slots import RIGHT
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import TeachableRecogniser
from action_recognition.template import (
    HandLandmarksBackbone,
    Head,
    TeachableEmbedding,
    TeachableLandmarksConfig,
    load_template_dir,
)
from action_recognition.training.teachable import fit_network
from tests.conftest import REPOSITORY
from tests.made_landmarks import LABELS, TEMPLATE, moving_hand

SEEDS = (0, 1, 2, 4)  # of drawn clips in which the hand is seen all the time


def made_clips(seed: int, clips_per_class: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Landmark clips (N, 4, T, 2, 21) of the three made gestures, and their labels."""
    rng = np.random.default_rng(seed)
    clips, labels = [], []
    for label, kind in enumerate(LABELS):
        for _ in range(clips_per_class):
            array = np.zeros((16, 2, 21, 4), np.float32)
            array[:, RIGHT, :, :3], array[:, RIGHT, :, 3] = moving_hand(kind, rng), 1.0
            clips.append(as_network_input(spread_clip(array, 24)))
            labels.append(label)
    return torch.from_numpy(np.stack(clips)), torch.tensor(labels)


@pytest.fixture(scope="session")
def teachable() -> TrainedModel:
    torch.manual_seed(0)
    backbone = HandLandmarksBackbone(hand_channels=8, channels=8, dilations=[1], dropout=0.0)
    model = TeachableLandmarksConfig(
        type="hand_landmarks_teachable",
        features_version=1,
        backbone=backbone,
        head=Head(embedding_size=4),
        embedding=TeachableEmbedding(descriptor_share=0.7, shrinkage=0.3),
    )
    network = build_recogniser(model, len(LABELS)).eval()
    assert isinstance(network, TeachableRecogniser)
    fit_network(network, *made_clips(1), *made_clips(2))
    template, _ = load_template_dir(REPOSITORY / TEMPLATE.replace("-clips", "-teachable"))
    return TrainedModel(network.state_dict(), LABELS, template, model, {}, "1" * 64)


@pytest.fixture(scope="session")
def exported_once(
    teachable: TrainedModel, hand_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("teachable") / "export"
    export_model(teachable, folder, ExportOptions(fp16=True))
    return folder


@pytest.fixture
def exported(exported_once: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(exported_once, tmp_path / "export"))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Video files of two motions of drawn hands."""
    folder = tmp_path_factory.mktemp("drawn")
    files: dict[str, list[Path]] = {}
    for motion in ("swipe_left", "move_closer"):
        for seed in SEEDS:
            clip = draw_clip(motion, seed, TEST_STYLE)
            path = folder / f"{motion}_{seed}.mp4"
            write_video(path, clip.frames_thwc, clip.frame_rate_fps)
            files.setdefault(motion, []).append(path)
    return files
