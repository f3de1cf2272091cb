"""A loss over the steps of a stream.

It asks for the right label at the end of a gesture, for an early one, and for no falling back.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EarlyCrossEntropyLoss(nn.Module):
    """Cross entropy of softmax(scale * cosine) at every step, and a price on falling back.

        w(s) = first_step_weight + (1 - first_step_weight) * s / last step of the gesture
        loss = sum of w(s) * CE(s) / sum of w(s)
               + monotony_weight * mean of max(0, best log p so far - log p(s))

    p(s) is the probability of the right class at step s of its gesture. A step costs more the
    further the gesture has come. A `first_step_weight` of 1 asks for the answer at the first step,
    when it may not be visible yet. A weight of 0 asks for it at the end only. Probabilities of the
    past pass no gradient: the step that falls back learns, not the one that was good before.

    Shape: cosine (N, S, C) in -1..1, targets (N, S) int64 -> scalar, 0 when no step has a label. A
    negative label leaves a step out, and a change of label begins a gesture.
    Source: Aliakbarian et al., arXiv 1703.07023, equation 5 (weights that grow with time) and Ma et
    al., CVPR 2016, equation 4 (monotony).

    >>> flags = {"label_smoothing": 0.0, "monotony_weight": 0.0}
    >>> loss, labels = EarlyCrossEntropyLoss(first_step_weight=0.0, **flags), torch.tensor([[0, 0]])
    >>> early = torch.tensor([[[0.9, -0.9], [0.9, -0.9]]])
    >>> late = torch.tensor([[[-0.9, 0.9], [0.9, -0.9]]])
    >>> bool(loss(early, labels, scale=5.0) == loss(late, labels, scale=5.0))
    True
    """

    def __init__(
        self, *, label_smoothing: float, first_step_weight: float, monotony_weight: float
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.first_step_weight = first_step_weight
        self.monotony_weight = monotony_weight

    def forward(self, cosine: Tensor, targets: Tensor, *, scale: float) -> Tensor:
        """Return the weighted mean over the labelled steps, and the price on falling back."""
        labelled = targets >= 0
        if not bool(labelled.any()):
            return (cosine * 0.0).sum()

        # Cross entropy at every step, weighted by the progress of the gesture.
        logits, classes, smoothing = scale * cosine, targets.clamp_min(0), self.label_smoothing
        per_step = F.cross_entropy(
            logits.transpose(1, 2), classes, label_smoothing=smoothing, reduction="none"
        )
        place, first = steps_since_change(targets), self.first_step_weight
        weights = labelled * (first + (1.0 - first) * _progress(place))
        loss = (weights * per_step).sum() / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)

        # The price on falling back.
        if self.monotony_weight:
            right = F.log_softmax(logits, 2).gather(2, classes.unsqueeze(2)).squeeze(2)
            fallen = labelled * _fallen_back(right, place)
            loss = loss + self.monotony_weight * fallen.sum() / labelled.sum()
        return loss


def steps_since_change(targets: Tensor) -> Tensor:
    """Return the number of steps of the same label before each step: (N, S) int64.

    >>> steps_since_change(torch.tensor([[-1, -1, 3, 3, 3]])).tolist()
    [[0, 1, 0, 1, 2]]
    """
    # A count that starts again wherever the label changes.
    place = torch.zeros_like(targets)
    for step in range(1, targets.shape[1]):
        same = targets[:, step] == targets[:, step - 1]
        place[:, step] = torch.where(same, place[:, step - 1] + 1, 0)
    return place


def _progress(place: Tensor) -> Tensor:
    """Return 0 at the first step of a gesture and 1 at its last, in proportion between.

    A gesture of one step is at its end.
    """
    # Backwards: every step of a gesture gets the place of its last step.
    last = place.clone()
    for step in range(place.shape[1] - 2, -1, -1):
        continues = place[:, step + 1] > 0
        last[:, step] = torch.where(continues, last[:, step + 1], place[:, step])

    at_end = torch.ones_like(place, dtype=torch.float32)
    return torch.where(last > 0, place / last.clamp_min(1), at_end)


def _fallen_back(right: Tensor, place: Tensor) -> Tensor:
    """Return the fall of the right class's log probability from its best: (N, S), at least 0.

    The best is that since the gesture began.
    """
    # `best` starts again with every gesture, and never passes a gradient.
    fallen = [torch.zeros_like(right[:, 0])]
    best = right[:, 0].detach()
    for step in range(1, right.shape[1]):
        best_so_far = torch.maximum(best, right[:, step - 1].detach())
        best = torch.where(place[:, step] > 0, best_so_far, right[:, step].detach())
        fallen.append((best - right[:, step]).clamp_min(0.0))
    return torch.stack(fallen, 1)
