"""Schedules against the original's stored tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from action_recognition.schedules import (
    am_softmax_scale,
    is_frozen,
    learning_rate,
    loss_scale,
    scale_schedule,
)
from action_recognition.template import (
    CosineSchedule,
    CrossEntropy,
    OneCycleSchedule,
    load_template,
)
from tests.conftest import template_dir


def test_learning_rate_equals_the_originals_at_every_step(variant: str, reference: Path) -> None:
    stored = json.loads((reference / "lr_schedule.json").read_text())[variant]
    template = load_template(template_dir(variant) / "template.yaml")
    assert template.hyper_parameters.basic.base_learning_rate == stored["base_lr"]
    epochs = len(stored["lr_per_epoch_per_iter"])
    schedule = scale_schedule(template.training.schedule, epochs, epochs)
    steps_per_epoch = stored["iters_per_epoch"]
    for epoch, row in enumerate(stored["lr_per_epoch_per_iter"]):
        for iteration, expected in enumerate(row):
            ours = learning_rate(
                epoch * steps_per_epoch + iteration, steps_per_epoch, stored["base_lr"], schedule
            )
            assert ours == pytest.approx(expected, abs=2e-17), (epoch, iteration)


def test_scale_equals_the_originals_table(reference: Path) -> None:
    stored = json.loads((reference / "poly_scale_table.json").read_text())
    loss = load_template(template_dir("msasl") / "template.yaml").training.loss
    assert len(stored["table"]) > 10
    for row in stored["table"]:
        assert am_softmax_scale(row["step"], row["iters_per_epoch"], loss) == pytest.approx(
            row["scale"], rel=1e-12
        ), row


def test_only_the_first_five_epochs_of_the_template_are_frozen() -> None:
    template = load_template(template_dir("msasl") / "template.yaml")
    schedule = scale_schedule(template.training.schedule, 65, 65)
    assert [epoch for epoch in range(65) if is_frozen(epoch, schedule)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(65, (5, 5, (30, 50))), (13, (1, 1, (6, 10))), (130, (10, 10, (60, 100))), (1, (0, 0, ()))],
)
def test_another_number_of_epochs_scales_the_whole_schedule(
    epochs: int, expected: tuple[int, int, tuple[int, ...]]
) -> None:
    schedule = scale_schedule(
        load_template(template_dir("msasl") / "template.yaml").training.schedule, 65, epochs
    )
    assert (schedule.freeze_epochs, schedule.warmup_epochs, schedule.step_epochs) == expected


def cosine_rates(warmup_share: float, epochs: int = 10, steps_per_epoch: int = 10) -> list[float]:
    schedule = scale_schedule(
        CosineSchedule(type="cosine", freeze_epochs=0, warmup_share=warmup_share), epochs, epochs
    )
    return [
        learning_rate(step, steps_per_epoch, 0.02, schedule)
        for step in range(epochs * steps_per_epoch + 1)
    ]


def test_the_cosine_is_full_at_first_half_in_the_middle_and_nothing_at_the_end() -> None:
    rates = cosine_rates(0.0)
    assert rates[0] == 0.02
    assert rates[25] == pytest.approx(0.02 * 0.853553, rel=1e-5)  # (1 + cos 45 degrees) / 2
    assert rates[50] == pytest.approx(0.01)
    assert rates[100] == pytest.approx(0.0, abs=1e-12)
    assert rates == sorted(rates, reverse=True)


def test_the_cosine_warms_up_linearly_over_its_share_of_all_steps() -> None:
    rates = cosine_rates(0.2)
    assert rates[:20] == pytest.approx([0.02 * (step + 1) / 20 for step in range(20)])
    assert rates[20] == 0.02
    assert rates[60] == pytest.approx(0.01)
    assert cosine_rates(0.2, epochs=20)[39:41] == pytest.approx(
        [0.02, 0.02]
    )  # the share is of the run, whatever its length


def test_the_cosines_frozen_epochs_scale_with_the_run() -> None:
    schedule = CosineSchedule(type="cosine", freeze_epochs=4, warmup_share=0.1)
    for epochs, frozen in ((20, 4), (10, 2), (2, 0)):
        scaled = scale_schedule(schedule, 20, epochs)
        assert [epoch for epoch in range(epochs) if is_frozen(epoch, scaled)] == list(range(frozen))


def test_the_scale_of_cross_entropy_is_constant() -> None:
    loss = CrossEntropy(type="cross_entropy", scale=15.0, label_smoothing=0.1)
    assert {loss_scale(step, 10, loss) for step in (0, 5, 1000)} == {15.0}
    reference = load_template(template_dir("msasl") / "template.yaml").training.loss
    assert loss_scale(700, 100, reference) == am_softmax_scale(700, 100, reference)


def one_cycle(freeze_epochs: int = 0) -> OneCycleSchedule:
    return OneCycleSchedule(
        type="one_cycle",
        freeze_epochs=freeze_epochs,
        freeze_learning_rate_factor=2.0,
        warmup_share=0.25,
        start_factor=0.04,
    )


def test_one_cycle_is_pytorchs() -> None:
    """OneCycleLR counts its peak and end one step earlier: compared in progress, not in steps."""
    schedule = scale_schedule(one_cycle(), 10, 10)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=1001, pct_start=0.25, div_factor=25, final_div_factor=1e6
    )
    for step in range(1000):
        assert learning_rate(step, 100, 1.0, schedule) == pytest.approx(
            theirs.get_last_lr()[0], abs=0.006
        )
        optimizer.step()
        theirs.step()


def test_two_phases_are_two_cycles_and_scale_with_the_epochs() -> None:
    schedule = scale_schedule(one_cycle(freeze_epochs=2), 10, 20)
    assert is_frozen(3, schedule) and not is_frozen(4, schedule)
    rates = [learning_rate(step, 10, 0.1, schedule) for step in range(200)]
    assert rates[0] == pytest.approx(0.2 * 0.04) and max(rates[:40]) == pytest.approx(0.2)
    assert (
        rates[40] == pytest.approx(0.1 * 0.04)
        and max(rates[40:]) == pytest.approx(0.1)
        and rates[-1] < 1e-4
    )
