"""What one step of training and validation does; Lightning does the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torchmetrics import CatMetric, MeanMetric

from action_recognition.checkpoint import TRAINED_MODEL_KEY
from action_recognition.data.datasets import Batch
from action_recognition.errors import user_error
from action_recognition.metrics import mean_top_k_accuracy, top_k_accuracy
from action_recognition.models.recogniser import Normalize, Recogniser
from action_recognition.schedules import ScaledSchedule, am_softmax_scale, is_frozen, learning_rate
from action_recognition.template import ModelConfig, Template
from action_recognition.training.recipe import Recipe


class GestureTraining(L.LightningModule):
    """The template's losses over a `Recogniser`, SGD, warm-up, steps and the frozen start.

    `steps_per_epoch` is asked when needed, since the number of devices is known only then. `description` is what a checkpoint says
    about its weights.
    """

    def __init__(
        self,
        network: Recogniser,
        template: Template,
        model: ModelConfig,
        *,
        base_learning_rate: float,
        schedule: ScaledSchedule,
        steps_per_epoch: Callable[[], int],
        description: dict[str, Any],
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.normalize = Normalize(template.input.mean_values, template.input.scale_values)
        self.recipe = template.training
        self.base_learning_rate = base_learning_rate
        self.schedule = schedule
        self.steps_per_epoch = steps_per_epoch
        self.description = description
        self.seed = seed
        self.losses = Recipe(template.training, model.backbone)
        self.epoch_loss = MeanMetric()
        self.val_cosine, self.val_labels = CatMetric(), CatMetric()

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch._replace(**{name: getattr(batch, name).to(device, non_blocking=True) for name in ("clips", "labels", "indices")})

    def on_train_epoch_start(self) -> None:
        frozen = is_frozen(self.current_epoch, self.schedule)
        for module in (self.network.backbone, self.network.pool):
            module.requires_grad_(not frozen)
            module.train(not frozen)  # frozen batch norms keep their statistics too

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        if len(batch.labels) < 2:
            return None  # damaged clips left too few for a batch norm
        # Noise of the network (Gumbel) follows from the step alone, so that going on repeats what never stopping would have drawn.
        torch.manual_seed(hash((self.seed, self.global_step, self.global_rank)))
        scale = am_softmax_scale(self.global_step, self.steps_per_epoch(), self.recipe.loss)
        losses: dict[str, Tensor] = self.losses(self.network, self.normalize(batch.clips), batch.labels, scale=scale)
        loss = torch.stack(list(losses.values())).sum()
        for name, value in losses.items():
            self.log(f"train/{name}", value.detach(), batch_size=len(batch.labels))
        self.epoch_loss.update(loss.detach(), weight=len(batch.labels))
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(batch.labels))
        return loss

    def on_train_epoch_end(self) -> None:
        if not self.epoch_loss.update_called:
            return  # gone on from a checkpoint that was saved after the last step of its epoch
        mean = float(self.epoch_loss.compute())
        self.epoch_loss.reset()
        self.log("train/loss_epoch", mean)
        self.log("train/learning_rate", self.optimizers().param_groups[0]["lr"])
        if not torch.isfinite(torch.tensor(mean)):
            raise user_error(
                "training",
                f"the loss became {mean} in epoch {self.current_epoch + 1}",
                fix="lower --base-learning-rate and go on from best.pth",
            )

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        if len(batch.labels):
            self.val_cosine.update(self.network(self.normalize(batch.clips)).float())
            self.val_labels.update(batch.labels)

    def on_validation_epoch_end(self) -> None:
        if not self.val_cosine.update_called:
            raise user_error("--val-ann-files", "none of the validation clips could be read")
        num_classes = self.network.head.class_directions.shape[1]
        scores = self.val_cosine.compute().reshape(-1, num_classes).cpu().numpy()
        labels = self.val_labels.compute().reshape(-1).cpu().numpy().astype(int)
        self.val_cosine.reset()
        self.val_labels.reset()
        self.log("val/accuracy", 100.0 * mean_top_k_accuracy(scores, labels, 1), prog_bar=True)
        self.log("val/top1", 100.0 * top_k_accuracy(scores, labels, 1))
        self.log("val/top5", 100.0 * top_k_accuracy(scores, labels, min(5, num_classes)))

    def configure_optimizers(self) -> Any:
        config = self.recipe.optimizer
        optimizer = torch.optim.SGD(
            self.network.parameters(), lr=self.base_learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
        )
        steps_per_epoch = self.steps_per_epoch()
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate(step, steps_per_epoch, self.base_learning_rate, self.schedule) / self.base_learning_rate
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[TRAINED_MODEL_KEY] = self.description
