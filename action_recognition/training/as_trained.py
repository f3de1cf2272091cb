"""What the network learns from: the clips of a run's first steps, cropped, changed and mixed exactly as the run does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional as F

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.labels import training_labels
from action_recognition.template import CausalConfig, EarlyCrossEntropy, Template
from action_recognition.training.options import TrainOptions
from action_recognition.training.run import clip_data, load_run
from action_recognition.training.step.mix import mix_clips
from action_recognition.training.step.module import batch_augment, no_gesture_label, step_generator
from action_recognition.training.step.splice import splice_clips, step_targets


class TrainedBatch(NamedTuple):
    """`clips` (N, 3, T, H, W) uint8 RGB as the network gets them before mean and scale; a caption and a path for each."""

    clips: torch.Tensor
    captions: list[str]
    paths: list[MediaPath]


def trained_batches(
    work_dir: Path, options: TrainOptions, num_steps: int
) -> Iterator[TrainedBatch]:
    """The batches of the first steps of `train(work_dir, options)` on one device.

    Captions are labels, after mirroring, and with their shares where clips are mixed. Errors: those of a run's annotations and template.
    """
    template, model = load_run(work_dir, options)
    labels, _ = training_labels(
        options.train_ann_files, options.classes, template.labels, options.train_data_roots
    )
    data = clip_data(template, options, labels)
    augment = batch_augment(template)
    for step, batch in zip(range(num_steps), data.train_dataloader(), strict=False):
        clips = batch.clips
        if augment is not None:
            clips = augment(clips, step_generator(options.seed, step, 0, "augment"))
        generator = step_generator(options.seed, step, 0, "mix")
        if isinstance(model, CausalConfig):
            targets = step_targets(
                batch.labels,
                batch.inside,
                num_frames=clips.shape[2],
                frames_per_step=model.frames_per_step,
                before=no_gesture_label(labels, template),
            )
            clips, captions = _spliced(clips, batch.labels, targets, labels, template, generator)
        else:
            clips, captions = _mixed(clips, batch.labels, labels, template, generator)
        yield TrainedBatch(
            clips.clamp(0, 255).to(torch.uint8), captions, _paths(data.train, batch.indices)
        )


def _mixed(
    clips: torch.Tensor,
    numbers: torch.Tensor,
    labels: list[str],
    template: Template,
    generator: torch.Generator,
) -> tuple[torch.Tensor, list[str]]:
    mix = template.training.mix
    if mix is None:
        return clips, [labels[number] for number in numbers.tolist()]
    clips, shares = mix_clips(clips, F.one_hot(numbers, len(labels)).float(), mix, generator)
    captions = []
    for row in shares.tolist():
        present = sorted(
            ((share, name) for share, name in zip(row, labels, strict=True) if share > 0),
            reverse=True,
        )
        captions.append(
            " + ".join(
                f"{name} {100 * share:.0f} %" if len(present) > 1 else name
                for share, name in present
            )
        )
    return clips, captions


def _spliced(
    clips: torch.Tensor,
    numbers: torch.Tensor,
    targets: torch.Tensor,
    labels: list[str],
    template: Template,
    generator: torch.Generator,
) -> tuple[torch.Tensor, list[str]]:
    loss = template.training.loss
    assert isinstance(loss, EarlyCrossEntropy)
    clips, targets = splice_clips(
        clips, targets, probability=loss.splice_probability, generator=generator
    )
    names = [labels[number] for number in numbers.tolist()]
    leads = (targets != numbers.unsqueeze(1)).long().cumprod(1).sum(1).tolist()
    return clips, [
        f"{name} from step {lead}" if lead else name
        for name, lead in zip(names, leads, strict=True)
    ]


def _paths(dataset: ClipDataset, indices: torch.Tensor) -> list[MediaPath]:
    return [dataset.records[index].path for index in indices.tolist()]
