"""Fit the embedding of a teachable network, once its training is over."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from action_recognition.checkpoint import NETWORK_PREFIX, read_checkpoint, save_atomically
from action_recognition.console import say
from action_recognition.data.batches import Sample
from action_recognition.data.landmarks.datasets import LandmarkDataset
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import TeachableRecogniser
from action_recognition.template import LandmarkAugmentation, LandmarkInput
from action_recognition.training.checkpoints.saving import BEST, LATEST
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.prepared import PreparedRun
from action_recognition.training.step.landmark_augment import LandmarkAugment

_CLIPS_AT_ONCE = 256
_LEAVE_OUT_EVERY = 4
# Changed copies of each clip, and of all clips: they take memory and time. Where many clips show
# how people differ, copies no longer help: docs/results/peers.md.
_COPIES = 6
_MOST_COPIES = 3000


class Copies(NamedTuple):
    """Randomly changed clips (M, 4, T, 2, 21), their labels (M,), and whose copies they are (M,).

    `sources` are places of the clips that were copied.
    """

    clips: Tensor
    labels: Tensor
    sources: Tensor

    def of(self, is_wanted: Tensor) -> Copies:
        """Return the copies of those clips where (N,) is True."""
        here = is_wanted[self.sources]
        return Copies(self.clips[here], self.labels[here], self.sources[here])


def fit_embeddings(run: PreparedRun, data: ClipData) -> None:
    """Fit the embedding of `best.pth` and `latest.pth` to the training clips, and write it there.

    Changed copies of the clips take part: a few clips alone do not show how much clips of a gesture
    differ. The scale of its cosines is fitted to the validation clips. Where there are none, it is
    fitted to every fourth training clip, by an embedding of the others.
    """
    paths = [run.options.save_checkpoints_to / name for name in (BEST, LATEST)]
    present = [path for path in paths if path.is_file()]
    # Both are fitted to the same clips, which are read and changed once.
    clips = _fitting_clips(run, data)
    for path in present:
        began = time.monotonic()
        found = _fit(path, run, clips)
        say(f"embedding of {path.name}: {found}, fitted in {time.monotonic() - began:.1f} s")


def are_fitted(run: PreparedRun) -> bool:
    """Return False where a run ended between its last epoch and `fit_embeddings`."""
    paths = (run.options.save_checkpoints_to / name for name in (BEST, LATEST))
    states = (read_checkpoint(path).state_dict for path in paths if path.is_file())
    return all(float(state["embedding.score_scale"]) > 0.0 for state in states)


class _FittingClips(NamedTuple):
    """Clips and labels: of training as they are evaluated, their changed copies, of validation."""

    plain: tuple[Tensor, Tensor]
    copies: Copies | None
    val: tuple[Tensor, Tensor] | None


def _fitting_clips(run: PreparedRun, data: ClipData) -> _FittingClips:
    assert isinstance(run.template.input, LandmarkInput)
    assert isinstance(data.train, LandmarkDataset)
    # Without random changes.
    plain = _clips(LandmarkDataset(data.train.records, run.template.input, data.train.store))
    assert data.val is None or isinstance(data.val, LandmarkDataset)
    val = None if data.val is None else _clips(data.val)
    return _FittingClips(plain, changed_copies(data.train), val)


def _fit(path: Path, run: PreparedRun, clips: _FittingClips) -> str:
    """Fit the embedding of one checkpoint. Return what its scale was fitted to."""
    raw = read_checkpoint(path)
    network = build_recogniser(run.model, len(run.labels))
    assert isinstance(network, TeachableRecogniser)
    network.load_state_dict(raw.state_dict)
    network.eval()

    if clips.val is None:
        fit_without_others(network, *clips.plain, clips.copies)
        found = "scale by training clips that were left out"
    else:
        fit_network(network, *_joined(*clips.plain, clips.copies), *clips.val)
        found = f"val top-1 {_accuracy(network, *clips.val):.1f} %"

    fitted = network.embedding.state_dict(prefix=f"{NETWORK_PREFIX}embedding.")
    save_atomically(raw.content | {"state_dict": raw.content["state_dict"] | fitted}, path)
    return found


def _accuracy(network: TeachableRecogniser, clips: Tensor, labels: Tensor) -> float:
    """Return the top-1 in per cent."""
    with torch.inference_mode():
        return 100.0 * float((network(clips).argmax(1) == labels).float().mean())


def fit_without_others(
    network: TeachableRecogniser, clips: Tensor, labels: Tensor, copies: Copies | None = None
) -> None:
    """Fit the embedding as `fit_network`, and its scale to a quarter of the same clips.

    For the scale, an embedding of the other clips and their copies scores them. The classes take
    turns, so that each has clips in both parts where it can.
    """
    place = torch.empty_like(labels)
    for label in torch.unique(labels):
        of_label = (labels == label).nonzero().flatten()
        place[of_label] = torch.arange(len(of_label))
    is_left_out = place % _LEAVE_OUT_EVERY == _LEAVE_OUT_EVERY - 1
    # Three clips a class are too few to leave any out. Such a scale is too sure of itself.
    joined = _joined(clips, labels, copies)
    if not is_left_out.any():
        fit_network(network, *joined, clips, labels)
        return

    kept = ~is_left_out
    others = _joined(clips[kept], labels[kept], None if copies is None else copies.of(kept))
    fit_network(network, *others, clips[is_left_out], labels[is_left_out])
    scale = network.embedding.score_scale.clone()
    fit_network(network, *joined, clips, labels)
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


def changed_copies(train: LandmarkDataset) -> Copies | None:
    """Return changed copies of the clips that can be read, or None where there are enough clips."""
    number = min(_COPIES, _MOST_COPIES // max(1, len(train)))
    if not number or not isinstance(train.augmentation, LandmarkAugmentation):
        return None

    clips, labels, sources, place = [], [], [], 0
    plain = LandmarkDataset(train.records, train.clip_input, train.store)
    for index in range(len(train)):
        # `_clips` has no place for a clip that cannot be read. One without any hand has a place
        # there and no copies.
        if not isinstance(plain[index], Sample):
            continue
        drawn = [train[0, index, copy] for copy in range(number)]
        samples = [sample for sample in drawn if isinstance(sample, Sample)]
        clips += [sample.clip for sample in samples]
        labels += [sample.label for sample in samples]
        sources += [place] * len(samples)
        place += 1
    if not clips:
        return None

    change = LandmarkAugment(train.augmentation)
    generator = torch.Generator().manual_seed(train.seed)
    parts = torch.split(torch.stack(clips), _CLIPS_AT_ONCE)
    changed = torch.cat([change(part, generator) for part in parts])
    return Copies(changed, torch.tensor(labels), torch.tensor(sources))


def _joined(clips: Tensor, labels: Tensor, copies: Copies | None) -> tuple[Tensor, Tensor]:
    """Return clips and labels with those of the copies behind them."""
    if copies is None:
        return clips, labels
    return torch.cat([clips, copies.clips]), torch.cat([labels, copies.labels])
