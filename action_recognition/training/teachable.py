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


def fit_embeddings(run: PreparedRun, data: ClipData) -> None:
    """Fit the embedding of `best.pth` and `latest.pth` to the training clips, and write it there.

    The scale of its cosines is fitted to the validation clips.
    """
    for name in (BEST, LATEST):
        path = run.options.save_checkpoints_to / name
        if path.is_file():
            began = time.monotonic()
            accuracy = _fit(path, run, data)
            took = f"{time.monotonic() - began:.1f} s"
            say(f"embedding of {name}: val top-1 {accuracy:.1f} %, fitted in {took}")


def _fit(path: Path, run: PreparedRun, data: ClipData) -> float:
    """Fit the embedding of one checkpoint. Return the top-1 of the validation clips in per cent."""
    raw = read_checkpoint(path)
    network = build_recogniser(run.model, len(run.labels))
    assert isinstance(network, TeachableRecogniser)
    network.load_state_dict(raw.state_dict)
    network.eval()

    assert isinstance(run.template.input, LandmarkInput)
    assert isinstance(data.train, LandmarkDataset) and isinstance(data.val, LandmarkDataset)
    # Training clips as they are evaluated, without random changes.
    plain = LandmarkDataset(data.train.records, run.template.input, data.train.store)
    fit_network(network, *_clips(plain), *_clips(data.val))

    clips, labels = _clips(data.val)
    with torch.inference_mode():
        accuracy = (network(clips).argmax(1) == labels).float().mean()
    fitted = network.embedding.state_dict(prefix=f"{NETWORK_PREFIX}embedding.")
    save_atomically(raw.content | {"state_dict": raw.content["state_dict"] | fitted}, path)
    return 100.0 * float(accuracy)


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
