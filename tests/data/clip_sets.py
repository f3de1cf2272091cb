"""Data sets of small synthetic clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from action_recognition.data.annotations import read_annotations
from action_recognition.data.batches import DamagedClip, Sample
from action_recognition.data.datasets import ClipDataset
from action_recognition.template import (
    Augmentation,
    BatchAugmentation,
    ClipInput,
)
from tests.synthetic import (
    read_frame_number,
    write_lines,
)

LABELS = ["left", "right", "stop"]


SWAPS = {0: 1, 1: 0}


def dataset(
    root: Path,
    lines: list[str],
    clip_input: ClipInput,
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> ClipDataset:
    """Return the data set of these annotation lines, with labels swapped in mirrored clips."""
    records = read_annotations([write_lines(root / "ann.txt", lines)], [root], LABELS)
    return ClipDataset(records, clip_input, augmentation, SWAPS, seed)


def shown_numbers(sample: Sample | DamagedClip) -> list[int]:
    """Return the frame numbers that the pictures of a sample show."""
    assert isinstance(sample, Sample)
    return [read_frame_number(frame) for frame in sample.clip.permute(1, 2, 3, 0).numpy()]


def batch_augmentation(**changes: Any) -> BatchAugmentation:
    """Return a batch recipe that changes nothing but what is given."""
    colours = ("brightness", "contrast", "gamma", "saturation", "tint", "grey_probability")
    zeros = dict.fromkeys((*colours, "rotate_degrees", "shift", "erase_probability"), 0.0)
    nothing = zeros | dict.fromkeys(("scale_min", "scale_max", "aspect_max"), 1.0)
    flip = {"probability": 0.0, "label_swaps": {}}
    return BatchAugmentation.model_validate({"type": "batch", "flip": flip} | nothing | changes)
