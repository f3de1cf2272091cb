"""Cross entropy over scaled cosines, for labels and for mixtures of labels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class CrossEntropyLoss(nn.Module):
    """Cross entropy of softmax(scale * cosine) to smoothed targets.

        target' = (1 - label_smoothing) * target + label_smoothing / C

    It is averaged over the samples that have a target.

    Shape: cosine (N, C) in -1..1 and targets -> scalar, 0 when no sample has a target. Targets are
    (N,) int64, where a negative label leaves a sample out, or (N, C) float with rows that sum to 1,
    as mixing makes them.
    Source: Szegedy et al., arXiv 1512.00567, section 7 (label smoothing) and Zhang et al., arXiv
    1710.09412 (mixed targets).

    >>> import torch
    >>> cosine = torch.tensor([[0.9, -0.9], [0.2, 0.1]])
    >>> loss, labels = CrossEntropyLoss(label_smoothing=0.1), torch.tensor([0, 1])
    >>> bool(torch.isclose(loss(cosine, labels, scale=5.0), loss(cosine, torch.eye(2), scale=5.0)))
    True
    """

    def __init__(self, *, label_smoothing: float) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, cosine: Tensor, targets: Tensor, *, scale: float) -> Tensor:
        """Return the mean over the samples that have a target."""
        # Mixed targets are rows: all of them take part.
        if targets.ndim == 1:
            labelled = targets >= 0
            cosine, targets = cosine[labelled], targets[labelled]

        # A zero that still has a gradient, so that backward works.
        if not len(targets):
            return (cosine * 0.0).sum()
        return F.cross_entropy(scale * cosine, targets, label_smoothing=self.label_smoothing)
