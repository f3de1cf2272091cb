"""What one step of training and validation does; Lightning does the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import CatMetric, MeanMetric

from action_recognition.checkpoint import TRAINED_MODEL_KEY
from action_recognition.data.datasets import Batch
from action_recognition.errors import user_error
from action_recognition.metrics import mean_top_k_accuracy, top_k_accuracy
from action_recognition.models.causal import CausalRecogniser
from action_recognition.models.recogniser import Normalize, Recogniser
from action_recognition.schedules import ScaledSchedule, is_frozen, learning_rate, loss_scale
from action_recognition.template import BatchAugmentation, EarlyCrossEntropy, ModelConfig, Template
from action_recognition.training.augment import BatchAugment
from action_recognition.training.freezing import set_learning
from action_recognition.training.mix import mix_clips
from action_recognition.training.optimizer import make_optimizer
from action_recognition.training.recipe import Recipe
from action_recognition.training.splice import NO_LABEL, splice_clips, step_targets


class GestureTraining(L.LightningModule):
    """The template's recipe over a `Recogniser`: batch augmentation, losses, optimiser, learning rate, what is frozen when.

    `steps_per_epoch` is asked when needed, since the number of devices is known only then: a plain function, since the module is copied
    where weights are averaged. `description` is what a checkpoint says about its weights.
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
        self.no_gesture = no_gesture_label(description.get("labels", []), template)
        self.losses = Recipe(template.training, model.backbone)
        self.augment = batch_augment(template)
        self.gradient_norm = torch.zeros(())
        self.batch_arrived_s = 0.0  # by `time.perf_counter`: what is between the last step and here was waiting for data
        self.epoch_loss = MeanMetric(nan_strategy="ignore")  # a loss that is no number ends the run, see FiniteLoss
        self.val_cosine, self.val_labels = CatMetric(nan_strategy="disable"), CatMetric()

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        self.batch_arrived_s = time.perf_counter()
        return batch._replace(**{name: getattr(batch, name).to(device, non_blocking=True) for name in ("clips", "labels", "indices")})

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        if self.augment is None or not self.trainer.training or not len(batch.labels):
            return batch
        return batch._replace(clips=self.augment(batch.clips, self._generator("augment")))

    def setup(self, stage: str) -> None:
        # Before several devices agree on which gradients they exchange.
        set_learning(self.network, self.recipe, head_only=False)

    def on_train_epoch_start(self) -> None:
        set_learning(self.network, self.recipe, head_only=is_frozen(self.current_epoch, self.schedule))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        if len(batch.labels) < 2:
            return None  # damaged clips left too few for a batch norm
        clips, targets = self._mixed(batch)
        # Noise of the network (Gumbel) follows from the step alone, so that going on repeats what never stopping would have drawn.
        torch.manual_seed(hash((self.seed, self.global_step, self.global_rank)))
        scale = loss_scale(self.global_step, self.steps_per_epoch(), self.recipe.loss)
        losses: dict[str, Tensor] = self.losses(self.network, self.normalize(clips), targets, scale=scale)
        loss = torch.stack(list(losses.values())).sum()
        for name, value in losses.items():
            self.log(f"train/{name}", value.detach(), batch_size=len(batch.labels))
        self.epoch_loss.update(loss.detach(), weight=len(batch.labels))
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(batch.labels))
        return loss

    def _mixed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Clips (N, 3, T, H, W) and labels (N,) as they are, or with `mix` blended clips and (N, C) shares of the classes.

        Of a causal network, clips that begin after others, and labels (N, S) of their steps.
        """
        if isinstance(self.network, CausalRecogniser):
            step, loss = self.network.frames_per_step, self.recipe.loss
            assert isinstance(loss, EarlyCrossEntropy)
            targets = step_targets(
                batch.labels, batch.inside, num_frames=batch.clips.shape[2], frames_per_step=step, before=self.no_gesture
            )
            return splice_clips(batch.clips, targets, probability=loss.splice_probability, generator=self._generator("mix"))
        if self.recipe.mix is None:
            return batch.clips, batch.labels
        num_classes = self.network.head.class_directions.shape[1]
        targets = F.one_hot(batch.labels, num_classes).to(torch.float32)
        return mix_clips(batch.clips, targets, self.recipe.mix, self._generator("mix"))

    def _generator(self, purpose: Literal["augment", "mix"]) -> torch.Generator:
        return step_generator(self.seed, self.global_step, self.global_rank, purpose)

    def configure_gradient_clipping(
        self, optimizer: torch.optim.Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        assert gradient_clip_val is not None
        self.gradient_norm = torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def on_train_epoch_end(self) -> None:
        if not self.epoch_loss.update_called:
            return  # gone on from a checkpoint that was saved after the last step of its epoch
        self.log("train/loss_epoch", float(self.epoch_loss.compute()))
        self.epoch_loss.reset()
        self.log("train/learning_rate", max(group["lr"] for group in self.optimizers().param_groups))

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
        if not np.isfinite(scores).all():
            found = f"the network's answers to validation clips are no numbers any more after epoch {self.current_epoch + 1}"
            raise user_error("training", found, fix="lower --base-learning-rate; best.pth and latest.pth are those of the epochs before")
        self.log("val/accuracy", 100.0 * mean_top_k_accuracy(scores, labels, 1), prog_bar=True)
        self.log("val/top1", 100.0 * top_k_accuracy(scores, labels, 1))
        self.log("val/top5", 100.0 * top_k_accuracy(scores, labels, min(5, num_classes)))

    def configure_optimizers(self) -> Any:
        optimizer = make_optimizer(self.network, self.recipe.optimizer, self.base_learning_rate)
        steps_per_epoch = self.steps_per_epoch()
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate(step, steps_per_epoch, self.base_learning_rate, self.schedule) / self.base_learning_rate
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[TRAINED_MODEL_KEY] = self.description


def step_generator(seed: int, step: int, rank: int, purpose: Literal["augment", "mix"]) -> torch.Generator:
    """A stream of its own for each purpose, on the CPU, that follows from the step alone."""
    place = ("augment", "mix").index(purpose)
    return torch.Generator().manual_seed(hash((seed, step, rank, place)))


def no_gesture_label(labels: Sequence[str], template: Template) -> int:
    """The number of the class that means no gesture, -1 where there is none."""
    name = template.negative_label
    return list(labels).index(name) if name is not None and name in labels else NO_LABEL


def batch_augment(template: Template) -> BatchAugment | None:
    """What changes a batch on its device; None for the reference recipe, which changes clips one by one."""
    config = template.training.augmentation
    return BatchAugment(config, template.input.crop_size) if isinstance(config, BatchAugmentation) else None
