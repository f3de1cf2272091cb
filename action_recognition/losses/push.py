"""Losses that push apart samples of different classes, and the classes themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LocalPushLoss(nn.Module):
    """A margin between a sample's own class and its nearest batch neighbour of another class.

        per labelled sample i: max(0, max over j of another label of <e_i, e_j> - threshold_i)
        threshold_i = max(cosine to its own class, margin) - margin, without gradient

    With `adaptive` False the threshold is the margin itself.

    Shape: embedding (N, E) of unit length, cosine (N, C), labels (N,) int64 -> scalar. A sample
    with a negative label takes part as a neighbour only.
    Source: REFERENCE section 3 (LocalPush).
    """

    def __init__(self, margin: float, adaptive: bool = True) -> None:
        super().__init__()
        self.margin = margin
        self.adaptive = adaptive

    def forward(self, embedding: Tensor, cosine: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over labelled samples, or 0 without any."""
        labelled = labels >= 0
        if not bool(labelled.any()):
            return (embedding * 0.0).sum()

        # The threshold of each sample.
        own_class = cosine.detach()[labelled].gather(1, labels[labelled].unsqueeze(1)).squeeze(1)
        threshold = torch.full_like(own_class, self.margin)
        if self.adaptive:
            threshold = own_class.clamp_min(self.margin) - self.margin

        # Neighbours of the same class count as 0, and so does a sample to itself.
        similarity = embedding[labelled] @ embedding.T
        same = labels[labelled].unsqueeze(1) == labels.unsqueeze(0)
        excess = (similarity - threshold.unsqueeze(1)).masked_fill(same, 0.0)
        return excess.max(dim=1).values.clamp_min(0.0).mean()


class CentrePushLoss(nn.Module):
    """A push between classes whose directions are closer than `margin`, a cosine.

    Shape: class_directions (E, C) of any length -> scalar.
    Source: REFERENCE section 3 (Centre push).

    >>> CentrePushLoss(0.1)(torch.eye(3))
    tensor(0.)
    """

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, class_directions: Tensor) -> Tensor:
        """Return the mean of (cosine - margin) over the pairs above it, or 0 without any."""
        # All pairs of different classes, each once.
        unit = F.normalize(class_directions, dim=0)
        number = class_directions.shape[1]
        row, column = torch.triu_indices(number, number, offset=1, device=class_directions.device)
        excess = (unit.T @ unit)[row, column] - self.margin

        close = excess > 0.0
        return excess[close].mean() if bool(close.any()) else (class_directions * 0.0).sum()
