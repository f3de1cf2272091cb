"""Weights and scores that are numbers. NaN and infinity give an answer, and it means nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from action_recognition.errors import Problem, UserError, user_error

_FIX = "it is damaged, or its training diverged: export a sound checkpoint again"


class UselessScores(UserError):
    """A model gave a score that is NaN or infinite."""


def check_finite_weights(path: Path, weights: Iterable[tuple[str, npt.NDArray[Any]]]) -> None:
    """Raise UserError that names the first tensor with a weight that is NaN or infinite."""
    for name, values in weights:
        finite = np.isfinite(values)
        if not finite.all():
            count = int(finite.size - np.count_nonzero(finite))
            found = f"{count} of {finite.size} weights of {name} are NaN or infinite"
            raise user_error(str(path), found, "finite numbers", _FIX)


def finite_scores(scores: npt.NDArray[np.float32], model: str) -> npt.NDArray[np.float32]:
    """Return the scores of a model. Raises UselessScores: one of them is NaN or infinite."""
    if not np.isfinite(scores).all():
        raise UselessScores([Problem(model, "gives scores that are no numbers", fix=_FIX)])
    return scores
