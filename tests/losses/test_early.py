"""The loss over steps: worked out by hand, early rather than late, no falling back, and its
gradient.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from action_recognition.losses.early import EarlyCrossEntropyLoss, steps_since_change


def loss_of(cosine: Tensor, targets: Tensor, *, first: float = 0.5, monotony: float = 0.0) -> float:
    loss = EarlyCrossEntropyLoss(
        label_smoothing=0.0, first_step_weight=first, monotony_weight=monotony
    )
    return float(loss(cosine, targets, scale=1.0))


def cosine_of(*right: float) -> Tensor:
    """One clip of two classes whose class 0 has these probabilities, step by step."""
    return torch.tensor([[[math.log(p), math.log(1 - p)] for p in right]], dtype=torch.double)


def test_later_steps_are_dearer() -> None:
    targets = torch.tensor([[0, 0, 0]])
    expected = (0.5 * -math.log(0.2) + 0.75 * -math.log(0.5) + 1.0 * -math.log(0.9)) / 2.25
    assert loss_of(cosine_of(0.2, 0.5, 0.9), targets) == pytest.approx(expected)
    assert loss_of(cosine_of(0.2, 0.5, 0.9), targets, first=0.0) == pytest.approx(
        (0.5 * -math.log(0.5) - math.log(0.9)) / 1.5
    )


def test_right_early_costs_less_than_right_late() -> None:
    targets = torch.tensor([[0, 0, 0, 0]])
    costs = [
        loss_of(cosine_of(*steps), targets)
        for steps in ((0.9, 0.9, 0.9, 0.9), (0.2, 0.9, 0.9, 0.9), (0.2, 0.2, 0.2, 0.9))
    ]
    assert costs[0] < costs[1] < costs[2]


def test_falling_back_costs_what_was_lost_and_rising_costs_nothing() -> None:
    targets = torch.tensor([[0, 0, 0]])
    with_price, without = (
        loss_of(cosine_of(0.9, 0.3, 0.6), targets, monotony=price) for price in (1.0, 0.0)
    )
    assert with_price - without == pytest.approx((math.log(0.9 / 0.3) + math.log(0.9 / 0.6)) / 3)
    rising = cosine_of(0.1, 0.3, 0.6)
    assert loss_of(rising, targets, monotony=1.0) == loss_of(rising, targets)


def test_steps_without_a_label_cost_nothing_and_a_gesture_begins_after_them() -> None:
    alone = loss_of(cosine_of(0.2, 0.9), torch.tensor([[0, 0]]), monotony=1.0)
    assert loss_of(
        cosine_of(0.99, 0.01, 0.2, 0.9), torch.tensor([[-1, -1, 0, 0]]), monotony=1.0
    ) == pytest.approx(alone)
    assert loss_of(cosine_of(0.5, 0.5), torch.tensor([[-1, -1]])) == 0.0


def test_a_gesture_of_one_step_counts_as_its_end() -> None:
    assert loss_of(cosine_of(0.9, 0.2), torch.tensor([[-1, 0]]), first=0.0) == pytest.approx(
        -math.log(0.2)
    )


def test_a_change_of_label_begins_anew() -> None:
    assert steps_since_change(torch.tensor([[2, 2, 1, 1, 1], [0, -1, 0, 0, 3]])).tolist() == [
        [0, 1, 0, 1, 2],
        [0, 0, 0, 1, 0],
    ]
    falling = cosine_of(0.9, 0.1)  # for class 1 it rises: nothing is lost
    assert loss_of(falling, torch.tensor([[0, 1]]), monotony=1.0) == pytest.approx(
        loss_of(falling, torch.tensor([[0, 1]]))
    )


def test_gradient() -> None:
    torch.manual_seed(0)
    cosine = torch.rand(3, 5, 4, dtype=torch.double, requires_grad=True)
    targets = torch.tensor([[0, 0, 1, 1, 1], [-1, -1, 2, 2, 2], [3, 3, 3, 3, 3]])
    loss = EarlyCrossEntropyLoss(label_smoothing=0.1, first_step_weight=0.3, monotony_weight=0.0)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets, scale=5.0), (cosine,))


def test_only_what_fell_back_learns_from_falling_back() -> None:
    cosine = cosine_of(0.9, 0.3).requires_grad_()
    priced, plain = (
        EarlyCrossEntropyLoss(label_smoothing=0.0, first_step_weight=1.0, monotony_weight=price)(
            cosine, torch.tensor([[0, 0]]), scale=1.0
        )
        for price in (1.0, 0.0)
    )
    (gradient,) = torch.autograd.grad(priced - plain, cosine)
    assert gradient[0, 0].abs().max() < 1e-12 and gradient[0, 1].abs().max() > 0.1
