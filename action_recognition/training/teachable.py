"""Fit the embedding of a teachable network, once its training is over."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor

from action_recognition.checkpoint import NETWORK_PREFIX, read_checkpoint, save_atomically
from action_recognition.console import say
from action_recognition.data.batches import Sample
from action_recognition.data.landmarks.datasets import LandmarkDataset
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import TeachableRecogniser
from action_recognition.template import LandmarkInput
from action_recognition.training.checkpoints.saving import BEST, LATEST
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.prepared import PreparedRun

_CLIPS_AT_ONCE = 256
_LEAVE_OUT_EVERY = 4


def fit_embeddings(run: PreparedRun, data: ClipData) -> None:
    """Fit the embedding of `best.pth` and `latest.pth` to the training clips, and write it there.

    The scale of its cosines is fitted to the validation clips. Where there are none, it is fitted
    to every fourth training clip, by an embedding of the others.
    """
    for name in (BEST, LATEST):
        path = run.options.save_checkpoints_to / name
        if path.is_file():
            began = time.monotonic()
            found = _fit(path, run, data)
            say(f"embedding of {name}: {found}, fitted in {time.monotonic() - began:.1f} s")


def are_fitted(run: PreparedRun) -> bool:
    """Return False where a run ended between its last epoch and `fit_embeddings`."""
    paths = (run.options.save_checkpoints_to / name for name in (BEST, LATEST))
    states = (read_checkpoint(path).state_dict for path in paths if path.is_file())
    return all(float(state["embedding.score_scale"]) > 0.0 for state in states)


def _fit(path: Path, run: PreparedRun, data: ClipData) -> str:
    """Fit the embedding of one checkpoint. Return what its scale was fitted to."""
    raw = read_checkpoint(path)
    network = build_recogniser(run.model, len(run.labels))
    assert isinstance(network, TeachableRecogniser)
    network.load_state_dict(raw.state_dict)
    network.eval()

    assert isinstance(run.template.input, LandmarkInput)
    assert isinstance(data.train, LandmarkDataset)
    # Training clips as they are evaluated, without random changes.
    plain = _clips(LandmarkDataset(data.train.records, run.template.input, data.train.store))
    if data.val is None:
        fit_without_others(network, *plain)
        found = "scale by training clips that were left out"
    else:
        assert isinstance(data.val, LandmarkDataset)
        val = _clips(data.val)
        fit_network(network, *plain, *val)
        found = f"val top-1 {_accuracy(network, *val):.1f} %"

    fitted = network.embedding.state_dict(prefix=f"{NETWORK_PREFIX}embedding.")
    save_atomically(raw.content | {"state_dict": raw.content["state_dict"] | fitted}, path)
    return found


def _accuracy(network: TeachableRecogniser, clips: Tensor, labels: Tensor) -> float:
    """Return the top-1 in per cent."""
    with torch.inference_mode():
        return 100.0 * float((network(clips).argmax(1) == labels).float().mean())


def fit_without_others(network: TeachableRecogniser, clips: Tensor, labels: Tensor) -> None:
    """Fit the embedding as `fit_network`, and its scale to a quarter of the same clips.

    For the scale, an embedding of the other clips scores them. The classes take turns, so that
    each has clips in both parts where it can.
    """
    place = torch.empty_like(labels)
    for label in torch.unique(labels):
        of_label = (labels == label).nonzero().flatten()
        place[of_label] = torch.arange(len(of_label))
    is_left_out = place % _LEAVE_OUT_EVERY == _LEAVE_OUT_EVERY - 1
    # Three clips a class are too few to leave any out. Such a scale is too sure of itself.
    if not is_left_out.any():
        fit_network(network, clips, labels, clips, labels)
        return

    fit_network(
        network, clips[~is_left_out], labels[~is_left_out], clips[is_left_out], labels[is_left_out]
    )
    scale = network.embedding.score_scale.clone()
    fit_network(network, clips, labels, clips, labels)
    network.embedding.score_scale.copy_(scale)


def fit_network(
    network: TeachableRecogniser,
    clips: Tensor,
    labels: Tensor,
    other_clips: Tensor,
    other_labels: Tensor,
) -> None:
    """Fit the embedding to landmark clips (N, 4, T, 2, 21) with labels (N,), its scale to others.

    Clips without any hand teach nothing.
    """
    seen = clips[:, -1].flatten(1).amax(1) > 0
    clips, labels = clips[seen], labels[seen]
    with torch.inference_mode():
        parts = torch.split(clips, _CLIPS_AT_ONCE)
        features = torch.cat([network.features(part) for part in parts])
        statistics = torch.cat([network.embedding.descriptor(part) for part in parts])
        network.embedding.fit(features, statistics, labels)
        network.embedding.fit_scale(network.embed(other_clips), other_labels)


def _clips(dataset: LandmarkDataset) -> tuple[Tensor, Tensor]:
    """Return the clips (N, 4, T, 2, 21) and labels (N,) that can be read."""
    samples = [sample for i in range(len(dataset)) if isinstance(sample := dataset[i], Sample)]
    clips = torch.stack([sample.clip for sample in samples])
    return clips, torch.tensor([sample.label for sample in samples])
