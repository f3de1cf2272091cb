"""Proof that exported step forms give the scores of a causal network's clip form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends import Clips, Scores, StatefulBackend, load_backend
from action_recognition.deploy.backends.stateful import Stepper
from action_recognition.export.stateful_export import causal_recogniser, step_form
from action_recognition.models.recogniser import Normalize, input_normalisation

STREAM_LIMIT: Final = 1e-4
# Frames of the video, and at most of the second stream.
PROOF_FRAMES: Final = 200
PROOF_FRAMES_OF_LANDMARKS: Final = 500
_RERUN_FRAMES: Final = 40


@dataclass(frozen=True)
class StatefulDifferences:
    """The largest differences of any cosine of one file, and the engine it runs in."""

    runs_as: str
    to_clip_form: float
    to_torch: float
    after_reset: float
    across_streams: float

    @property
    def largest(self) -> float:
        """Return the largest of all, NaN if one of them is NaN."""
        differences = [self.to_clip_form, self.to_torch, self.after_reset, self.across_streams]
        return float(np.max(differences))


class StatefulProof:
    """Scores of a causal network for a synthetic video, frame by frame, to compare files with.

    `video` is (T, H, W, 3) uint8 RGB or landmarks (T, 2, 21, 4) float32, T >= 2. A second stream
    shows it backwards.
    """

    def __init__(self, trained: TrainedModel, video: Clips) -> None:
        self.trained, self.video = trained, video
        recogniser, normalize = (
            causal_recogniser(trained),
            input_normalisation(trained.template.input),
        )
        self._recogniser = recogniser
        self._normalize = normalize if isinstance(normalize, Normalize) else None
        self.frames_per_step = recogniser.frames_per_step

        # The clip form computes the whole video at once.
        with torch.inference_mode():
            clip = normalize(torch.from_numpy(video.transpose(3, 0, 1, 2)[None].copy()))
            self.clip_form: Scores = recogniser.step_cosine(clip)[0].numpy()

    def differences(self, path: Path) -> StatefulDifferences:
        """Compare one exported file, read back from the disk. Frames that fill no call are left."""
        backend = load_backend(path)
        assert isinstance(backend, StatefulBackend)
        k = backend.layout.frames_per_call
        video, other = self._whole_calls(k)
        expected, expected_other = (self._torch_scores(frames, k) for frames in (video, other))

        # Two streams in turns, then the second video again in the first stream.
        one, two = backend.new_stepper(), backend.new_stepper()
        scores, other_scores = _side_by_side(one, two, video, other, k)
        one.reset()
        again = _all_scores(one, other, k)

        # The clip form has one score per step: more frequent scores are thinned out.
        every = max(1, self.frames_per_step // backend.layout.frames_per_score)
        at_steps = scores[every - 1 :: every]
        return StatefulDifferences(
            backend.runs_as,
            to_clip_form=_largest(at_steps, self.clip_form[: len(at_steps)]),
            to_torch=_largest(scores, expected),
            after_reset=_largest(again, expected_other),
            across_streams=_largest(other_scores, expected_other),
        )

    def _whole_calls(self, frames_per_call: int) -> tuple[Clips, Clips]:
        """Return the video, and a shorter one backwards, in whole calls and whole steps."""
        whole = math.lcm(frames_per_call, self.frames_per_step)
        video = self.video[: len(self.video) // whole * whole]
        return video, video[::-1][: max(whole, _RERUN_FRAMES // whole * whole)]

    def _torch_scores(self, video: Clips, frames_per_call: int) -> Scores:
        """Return the scores of the step form in PyTorch."""
        network = step_form(self._recogniser, self._normalize, frames_per_call)
        states: list[Tensor] = network.initial_states(*video.shape[1:3])
        rows = []
        with torch.inference_mode():
            for frames in torch.split(torch.from_numpy(video.copy()), frames_per_call):
                scores, *states = network(frames, *states)
                rows.append(scores.numpy())
        return np.concatenate(rows)


def _calls(video: Clips, frames_per_call: int) -> Iterator[Clips]:
    for start in range(0, len(video), frames_per_call):
        yield video[start : start + frames_per_call]


def _all_scores(stepper: Stepper, video: Clips, frames_per_call: int) -> Scores:
    return np.concatenate([stepper.step(frames) for frames in _calls(video, frames_per_call)])


def _side_by_side(
    one: Stepper, two: Stepper, video: Clips, other: Clips, frames_per_call: int
) -> tuple[Scores, Scores]:
    """Return the scores of two streams that are fed in turns. The second is the shorter one."""
    rest = _calls(other, frames_per_call)
    scores: list[Scores] = []
    other_scores: list[Scores] = []

    for frames in _calls(video, frames_per_call):
        scores.append(one.step(frames))
        # The second stream ends first.
        turn = next(rest, None)
        if turn is not None:
            other_scores.append(two.step(turn))
    return np.concatenate(scores), np.concatenate(other_scores)


def _largest(found: Scores, expected: Scores) -> float:
    """Return the largest difference. It is NaN, above any limit, where the shapes differ."""
    return float(np.abs(found - expected).max()) if found.shape == expected.shape else math.nan
