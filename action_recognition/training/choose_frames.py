"""The source of a run's frames: files, a cache in front of them, or the hands cut out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.frame_cache import FrameCache
from action_recognition.data.frame_source import FileFrames, FrameSource
from action_recognition.data.hand_crops import hand_frames
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.template import Template

if TYPE_CHECKING:
    from action_recognition.training.options import TrainOptions


def frame_source(
    options: TrainOptions, template: Template, splits: Sequence[Sequence[ClipRecord]]
) -> FrameSource:
    """Return the source of all clips of a run, in training and validation.

    Raises UserError: flags that contradict each other, or a missing detector.
    """
    short_side = template.frames.resize_short_side
    if options.frame_cache is not None:
        short_side = _cached_short_side(template)
        return FrameCache(options.frame_cache, round(options.frame_cache_gb * 1e9), short_side)
    if template.frames.crop is not None:
        return hand_frames(options.hand_detector, [clip for records in splits for clip in records])
    if options.hand_detector is not None:
        raise user_error("--hand-detector", "has nothing to do", fix="add --crop hand")
    return FileFrames(short_side)


def refuse_frame_flags(options: TrainOptions) -> None:
    """Raise UserError for flags about pixels, where the network takes landmarks."""
    names = ("frame_cache", "hand_detector", "crop", "backbone")
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) is not None]
    if given:
        found = "is about pixels, and this template takes landmarks"
        raise UserError(Problem(name, found, fix="leave it out") for name in given)


def _cached_short_side(template: Template) -> int:
    """Return the short side in pixels of cached frames. Raises UserError: they cannot be cached."""
    short_side = template.frames.resize_short_side
    if short_side is None:
        found = f"keeps the frames of videos, {template.name} takes photos"
        raise user_error("--frame-cache", found, fix="leave it out")
    if template.frames.crop is not None:
        found = "keeps whole frames, without the crop"
        raise user_error("--frame-cache", found, fix="leave it out, or --crop")
    return short_side
