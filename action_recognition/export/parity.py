"""Parity: exported files give the scores of the network that was trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends import (
    Clips,
    OpenVinoBackend,
    Scores,
    TorchBackend,
    load_backend,
)
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.delivery.folder import IR_FP16_FILE
from action_recognition.deploy.delivery.made_clips import NUM_PLAIN_CLIPS
from action_recognition.errors import Problem, UserError

# Largest differences of a cosine. FP16 rounds the weights.
FP32_LIMIT: Final = 1e-3
FP16_LIMIT: Final = 1e-2


@dataclass(frozen=True)
class Parity:
    """The largest difference of any cosine between an exported file and PyTorch."""

    file: str
    runs_as: str
    max_difference: float
    limit: float

    @property
    def passed(self) -> bool:
        """Return True for a difference within the limit, False for NaN."""
        return self.max_difference <= self.limit

    def __str__(self) -> str:
        difference = f"largest difference to PyTorch {self.max_difference:.2e}"
        return f"{self.file}: {difference} (limit {self.limit:g}; {self.runs_as})"


def check_files(
    trained: TrainedModel,
    clips: Clips,
    staging: Path,
    names: Sequence[str],
    say: Callable[[str], None],
) -> list[Parity]:
    """Compare every file, read back from the disk, with the network that was trained.

    That is the network itself, not its exported form. The last clips are the plain ones.
    """
    # PyTorch once: every file is compared with the same scores.
    expected = TorchBackend(trained).scores(clips)
    parities = []

    # A plain clip is far from all that a network was trained on. So rounding its weights (not its
    # computation) can move the cosines by more than the limit. With the original's reference
    # weights that is 0.08, and 0.002 on real clips. FP16 is not judged by it.
    pictures = slice(0, len(clips) - NUM_PLAIN_CLIPS)
    for name in names:
        is_fp16 = name == IR_FP16_FILE
        judged, limit = (pictures, FP16_LIMIT) if is_fp16 else (slice(None), FP32_LIMIT)
        parities.append(_compare(staging / name, clips[judged], expected[judged], limit))
        say(str(parities[-1]))
        if name == IR_FILE:
            _say_own_precision(staging / name, clips[pictures], expected[pictures], say)
    return parities


def refuse_failed(parities: Sequence[Parity]) -> None:
    """Raise a UserError that names every file above its limit."""
    failed = [item for item in parities if not item.passed]
    if failed:
        raise UserError(
            Problem(
                item.file,
                f"differs from PyTorch by {item.max_difference:.2e}",
                f"at most {item.limit:g}",
                "nothing was put in place; report it",
            )
            for item in failed
        )


def _compare(path: Path, clips: Clips, expected: Scores, limit: float) -> Parity:
    backend = load_backend(path)
    return Parity(path.name, backend.runs_as, _difference(backend.scores(clips), expected), limit)


def _say_own_precision(
    path: Path, clips: Clips, expected: Scores, say: Callable[[str], None]
) -> None:
    """Say what a consumer gets that sets nothing: on some CPUs OpenVINO takes bf16 by itself."""
    backend = load_backend(path, precision="default")
    assert isinstance(backend, OpenVinoBackend)

    difference = _difference(backend.scores(clips), expected)
    say(
        f"{path.name}: by itself OpenVINO computes in {backend.precision} on this CPU, "
        f"largest difference then {difference:.2e}"
    )


def _difference(scores: Scores, expected: Scores) -> float:
    return float(np.abs(scores - expected).max())
