"""Where the frames of a run's clips come from: files, a cache in front of them, or the hands cut out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.frame_cache import FrameCache
from action_recognition.data.frame_source import FileFrames, FrameSource
from action_recognition.data.hand_crops import hand_frames
from action_recognition.errors import user_error
from action_recognition.template import Template

if TYPE_CHECKING:
    from action_recognition.training.options import TrainOptions


def frame_source(
    options: TrainOptions, template: Template, splits: Sequence[Sequence[ClipRecord]]
) -> FrameSource:
    """The source of all clips of a run, in training and validation. Errors: flags that do not go together, a detector that is missing."""
    if options.frame_cache is not None:
        if template.input.resize_short_side is None:
            raise user_error(
                "--frame-cache",
                f"keeps the frames of videos, {template.name} takes photos",
                fix="leave it out",
            )
        if template.input.crop is not None:
            raise user_error(
                "--frame-cache",
                "keeps whole frames, without the crop",
                fix="leave it out, or --crop",
            )
        return FrameCache(
            options.frame_cache,
            round(options.frame_cache_gb * 1e9),
            template.input.resize_short_side,
        )
    if template.input.crop is None:
        if options.hand_detector is not None:
            raise user_error("--hand-detector", "has nothing to do", fix="add --crop hand")
        return FileFrames(template.input.resize_short_side)
    return hand_frames(options.hand_detector, [record for records in splits for record in records])
