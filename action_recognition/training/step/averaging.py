"""Averaged weights: they are validated and saved, while the training continues with the others."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn


def average_share(num_averaged: int, decay: float) -> float:
    """Return the share of the average that stays at its `num_averaged`-th update.

    The share is min(decay, (1 + n) / (10 + n)). It is smaller in the beginning, when the weights
    are still far from their final values.
    Source: tf.train.ExponentialMovingAverage, `num_updates`.

    >>> [round(average_share(n, 0.99), 3) for n in (1, 10, 1000)]
    [0.182, 0.55, 0.99]
    """
    return min(decay, (1.0 + num_averaged) / (10.0 + num_averaged))


class AveragedWeights(WeightAveraging):
    """An exponential moving average of weights and batch statistics over the steps.

    A checkpoint's `state_dict` holds the average. The weights with which the training continues are
    in the same file, under `current_model_state`.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: list[Tensor], current: list[Tensor], num_averaged: Tensor) -> None:
            """Move the averages of tensors of one kind towards the current ones."""
            _move(averaged, current, 1.0 - average_share(int(num_averaged), decay))

        super().__init__(multi_avg_fn=average)
        self._decay = decay
        self._latest_update_step = 0
        self._kinds: list[tuple[list[Tensor], list[Tensor]]] = []
        self._shows_average = False

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Create the average on the run's device."""
        # Lightning moves the module there only later.
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look for the tensors anew, which the module may have exchanged since."""
        self._kinds = []

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Update the average after each step of the optimiser.

        Lightning looks for all tensors at each step, which takes longer than to average them. It
        also averages the constants that no checkpoint holds.
        """
        model, step = self._average_model, trainer.global_step
        assert model is not None
        num_averaged = int(model.n_averaged)
        if not num_averaged:
            # The first update copies all tensors.
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
            return
        if step <= self._latest_update_step:
            return

        self._kinds = self._kinds or _kinds(model.module, pl_module)
        for averaged, current in self._kinds:
            _move(averaged, current, 1.0 - average_share(num_averaged, self._decay))
        model.n_averaged.add_(1)
        self._latest_update_step = step

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Exchange the weights for their average."""
        super().on_validation_epoch_start(trainer, pl_module)
        self._shows_average = True

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Exchange the average for the weights."""
        super().on_validation_epoch_end(trainer, pl_module)
        self._shows_average = False

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Exchange the average for the weights if a validation was interrupted.

        The checkpoint that is saved then would otherwise hold each in the other's place.
        """
        if self._shows_average and self._average_model is not None:
            self._swap_models(pl_module)
            self._shows_average = False


def _kinds(averaged: nn.Module, current: nn.Module) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Return the averages and the current tensors that a checkpoint holds, by their type."""
    found: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
    now = current.state_dict()
    for name, mean in averaged.state_dict().items():
        means, values = found.setdefault(mean.dtype, ([], []))
        means.append(mean)
        values.append(now[name])
    return list(found.values())


def _move(averaged: list[Tensor], current: list[Tensor], share: float) -> None:
    """Move averages of one type by a share of the way to the current tensors."""
    # In this form a weight that does not change stays the same to the last bit.
    if averaged[0].is_floating_point():
        way = torch._foreach_sub(current, averaged)
        torch._foreach_mul_(way, share)
        torch._foreach_add_(averaged, way)
        return
    for mean, value in zip(averaged, current, strict=True):
        mean.copy_(mean + (value - mean) * share)
