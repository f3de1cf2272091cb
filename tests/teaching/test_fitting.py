"""The embedding of a run: fitted without validation clips, and after an interruption."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from action_recognition.checkpoint import TrainedModel
from action_recognition.data.annotations import read_annotations
from action_recognition.data.batches import Sample
from action_recognition.data.landmarks.datasets import LandmarkDataset
from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import TeachableRecogniser
from action_recognition.template import LandmarkAugmentation, LandmarkInput
from action_recognition.training import run as training_run
from action_recognition.training import teachable as fitting
from action_recognition.training.teachable import Copies, changed_copies, fit_without_others
from tests.made_landmarks import LABELS, RATE_FPS, write_set
from tests.teaching.conftest import made_clips


def network_of(teachable: TrainedModel) -> TeachableRecogniser:
    torch.manual_seed(0)
    network = build_recogniser(teachable.model, len(teachable.labels)).eval()
    assert isinstance(network, TeachableRecogniser)
    return network


@pytest.mark.parametrize("clips_per_class", [2, 8])
def test_a_scale_is_found_without_validation_clips(
    teachable: TrainedModel, clips_per_class: int
) -> None:
    network = network_of(teachable)
    clips, labels = made_clips(1, clips_per_class)
    fit_without_others(network, clips, labels)
    assert 3.0 <= float(network.embedding.score_scale) <= 60.0

    # The directions are those of all clips, and the network is right about others.
    assert (torch.linalg.vector_norm(network.embedding.class_directions, dim=0) > 0.99).all()
    others, expected = made_clips(2)
    with torch.inference_mode():
        assert (network(others).argmax(1) == expected).float().mean() >= 0.9


def test_left_out_clips_set_the_scale(
    teachable: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, labels = made_clips(1, 8)
    seen: list[tuple[int, int]] = []

    def fit(network: Any, own: Any, own_labels: Any, others: Any, other_labels: Any) -> None:
        seen.append((len(own), len(others)))
        network.embedding.score_scale.fill_(float(len(seen)))

    monkeypatch.setattr(fitting, "fit_network", fit)
    network = network_of(teachable)
    fit_without_others(network, clips, labels)
    assert seen == [(18, 6), (24, 24)] and float(network.embedding.score_scale) == 1.0


def test_a_finished_run_without_its_embedding_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, teachable: TrainedModel
) -> None:
    scales = {"best.pth": 5.0, "latest.pth": 0.0}
    for name in scales:
        (tmp_path / name).touch()
    monkeypatch.setattr(
        fitting,
        "read_checkpoint",
        lambda path: SimpleNamespace(
            state_dict={"embedding.score_scale": torch.tensor(scales[path.name])}
        ),
    )
    run: Any = SimpleNamespace(
        options=SimpleNamespace(save_checkpoints_to=tmp_path), model=teachable.model, best_is="best"
    )
    fitted: list[object] = []
    monkeypatch.setattr(training_run, "_nothing_left", lambda run: True)
    monkeypatch.setattr(training_run, "clip_data", lambda run: "clips")
    monkeypatch.setattr(training_run, "fit_embeddings", lambda run, data: fitted.append(data))

    assert training_run.train_prepared(run) == tmp_path / "latest.pth"
    assert fitted == ["clips"]
    scales["latest.pth"] = 5.0
    training_run.train_prepared(run)
    assert len(fitted) == 1


def test_copies_stay_with_their_clips(
    teachable: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, labels = made_clips(1, 4)
    copies = Copies(clips.repeat(2, 1, 1, 1, 1), labels.repeat(2), torch.arange(12).repeat(2))
    seen: list[tuple[int, int]] = []

    def fit(network: Any, own: Any, own_labels: Any, others: Any, other_labels: Any) -> None:
        # Of a clip that is left out no copy is fitted to.
        if len(others) < len(clips):
            assert not (own[:, None] == others).flatten(2).all(2).any()
        seen.append((len(own), len(others)))

    monkeypatch.setattr(fitting, "fit_network", fit)
    fit_without_others(network_of(teachable), clips, labels, copies)
    assert seen == [(27, 3), (36, 12)]


def test_one_clip_of_each_gesture_is_enough_with_copies(
    teachable: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTION_RECOGNITION_CACHE", str(tmp_path / "cache"))
    root = write_set(tmp_path / "set", clips_per_class=1)
    template = teachable.template
    assert isinstance(template.input, LandmarkInput)
    assert isinstance(template.training.augmentation, LandmarkAugmentation)
    store = LandmarkStore(default_store_folder(), RATE_FPS)
    records = read_annotations([root / "train.txt"], [root], LABELS)
    train = LandmarkDataset(records, template.input, store, template.training.augmentation)

    copies = changed_copies(train)
    assert copies is not None and copies.sources.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert copies.labels.tolist() == copies.sources.tolist() and copies.clips.shape[1:] == (
        4, 24, 2, 21,
    )  # fmt: skip
    # The copies of a clip differ, and are the same when asked for again.
    assert len(torch.unique(copies.clips.flatten(1), dim=0)) == 18
    again = changed_copies(train)
    assert again is not None and torch.equal(copies.clips, again.clips)

    plain = torch.stack([sample.clip for i in range(3) if isinstance(sample := train[i], Sample)])
    network = network_of(teachable)
    fit_without_others(network, plain, torch.arange(3), copies)
    others, expected = made_clips(2)
    with torch.inference_mode():
        assert (network(others).argmax(1) == expected).float().mean() >= 0.9


def test_many_clips_get_no_copies(teachable: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_MOST_COPIES", 2)
    train: Any = [None] * 3
    assert changed_copies(train) is None
