"""Fragments of streams as a data set: out of a store, the same for the same key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from action_recognition.data.annotations import read_annotations
from action_recognition.data.batches import Sample, collate
from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
from action_recognition.data.landmarks.stream_dataset import LandmarkStreamDataset
from action_recognition.template import LandmarkAugmentation, LandmarkInput, load_template_dir
from action_recognition.training.step.inputs import StepInputs, StepPlace
from tests.conftest import REPOSITORY
from tests.made_landmarks import LABELS, RATE_FPS, write_set

FOLDER = REPOSITORY / "model_templates/hand_landmarks/hand-landmarks-stream"
NEGATIVE = len(LABELS)
NAMES = [*LABELS, "rest"]


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LandmarkStreamDataset:
    monkeypatch.setenv("ACTION_RECOGNITION_CACHE", str(tmp_path / "cache"))
    root = write_set(tmp_path / "set", clips_per_class=3)
    records = read_annotations([root / "train.txt"], [root], NAMES)
    template, _ = load_template_dir(FOLDER)
    assert isinstance(template.input, LandmarkInput)
    augmentation = template.training.augmentation
    assert isinstance(augmentation, LandmarkAugmentation)
    store = LandmarkStore(default_store_folder(), RATE_FPS)
    return LandmarkStreamDataset(records, template.input, store, augmentation, NEGATIVE)


def test_a_key_gives_one_fragment(clips: LandmarkStreamDataset) -> None:
    one, again, other = (clips[key] for key in ((0, 1, 0), (0, 1, 0), (1, 1, 0)))
    assert isinstance(one, Sample) and isinstance(again, Sample) and isinstance(other, Sample)
    assert one.clip.shape == (4, 64, 2, 21) and one.targets is not None
    assert torch.equal(one.clip, again.clip) and not torch.equal(one.clip, other.clip)
    assert one.label in set(one.targets.tolist()) and NEGATIVE in set(one.targets.tolist())
    assert clips.num_without_hand() == 0 and len(clips.labels()) == len(clips) == 6


def test_the_network_learns_from_the_labels_of_frames(clips: LandmarkStreamDataset) -> None:
    template, model = load_template_dir(FOLDER)
    batch = collate([clips[i] for i in range(4)])
    inputs = StepInputs(template, model, NAMES, seed=0)
    landmarks, targets = inputs.of_step(batch, StepPlace(0))
    assert landmarks.shape == (4, 4, 64, 2, 21) and targets.shape == (4, 64)
    assert batch.targets is not None and torch.equal(targets, batch.targets)
    assert np.isfinite(landmarks.numpy()).all() and not torch.equal(landmarks, batch.clips)


def test_a_neighbour_that_cannot_be_read_is_passed_over(
    clips: LandmarkStreamDataset, tmp_path: Path
) -> None:
    (tmp_path / "set" / "gone").mkdir()
    first = Path(str(clips.records[0].path))
    first.rename(tmp_path / "set" / "gone" / first.name)
    for number in range(1, 6):
        for epoch in range(6):
            assert isinstance(clips[(epoch, number, 0)], Sample)
