"""Schedules against the original's stored tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from action_recognition.schedules import am_softmax_scale, is_frozen, learning_rate, scale_schedule
from action_recognition.template import load_template
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
            ours = learning_rate(epoch * steps_per_epoch + iteration, steps_per_epoch, stored["base_lr"], schedule)
            assert ours == pytest.approx(expected, abs=2e-17), (epoch, iteration)


def test_scale_equals_the_originals_table(reference: Path) -> None:
    stored = json.loads((reference / "poly_scale_table.json").read_text())
    loss = load_template(template_dir("msasl") / "template.yaml").training.loss
    assert len(stored["table"]) > 10
    for row in stored["table"]:
        assert am_softmax_scale(row["step"], row["iters_per_epoch"], loss) == pytest.approx(row["scale"], rel=1e-12), row


def test_only_the_first_five_epochs_of_the_template_are_frozen() -> None:
    template = load_template(template_dir("msasl") / "template.yaml")
    schedule = scale_schedule(template.training.schedule, 65, 65)
    assert [epoch for epoch in range(65) if is_frozen(epoch, schedule)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("epochs", "expected"), [(65, (5, 5, (30, 50))), (13, (1, 1, (6, 10))), (130, (10, 10, (60, 100))), (1, (0, 0, ()))]
)
def test_another_number_of_epochs_scales_the_whole_schedule(epochs: int, expected: tuple[int, int, tuple[int, ...]]) -> None:
    schedule = scale_schedule(load_template(template_dir("msasl") / "template.yaml").training.schedule, 65, epochs)
    assert (schedule.freeze_epochs, schedule.warmup_epochs, schedule.step_epochs) == expected
