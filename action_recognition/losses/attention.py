"""A loss that makes attention masks decided and smooth."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TotalVarianceLoss(nn.Module):
    """Distance of a mask to its own smoothed and rounded self: mean |mask - [box(mask) >= 0.5]|.

    The box averages `temporal_size` frames by 3 x 3 pixels. Zeros outside the picture count.
    Shape: mask (N, 1, T, H, W) in 0..1 -> scalar.
    Source: REFERENCE section 3 (Total variance).

    >>> undecided, decided = torch.full((1, 1, 2, 9, 9), 0.5), torch.zeros(1, 1, 2, 9, 9)
    >>> bool(TotalVarianceLoss(1)(decided) < TotalVarianceLoss(1)(undecided))
    True
    """

    def __init__(self, temporal_size: int) -> None:
        super().__init__()
        self.kernel = (temporal_size, 3, 3)

    def forward(self, mask: Tensor) -> Tensor:
        """Return the mean distance. The smoothed mask passes no gradient."""
        with torch.no_grad():
            # Half a box of zeros on every side keeps the size of the mask.
            around = [size // 2 for size in reversed(self.kernel) for _ in range(2)]
            smoothed = F.avg_pool3d(F.pad(mask, around), self.kernel, stride=1)
            target = (smoothed >= 0.5).to(mask.dtype)

        return (mask - target).abs().mean()
