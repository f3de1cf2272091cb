"""The temperature: it is found again, changes no top-1, and is never fitted on what it is judged
by.
"""

from __future__ import annotations

import numpy as np
import pytest

from action_recognition.deploy.calibration.measures import log_losses, softmax
from action_recognition.deploy.calibration.temperature import (
    assign_folds,
    cross_validated,
    fit_temperature,
)
from tests.deploy.calibration.test_measures import made


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    fitted = fit_temperature(*made(20000, temperature))
    assert fitted.temperature == pytest.approx(temperature, rel=0.03) and fitted.determined


def test_no_other_temperature_is_more_likely() -> None:
    logits, labels = made(50, 2.0)
    best = fit_temperature(logits, labels).temperature
    losses = [
        log_losses(softmax(logits / (best * factor)), labels).mean() for factor in (0.97, 1.0, 1.03)
    ]
    assert losses[1] == min(losses)


def test_by_hand_two_of_three_right_with_one_gap() -> None:
    # Logits (1, 0), twice right and once wrong: the best probability is 2/3, so 1 / T = ln 2.
    logits = np.array([[1.0, 0.0]] * 3)
    assert fit_temperature(logits, np.array([0, 0, 1])).temperature == pytest.approx(
        1 / np.log(2), rel=1e-6
    )


def test_clips_that_say_nothing_leave_it_as_trained() -> None:
    logits = np.array([[1.0, 0.0]] * 3)
    for label in (0, 1):
        fitted = fit_temperature(logits, np.full(3, label))
        assert fitted.temperature == 1.0 and not fitted.determined


def test_the_top_label_stays() -> None:
    logits, labels = made(200, 0.5)
    probabilities = softmax(logits / fit_temperature(logits, labels).temperature)
    assert (probabilities.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_nobody_is_in_two_folds_and_folds_are_of_like_size() -> None:
    groups = np.repeat(np.arange(12), np.arange(1, 13))
    folds = assign_folds(groups, 5, seed=3)
    assert all(len(np.unique(folds[groups == group])) == 1 for group in range(12))
    sizes = np.bincount(folds)
    assert len(sizes) == 5 and sizes.max() - sizes.min() <= 6
    assert len(np.unique(assign_folds(np.array([0, 0, 1]), 5))) == 2
    with pytest.raises(ValueError, match="one group"):
        assign_folds(np.zeros(4, int), 5)


def test_a_clip_does_not_see_its_own_label() -> None:
    logits, labels = made(60, 2.0)
    groups = np.arange(60) // 6
    before = cross_validated(logits, labels, groups)
    first = assign_folds(groups, 5) == 0
    changed = labels.copy()
    changed[first] = logits[first].argmin(axis=1)
    after = cross_validated(logits, changed, groups)
    assert (after[first] == before[first]).all()
    assert (after[~first] != before[~first]).any()
