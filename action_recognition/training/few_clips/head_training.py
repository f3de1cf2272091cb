"""The head alone, trained on features that are there already: seconds instead of epochs over videos."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from action_recognition.metrics import mean_top_k_accuracy
from action_recognition.models.head import AngularHead
from action_recognition.training.few_clips.features import FeatureTable
from action_recognition.training.reporting.head_result import HeadResult

_STEPS, _MIN_EPOCHS, _BATCH_SIZE = (
    400,
    30,
    64,
)  # at least so many steps: an epoch over few clips is one step
_LEARNING_RATE, _WEIGHT_DECAY, _LABEL_SMOOTHING = 2e-3, 0.02, 0.1


def train_head(
    head: AngularHead, train: FeatureTable, val: FeatureTable, *, scale: float, seed: int
) -> HeadResult:
    """Train `head` where it is, and leave it as it was best on `val`.

    Cross entropy of softmax(scale * cosine) with smoothed labels, every class with the same weight; AdamW with half a cosine of rate,
    stopped after a third of the epochs without a better validation. Views whose mirrored label is none (negative) are left out.
    """
    labelled = train.labels >= 0
    features, labels = train.features[labelled], train.labels[labelled]
    generator = torch.Generator().manual_seed(seed)
    batch_size = min(_BATCH_SIZE, len(labels))
    num_batches = max(
        1, len(labels) // batch_size
    )  # the rest of an epoch would be a batch too small for the batch norm
    num_epochs = max(_MIN_EPOCHS, -(-_STEPS // num_batches))
    optimizer = torch.optim.AdamW(head.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / (num_epochs * num_batches))
    )
    weights = class_weights(labels, head.class_directions.shape[1])
    best, state = HeadResult(-1.0, -1.0, 0), copy.deepcopy(head.state_dict())
    for epoch in range(1, num_epochs + 1):
        head.train()
        for places in torch.randperm(len(labels), generator=generator)[
            : num_batches * batch_size
        ].chunk(num_batches):
            optimizer.zero_grad()
            cosine = head(features[places])
            loss = F.cross_entropy(
                scale * cosine, labels[places], weight=weights, label_smoothing=_LABEL_SMOOTHING
            )
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        result = _validate(head, val, epoch)
        if result.accuracy > best.accuracy:
            best, state = result, copy.deepcopy(head.state_dict())
        elif epoch - best.epoch >= num_epochs // 3:
            break
    head.load_state_dict(state)
    head.eval()
    return best


def class_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weights (C,) with which every class that occurs counts the same; their mean over the samples is 1.

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
    accuracy, top5 = (
        100.0 * mean_top_k_accuracy(cosine, labels, min(k, cosine.shape[1])) for k in (1, 5)
    )
    return HeadResult(accuracy, top5, epoch)
