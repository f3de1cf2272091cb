"""One step of training and of validation. Lightning does the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch import Tensor

from action_recognition.checkpoint import TRAINED_MODEL_KEY
from action_recognition.data.batches import Batch
from action_recognition.errors import user_error
from action_recognition.metrics import mean_top_k_accuracy, top_k_accuracy
from action_recognition.models.recogniser import Recogniser, input_normalisation
from action_recognition.schedules import ScaledSchedule, is_frozen, learning_rate, loss_scale
from action_recognition.template import ModelConfig, Template
from action_recognition.training.machine.precision import no_autocast, whole_precision
from action_recognition.training.step.epoch_mean import EpochMean
from action_recognition.training.step.freezing import set_learning
from action_recognition.training.step.inputs import StepInputs, StepPlace
from action_recognition.training.step.optimizer import make_optimizer
from action_recognition.training.step.recipe import Recipe, top1_of_step
from action_recognition.training.step.validation_scores import ScoredValidation, score_all

EPOCH_LOSS_KEY = "epoch_loss"
EPOCH_TOP1_KEY = "epoch_top1"


class GestureTraining(L.LightningModule):
    """The template's recipe over a `Recogniser`, as Lightning runs it.

    The recipe: batch augmentation, losses, optimiser, learning rate, and what is frozen when.
    `steps_per_epoch` is asked when needed, since the number of devices is known only then. It must
    be a plain function: the module is copied where weights are averaged. `description` is what a
    checkpoint says about its weights.
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
        self.normalize = input_normalisation(template.input)
        self.recipe, self.seed = template.training, seed
        self.base_learning_rate, self.schedule = base_learning_rate, schedule
        self.steps_per_epoch = steps_per_epoch
        self.description = description
        self.losses = Recipe(template.training, model.backbone)
        self.inputs = StepInputs(template, model, description["labels"], seed)
        self.gradient_norm = torch.zeros(())
        # By `time.perf_counter`: the time between the last step and here was waiting for data.
        self.batch_arrived_s = 0.0
        self.epoch_loss, self.epoch_top1 = EpochMean(), EpochMean()
        self._scores: list[tuple[Any, Any, Any]] = []
        self._scored: ScoredValidation | None = None

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Copy what is computed with to the device, and note when the batch arrived."""
        self.batch_arrived_s = time.perf_counter()
        names = ("clips", "labels", "indices")
        moved = {name: getattr(batch, name).to(device, non_blocking=True) for name in names}
        return batch._replace(**moved)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment the clips of a training batch, where they are: on the device."""
        if not self.trainer.training:
            return batch
        # Called before the batch is counted, so the number of batches behind it is its place.
        behind = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
        return self.inputs.augmented(batch, self._place(behind))

    def setup(self, stage: str) -> None:
        """Freeze before several devices agree on which gradients they exchange."""
        set_learning(self.network, self.recipe, head_only=False)

    def on_train_start(self) -> None:
        """Start an epoch: Lightning does not say so where a run resumes within one."""
        self.on_train_epoch_start()

    def on_train_epoch_start(self) -> None:
        """Freeze all but the head in the first epochs, as the schedule says."""
        head_only = is_frozen(self.current_epoch, self.schedule)
        set_learning(self.network, self.recipe, head_only=head_only)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """Return the loss of one batch, None where too few of its clips could be read."""
        if len(batch.labels) < 2:
            return self._no_loss()  # batch norm needs more than one clip
        place = self._place(batch_idx)
        clips, targets = self.inputs.mixed(batch, place)

        # Noise of the network (Gumbel) follows from the step alone: resuming repeats it.
        _seed_device(hash((self.seed, self.global_step, place.share)), clips.device)
        scale = loss_scale(self.global_step, self.steps_per_epoch(), self.recipe.loss)
        pixels = self.normalize(clips)
        losses: dict[str, Tensor] = self.losses(self.network, pixels, targets, scale=scale)
        loss = torch.stack(list(losses.values())).sum()

        num_clips = len(batch.labels)
        self.epoch_loss.add(float(loss.detach()), num_clips)
        self.epoch_top1.add(*top1_of_step(self.losses.cosine, targets))
        # At other steps Lightning would look at each value and drop it.
        if self.trainer._logger_connector.should_update_logs:
            for name, value in losses.items():
                self.log(f"train/{name}", value.detach(), batch_size=num_clips)
            self.log("train/loss", loss.detach(), prog_bar=True, batch_size=num_clips)
        return loss

    def _no_loss(self) -> Tensor | None:
        """Return no loss, or among several processes zero gradients, since the others wait."""
        if self.trainer.world_size == 1:
            return None
        learning = [item for item in self.network.parameters() if item.requires_grad]
        return torch.stack([0.0 * parameter.sum() for parameter in learning]).sum()

    def _place(self, batch_idx: int) -> StepPlace:
        part = batch_idx % self.trainer.accumulate_grad_batches
        return StepPlace(self.global_step, part, int(self.global_rank), self.trainer.world_size)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient by its norm, and keep the norm from before."""
        assert gradient_clip_val is not None
        parameters = [item for group in optimizer.param_groups for item in group["params"]]
        gradients = [item.grad for item in parameters if item.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        # A GPU would have to be waited for to compare. Scaling by 1 changes nothing.
        if norm.device.type != "cpu" or not norm <= gradient_clip_val:
            torch.nn.utils.clip_grads_with_norm_(parameters, gradient_clip_val, norm)
        self.gradient_norm = norm

    def on_train_epoch_end(self) -> None:
        """Log loss and accuracy on the training clips, and the highest learning rate."""
        mean_loss = self.epoch_loss.mean()
        if mean_loss is not None:
            self.log("train/loss_epoch", mean_loss)
        top1 = self.epoch_top1.mean()
        if top1 is not None:
            self.log("train/top1", 100.0 * top1)
        self.epoch_loss, self.epoch_top1 = EpochMean(), EpochMean()
        rates = [group["lr"] for group in self.optimizers().param_groups]
        self.log("train/learning_rate", max(rates))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep the cosines, labels and indices of a validation batch."""
        if not len(batch.labels):
            return
        features = self.network.features(self.normalize(batch.clips))
        with no_autocast(features):
            cosine = self.network.head(whole_precision(features)).float()
        kept = (cosine, batch.labels, batch.indices)
        arrays: Any = tuple(values.cpu().numpy() for values in kept)
        self._scores.append(arrays)

    def on_validation_epoch_start(self) -> None:
        """Forget the scores of the validation before."""
        self._scores, self._scored = [], None

    def scored_validation(self) -> ScoredValidation:
        """Return the scores of this validation over the clips of all processes.

        All processes must call it, when the validation is over.
        """
        if self._scored is None:
            num_classes = self.network.head.class_directions.shape[1]
            self._scored = score_all(self.current_epoch + 1, self._scores, num_classes)
        return self._scored

    def on_validation_epoch_end(self) -> None:
        """Log the accuracies. Raises UserError: no validation clip could be read."""
        scored = self.scored_validation()
        scores, labels = scored.cosine, scored.labels
        if not len(labels):
            raise user_error("--val-ann-files", "none of the validation clips could be read")
        self.log("val/accuracy", 100.0 * mean_top_k_accuracy(scores, labels, 1), prog_bar=True)
        self.log("val/top1", 100.0 * top_k_accuracy(scores, labels, 1))
        self.log("val/top5", 100.0 * top_k_accuracy(scores, labels, min(5, scores.shape[1])))

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule, a factor of the base rate for each step."""
        base = self.base_learning_rate
        optimizer = make_optimizer(self.network, self.recipe.optimizer, base)
        num_steps = self.steps_per_epoch()

        def factor(step: int) -> float:
            """Return the rate of a step over the base rate."""
            return learning_rate(step, num_steps, base, self.schedule) / base

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        every_step = {"scheduler": scheduler, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": every_step}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the description of the weights, and loss and accuracy of the epoch so far."""
        checkpoint[TRAINED_MODEL_KEY] = self.description
        checkpoint[EPOCH_LOSS_KEY] = self.epoch_loss.state()
        checkpoint[EPOCH_TOP1_KEY] = self.epoch_top1.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up loss and accuracy of the epoch so far. The stored sums are over all processes."""
        if self.global_rank == 0:
            self.epoch_loss = EpochMean(*checkpoint.get(EPOCH_LOSS_KEY, ()))
            self.epoch_top1 = EpochMean(*checkpoint.get(EPOCH_TOP1_KEY, ()))


def _seed_device(seed: int, device: torch.device) -> None:
    """Seed the random numbers of a step, on the CPU and on its device."""
    if device.type == "cpu":
        # torch.manual_seed formats a call stack for each kind of device that is not in use.
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
