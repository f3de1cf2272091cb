"""The clips of a run's first steps: cropped, changed and mixed exactly as training does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from action_recognition.data.clip_table import MediaPath
from action_recognition.lettering import shown_names
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import prepare
from action_recognition.training.reporting.pictures import as_pictures
from action_recognition.training.run_clips import clip_data
from action_recognition.training.step.inputs import StepInputs, StepPlace


class TrainedBatch(NamedTuple):
    """A batch as the network gets it, before mean and scale: `clips` (N, 3, T, H, W) uint8 RGB.

    Each clip has a caption and the path that it was read from.
    """

    clips: Tensor
    captions: list[str]
    paths: list[MediaPath]


def trained_batches(
    work_dir: Path, options: TrainOptions, num_steps: int
) -> Iterator[TrainedBatch]:
    """Yield the batches of the first steps of `train(work_dir, options)` on one device.

    A caption is the label after mirroring, with the file's name on a second line. Where clips are
    mixed it has the shares of the classes, and for a causal network the step at which the label
    begins.
    Raises UserError: that of a run's annotations and template.
    """
    # The same way as `train`: any other would show something else than it trains on.
    run = prepare(work_dir, options)
    data = clip_data(run)
    inputs = StepInputs(run.template, run.model, run.labels, options.seed)
    for step, batch in zip(range(num_steps), data.train_dataloader(), strict=False):
        clips, targets = inputs.of_step(batch, StepPlace(step))
        paths = [data.train.records[index].path for index in batch.indices.tolist()]
        names = shown_names(run.labels)
        captions = _captions(batch.labels, targets, [names[label] for label in run.labels])
        captions = [f"{text}\n{path.name}" for text, path in zip(captions, paths, strict=True)]
        yield TrainedBatch(as_pictures(clips), captions, paths)


def _captions(numbers: Tensor, targets: Tensor, labels: Sequence[str]) -> list[str]:
    """Return a caption for each clip with the label `numbers` (N,), by the kind of its targets."""
    names = [labels[number] for number in numbers.tolist()]
    if targets.is_floating_point():
        return [_shares(row, labels) for row in targets.tolist()]
    if targets.ndim == 1:
        return names

    # Labels of steps: the clip's own label begins where the clip before it ends.
    leads = (targets != numbers.unsqueeze(1)).long().cumprod(1).sum(1).tolist()
    return [
        f"{name} from step {lead}" if lead else name
        for name, lead in zip(names, leads, strict=True)
    ]


def _shares(row: Sequence[float], labels: Sequence[str]) -> str:
    """Return the classes of a mixed clip with their shares, the largest first."""
    pairs = zip(row, labels, strict=True)
    present = sorted(((share, name) for share, name in pairs if share > 0), reverse=True)
    if len(present) == 1:
        return present[0][1]
    return " + ".join(f"{name} {100 * share:.0f} %" for share, name in present)
