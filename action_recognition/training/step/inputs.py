"""The input of one training step: augmented, then spliced or mixed, with its targets.

The Lightning module, `show.py --as-trained` and `--find-batch-size` all go through `StepInputs`,
so what they show and measure is what a run trains on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from action_recognition.data.batches import Batch
from action_recognition.template import (
    BatchAugmentation,
    EarlyCrossEntropy,
    LandmarkAugmentation,
    Mix,
    ModelConfig,
    SteppingConfig,
    Template,
)
from action_recognition.training.step.augment import BatchAugment
from action_recognition.training.step.landmark_augment import LandmarkAugment
from action_recognition.training.step.mix import mix_clips
from action_recognition.training.step.splice import NO_LABEL, splice_clips, step_targets


@dataclass(frozen=True)
class StepPlace:
    """The place of a batch in a run: optimiser step, process, and number of processes.

    `part` counts the batches that are accumulated within a step. Random draws follow from the
    place and the seed alone, so a resumed run draws what an uninterrupted one would have drawn.
    """

    step: int
    part: int = 0
    rank: int = 0
    world_size: int = 1

    @property
    def share(self) -> int:
        """Number of this batch within its step, over processes and accumulated batches."""
        return self.rank + self.world_size * self.part


class StepInputs:
    """Changes of a batch between the data loader and the network, by the template's recipe."""

    def __init__(
        self, template: Template, model: ModelConfig, labels: Sequence[str], seed: int
    ) -> None:
        self.seed = seed
        self.num_classes = len(labels)
        self.negative_class = _negative_class(labels, template)
        self._augment = _batch_augment(template)
        self._mix: Mix | None = template.training.mix
        self._frames_per_step = model.frames_per_step if isinstance(model, SteppingConfig) else None
        loss = template.training.loss
        self._splice_probability = (
            loss.splice_probability if isinstance(loss, EarlyCrossEntropy) else 0.0
        )

    def of_step(self, batch: Batch, place: StepPlace) -> tuple[Tensor, Tensor]:
        """Augment a batch and mix it: clips, in the form of `Batch`, and their targets."""
        return self.mixed(self.augmented(batch, place), place)

    def augmented(self, batch: Batch, place: StepPlace) -> Batch:
        """Change the clips of a batch at random, on their device.

        A recipe whose augmentation changes clips one by one leaves the batch as it is.
        """
        if self._augment is None or not len(batch.labels):
            return batch
        first_share = place.world_size * place.part
        generator = step_generator(self.seed, place.step, first_share, "augment")
        clips = self._augment(batch.clips, generator, place.rank, place.world_size)
        return batch._replace(clips=clips)

    def mixed(self, batch: Batch, place: StepPlace) -> tuple[Tensor, Tensor]:
        """Return the clips that the network gets, and their targets.

        - Fragments of streams: as they are, with the labels (N, T) of their frames.
        - A causal network: clips that begin after other clips, and labels (N, S) of their steps.
        - A recipe with `mix`: blended clips, and shares (N, C) of the classes.
        - Otherwise clips and labels (N,) as they are.
        """
        if batch.targets is not None:
            return batch.clips, batch.targets.to(batch.clips.device)
        if self._frames_per_step is not None:
            return self._spliced(batch, step_generator(self.seed, place.step, place.share, "mix"))
        if self._mix is None:
            return batch.clips, batch.labels
        targets = F.one_hot(batch.labels, self.num_classes).to(torch.float32)
        generator = step_generator(self.seed, place.step, place.share, "mix")
        return mix_clips(batch.clips, targets, self._mix, generator)

    def _spliced(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        assert self._frames_per_step is not None
        targets = step_targets(
            batch.labels,
            batch.inside,
            num_frames=batch.clips.shape[2],
            frames_per_step=self._frames_per_step,
            before=self.negative_class,
        )
        probability = self._splice_probability
        return splice_clips(batch.clips, targets, probability=probability, generator=generator)


def step_generator(
    seed: int, step: int, share: int, purpose: Literal["augment", "mix"]
) -> torch.Generator:
    """Return a CPU generator that follows from the step alone, a different one for each purpose."""
    place = ("augment", "mix").index(purpose)
    return torch.Generator().manual_seed(hash((seed, step, share, place)))


def _negative_class(labels: Sequence[str], template: Template) -> int:
    """Return the number of the class that means no gesture, -1 where there is none."""
    name = template.negative_label
    return list(labels).index(name) if name is not None and name in labels else NO_LABEL


def _batch_augment(template: Template) -> BatchAugment | LandmarkAugment | None:
    """Return the augmentation of whole batches. None: the recipe changes clips one by one."""
    config = template.training.augmentation
    if isinstance(config, LandmarkAugmentation):
        return LandmarkAugment(config)
    if isinstance(config, BatchAugmentation):
        return BatchAugment(config, template.frames.crop_size)
    return None
