"""Averages of weights over the steps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import lightning as L
import torch
from torch import nn

from action_recognition.training.step.averaging import AveragedWeights, average_share

DECAY = 0.9


class Counting(L.LightningModule):
    """A weight, a count that checkpoints hold, and a constant that they do not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("constant", torch.ones(2), persistent=False)


def test_the_average_follows_each_step_once() -> None:
    module, callback = Counting(), AveragedWeights(DECAY)
    trainer: Any = SimpleNamespace(
        global_step=0, strategy=SimpleNamespace(root_device=torch.device("cpu"))
    )
    callback.setup(trainer, module, "fit")
    expected, counted = torch.zeros(3), 0
    for step in range(1, 8):
        with torch.no_grad():
            module.weight.add_(torch.arange(3.0) * step)
            module.get_buffer("count").add_(10)
        share = average_share(step - 1, DECAY) if step > 1 else 0.0
        expected = share * expected + (1.0 - share) * module.weight.detach()
        counted = int(counted + (10 * step - counted) * (1.0 - share))

        # A batch that accumulates ends without a step of the optimiser.
        trainer.global_step = step
        for batch in range(2):
            callback.on_train_batch_end(trainer, module, None, None, batch)
        if step == 4:
            callback.on_train_epoch_start(trainer, module)

    assert callback._average_model is not None
    averaged = callback._average_model.module
    assert torch.allclose(averaged.get_parameter("weight"), expected)
    assert not torch.equal(expected, module.weight)
    assert int(averaged.get_buffer("count")) == counted
    assert torch.equal(averaged.get_buffer("constant"), torch.ones(2))
    assert int(callback._average_model.n_averaged) == 7
