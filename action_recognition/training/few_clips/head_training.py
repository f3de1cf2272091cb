"""Training of the head alone on features: it takes seconds instead of epochs over videos."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from action_recognition.metrics import mean_top_k_accuracy
from action_recognition.models.head import AngularHead
from action_recognition.training.few_clips.features import FeatureTable
from action_recognition.training.reporting.head_result import HeadResult
from action_recognition.training.step.eager_optimizers import EagerAdamW

# The training takes at least this many steps: with few clips an epoch is one step.
_STEPS, _MIN_EPOCHS, _BATCH_SIZE = 400, 30, 64
_LEARNING_RATE, _WEIGHT_DECAY, _LABEL_SMOOTHING = 2e-3, 0.02, 0.1


def train_head(
    head: AngularHead,
    train: FeatureTable,
    val: FeatureTable | None,
    *,
    scale: float,
    seed: int,
    keeps_last: bool = False,
) -> HeadResult:
    """Train `head` in place. It ends with the weights that were best on `val`.

    With `keeps_last` it ends with those of the last epoch, and `val` may be None. The accuracy is
    then measured at the end, or nan.

    The loss is the cross entropy of softmax(scale * cosine) with smoothed labels. Every class has
    the same weight. The optimiser is AdamW with half a cosine of the learning rate. The training
    stops after a third of the epochs without a better validation. Views whose mirrored label is
    none (negative) are left out.
    """
    # A view whose mirrored label is none has a negative label.
    labelled = train.labels >= 0
    features, labels = train.features[labelled], train.labels[labelled]
    batches = _Batches(len(labels), torch.Generator().manual_seed(seed))
    num_epochs = max(_MIN_EPOCHS, -(-_STEPS // batches.number))
    optimizer, schedule = _optimizer(head, num_epochs * batches.number)
    weights = class_weights(labels, head.class_directions.shape[1])
    loss_of = nn.CrossEntropyLoss(weight=weights, label_smoothing=_LABEL_SMOOTHING)

    best, state = HeadResult(-1.0, -1.0, 0), copy.deepcopy(head.state_dict())
    for epoch in range(1, num_epochs + 1):
        head.train()
        for places in batches.epoch():
            optimizer.zero_grad()
            loss_of(scale * head(features[places]), labels[places]).backward()
            optimizer.step()
            schedule.step()

        # Keep the best epoch, and stop when the last better one is long ago.
        if keeps_last or val is None:
            continue
        result = _validate(head, val, epoch)
        if result.accuracy > best.accuracy:
            best, state = result, copy.deepcopy(head.state_dict())
        elif epoch - best.epoch >= num_epochs // 3:
            break

    if keeps_last or val is None:
        head.eval()
        no_result = HeadResult(math.nan, math.nan, num_epochs)
        return no_result if val is None else _validate(head, val, num_epochs)
    head.load_state_dict(state)
    head.eval()
    return best


class _Batches:
    """The batches of every epoch, in a random order."""

    def __init__(self, num_samples: int, generator: torch.Generator) -> None:
        self.num_samples, self.generator = num_samples, generator
        self.size = min(_BATCH_SIZE, num_samples)
        # The rest of an epoch is left out. It would be too small for the batch norm.
        self.number = max(1, num_samples // self.size)

    def epoch(self) -> Iterator[Tensor]:
        """Draw the order of an epoch and yield the places (B,) of each batch."""
        order = torch.randperm(self.num_samples, generator=self.generator)
        yield from order[: self.number * self.size].chunk(self.number)


def _optimizer(head: AngularHead, num_steps: int) -> tuple[EagerAdamW, LambdaLR]:
    """Return the optimiser, and a schedule that falls from the full rate to 0 by half a cosine."""
    optimizer = EagerAdamW(head.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = LambdaLR(optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / num_steps))
    return optimizer, schedule


def class_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Compute weights (C,) with which every class that occurs counts the same.

    Their mean over the samples is 1.

    >>> class_weights(torch.tensor([0, 0, 0, 2]), 3).tolist()
    [0.6666666865348816, 0.0, 2.0]
    """
    counts = torch.bincount(labels, minlength=num_classes).float()
    present = int((counts > 0).sum())
    return torch.where(counts > 0, len(labels) / (present * counts.clamp(min=1.0)), 0.0)


def _validate(head: AngularHead, val: FeatureTable, epoch: int) -> HeadResult:
    head.eval()
    with torch.inference_mode():
        cosine, labels = head(val.features).numpy(), val.labels.numpy()
    # With fewer than five classes every answer is among the top five.
    accuracy, top5 = (
        100.0 * mean_top_k_accuracy(cosine, labels, min(k, cosine.shape[1])) for k in (1, 5)
    )
    return HeadResult(accuracy, top5, epoch)
