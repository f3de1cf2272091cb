"""A model over hand landmarks from a handful of clips, in a second: statistics, and no training.

The embedding of a teachable network is fitted to the clips and to changed copies of them. Its
trained part counts nothing. What the model is worth is measured on clips that it was not fitted to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from action_recognition.checkpoint import TrainedModel
from action_recognition.data.landmarks.sampling import as_network_input, spread_clip, warped_places
from action_recognition.hands.slots import HandArray
from action_recognition.models.build import build_recogniser
from action_recognition.models.pretrained import sha256_of_tensors
from action_recognition.models.recogniser import TeachableRecogniser
from action_recognition.template import (
    HandLandmarksBackbone,
    Head,
    LandmarkAugmentation,
    LandmarkInput,
    TeachableEmbedding,
    TeachableLandmarksConfig,
    Template,
)
from action_recognition.training.step.landmark_augment import LandmarkAugment

_COPIES: Final = 6  # changed copies of each clip
_SHRINKAGE: Final = 0.2
_MOST_FOLDS: Final = 8
_NAME: Final = "studio"
_DOUBT: Final = 0.05
_MODEL: Final = TeachableLandmarksConfig(
    type="hand_landmarks_teachable",
    features_version=1,
    # The smallest network: its features do not count.
    backbone=HandLandmarksBackbone(hand_channels=1, channels=1, dilations=[1], dropout=0.0),
    head=Head(embedding_size=1),
    embedding=TeachableEmbedding(descriptor_share=1.0, shrinkage=_SHRINKAGE),
)


@dataclass(frozen=True, eq=False)
class QuickModel:
    """A model, and what it says to clips that it was not fitted to.

    Attributes:
        trained: the model in the form of a training run's result, so that it can be exported.
        confusion: (C, C) int64, clips of each class by the class that they were taken for.
        taken_for: the class of each clip, in the order of the clips, -1 where none was measured.
        people_apart: True where each clip was taken by a model without the clips of its person.

    """

    trained: TrainedModel
    confusion: NDArray[np.int64]
    taken_for: NDArray[np.int64]
    people_apart: bool

    @property
    def accuracy(self) -> float:
        """Share of the measured clips that are right, in per cent."""
        total = int(self.confusion.sum())
        return 100.0 * float(np.trace(self.confusion)) / max(1, total)


def learn_quickly(
    hands: Sequence[HandArray],
    labels: Sequence[int],
    people: Sequence[str],
    names: Sequence[str],
    template: Template,
    negative: str | None = None,
) -> QuickModel:
    """Learn from the hands (T, 2, 21, 4) of clips, and measure on those that were left out.

    Every class needs two clips, each of which shows a hand. `template` is one over landmarks. Its
    name, length of clips and augmentation count.
    """
    numbers = np.array(labels, np.int64)
    plain, changed = _inputs(hands, template)
    described = _described(plain, changed, len(names))
    folds, people_apart = _folds(numbers, people)
    left_out = np.full((len(hands), len(names)), np.nan, np.float32)
    for fold in range(folds.max() + 1):
        kept = folds != fold
        network = _fitted(described, numbers, kept, len(names))
        with torch.inference_mode():
            left_out[~kept] = network(plain[torch.from_numpy(~kept)]).numpy()

    network = _fitted(described, numbers, np.ones(len(hands), bool), len(names))
    network.embedding.score_scale.fill_(_scale(left_out, numbers))
    taken_for = left_out.argmax(1)
    confusion = np.zeros((len(names), len(names)), np.int64)
    np.add.at(confusion, (numbers, taken_for), 1)

    named = template.model_copy(
        update={"name": _NAME, "negative_label": negative if negative in names else None}
    )
    trained = TrainedModel(network.state_dict(), tuple(names), named, _MODEL, {}, _sha256(network))
    return QuickModel(trained, confusion, taken_for, people_apart)


def fitted_statistics(
    hands: Sequence[HandArray], labels: Sequence[int], num_classes: int, template: Template
) -> TeachableRecogniser:
    """Return a network that is fitted to all of the clips. Its scale is not.

    Each clip shows a hand. Its cosines say which gesture is likeliest, and not how sure that is.
    """
    numbers = np.array(labels, np.int64)
    described = _described(*_inputs(hands, template), num_classes)
    return _fitted(described, numbers, np.ones(len(hands), bool), num_classes)


def _inputs(hands: Sequence[HandArray], template: Template) -> tuple[Tensor, Tensor]:
    """Return the clips (N, 4, T, 2, 21) as they are evaluated, and changed copies (N, K, ...)."""
    clip_input, augmentation = template.input, template.training.augmentation
    assert isinstance(clip_input, LandmarkInput) and isinstance(augmentation, LandmarkAugmentation)
    length, rng = clip_input.clip_len, np.random.default_rng(0)
    plain = np.stack([as_network_input(spread_clip(array, length)) for array in hands])

    copies = []
    for array in hands:
        for _ in range(_COPIES):
            warp, cut = augmentation.time_warp, augmentation.cut_ends
            clip = array[warped_places(len(array), length, warp, cut, rng)]
            seen = clip if clip[..., -1].any() else spread_clip(array, length)
            copies.append(as_network_input(seen))
    generator = torch.Generator().manual_seed(0)
    changed = LandmarkAugment(augmentation)(torch.from_numpy(np.stack(copies)), generator)
    return torch.from_numpy(plain), changed.view(len(hands), _COPIES, *changed.shape[1:])


def _folds(labels: NDArray[np.int64], people: Sequence[str]) -> tuple[NDArray[np.int64], bool]:
    """Return the fold of each clip: its person where every class has two of them, else a share.

    No fold has all clips of a class.
    """
    persons, person = np.unique(np.array(people), return_inverse=True)
    has_two = all(len(set(person[labels == label])) > 1 for label in np.unique(labels))
    if has_two:
        # The people of a class must not end in the same fold.
        most = max(2, min(_MOST_FOLDS, len(persons)))
        for num_folds in (*range(most, 1, -1), len(persons)):
            folds = person % num_folds
            if all(len(set(folds[labels == label])) > 1 for label in np.unique(labels)):
                return folds, True
    folds = np.zeros(len(labels), person.dtype)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        folds[places] = np.arange(len(places)) % _MOST_FOLDS
    return folds, False


class _Described(NamedTuple):
    """Features (N, 1 + K, F) and statistics (N, 1 + K, S) of clips, each before its K copies."""

    features: Tensor
    statistics: Tensor


def _network(num_classes: int) -> TeachableRecogniser:
    """Return a network that is not fitted. Its weights are always the same."""
    torch.manual_seed(0)
    network = build_recogniser(_MODEL, num_classes).eval()
    assert isinstance(network, TeachableRecogniser)
    return network


def _described(plain: Tensor, changed: Tensor, num_classes: int) -> _Described:
    """Return what a network is fitted to: once for all folds, which take most of it again."""
    network = _network(num_classes)
    clips = torch.cat([plain[:, None], changed], 1)
    with torch.inference_mode():
        features = network.features(clips.flatten(0, 1))
        statistics = network.embedding.descriptor(clips.flatten(0, 1))
    # A fit takes no tensors of inference.
    num_clips, each = clips.shape[:2]
    return _Described(
        features.view(num_clips, each, -1).clone(), statistics.view(num_clips, each, -1).clone()
    )


def _fitted(
    described: _Described,
    labels: NDArray[np.int64],
    kept: NDArray[np.bool_],
    num_classes: int,
) -> TeachableRecogniser:
    """Return a network that is fitted to some clips and their copies."""
    network, here = _network(num_classes), torch.from_numpy(kept)
    targets = torch.from_numpy(labels)[here].repeat_interleave(1 + _COPIES)
    features, statistics = (values[here].flatten(0, 1) for values in described)
    network.embedding.fit(features, statistics, targets)
    return network


def _scale(cosines: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the scale of logits with the highest likelihood of clips that were left out.

    Part of each target goes to all classes, so that a few right answers do not make it sure.
    """
    scales = np.geomspace(3.0, 30.0, 40)
    losses = []
    for scale in scales:
        logits = cosines.astype(np.float64) * scale
        logits -= logits.max(1, keepdims=True)
        shares = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        right = shares[np.arange(len(labels)), labels]
        losses.append(-float(((1.0 - _DOUBT) * right + _DOUBT * shares.mean(1)).mean()))
    return float(scales[int(np.argmin(losses))])


def _sha256(network: torch.nn.Module) -> str:
    """Return a sum over all weights, which names the model."""
    return sha256_of_tensors(network.state_dict())
