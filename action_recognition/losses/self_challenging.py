"""Self-challenging: hide the features that decide, so that others learn too."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def self_challenge(
    features: Tensor,
    cosine_of: Callable[[Tensor], Tensor],
    labels: Tensor,
    *,
    retain_share: float,
    unchanged: Tensor,
) -> Tensor:
    """Pooled features (N, F) with each sample's most decisive ones zeroed and the rest scaled by 1 / `retain_share`.

    Decisive are those whose gradient of the summed target cosines exceeds the sample's `retain_share` quantile. Samples of
    `unchanged` (N,) bool keep their features, and so do samples with a negative label. No second-order term.
    `cosine_of` maps features (N, F) to cosine (N, C). Source: REFERENCE section 4 (Self-challenging); Huang et al., arXiv 2007.02454.
    """
    labelled = labels >= 0
    probe = features.detach().requires_grad_()
    with torch.enable_grad():
        target = cosine_of(probe)[labelled].gather(1, labels[labelled].unsqueeze(1)).sum()
        (gradient,) = torch.autograd.grad(target, probe)
    threshold = torch.quantile(gradient, retain_share, dim=1, keepdim=True)
    kept = (gradient <= threshold).to(features.dtype) / retain_share
    mask = torch.where((unchanged | ~labelled).unsqueeze(1), torch.ones_like(kept), kept)
    return features * mask
