"""Self-challenging: hide the features that decide, so that the others learn too."""

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
    """Zero each sample's most decisive features, and scale the rest by 1 / `retain_share`.

    A feature (of pooled features (N, F)) is decisive when its gradient exceeds the sample's
    `retain_share` quantile. The gradient is that of the summed target cosines. There is no
    second-order term. Samples of `unchanged` (N,) bool keep their features, and so do samples with
    a negative label.

    `cosine_of` maps features (N, F) to cosine (N, C).
    Source: REFERENCE section 4 (Self-challenging) and Huang et al., arXiv 2007.02454.
    """
    # The gradient at a detached copy: the training step sees no part of it.
    labelled = labels >= 0
    probe = features.detach().requires_grad_()
    with torch.enable_grad():
        target = cosine_of(probe)[labelled].gather(1, labels[labelled].unsqueeze(1)).sum()
        (gradient,) = torch.autograd.grad(target, probe)

    # Decisive features become zero, where the sample takes part.
    threshold = torch.quantile(gradient, retain_share, dim=1, keepdim=True)
    kept = (gradient <= threshold).to(features.dtype) / retain_share
    mask = torch.where((unchanged | ~labelled).unsqueeze(1), torch.ones_like(kept), kept)
    return features * mask
