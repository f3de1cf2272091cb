"""The additive-margin softmax over cosines.

The scale changes during training, so it is an argument of the call.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pr_product(cosine: Tensor) -> Tensor:
    """Return the cosine itself, with its gradient divided by sqrt(1 - cosine^2).

    So small angles keep learning.

    Source: REFERENCE section 3 (pr_product); Wang et al., arXiv 1904.02558.
    """
    gain = 1.0 / torch.sqrt(1.0 - cosine.detach() ** 2)
    return _ScaleGradient.apply(cosine, gain)  # type: ignore[no-any-return]


class _ScaleGradient(torch.autograd.Function):
    """The identity, with a gradient that is multiplied by `gain`."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, value: Tensor, gain: Tensor) -> Tensor:
        """Return a copy of `value`, in any shape. `gain` has the same shape."""
        ctx.save_for_backward(gain)
        return value.clone()

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor
    ) -> tuple[Tensor, None]:
        """Return the scaled gradient of `value`. `gain` gets none."""
        (gain,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradients[0] * gain, None


class AMSoftmaxLoss(nn.Module):
    """Additive-margin softmax with an entropy bonus.

        per sample: CE(scale * (cosine - margin at the target))
                    [+ hard_sample_weight * (1 - p_target)]
                    - entropy_weight * H(softmax(scale * cosine))

    It is averaged over the samples whose loss is positive.

    Shape: cosine (N, C) in -1..1, labels (N,) int64, where a negative label leaves a sample out ->
    scalar.
    Source: REFERENCE section 3 (AM-Softmax) and Wang et al., arXiv 1801.05599.

    >>> flags = {"entropy_weight": 0.0, "use_pr_product": False, "hard_sample_weight": 0.0}
    >>> loss = AMSoftmaxLoss(margin=0.35, **flags)
    >>> good, bad = torch.tensor([[0.9, -0.9]]), torch.tensor([[-0.9, 0.9]])
    >>> bool(loss(good, torch.tensor([0]), scale=5.0) < loss(bad, torch.tensor([0]), scale=5.0))
    True
    """

    def __init__(
        self,
        *,
        margin: float,
        entropy_weight: float,
        use_pr_product: bool,
        hard_sample_weight: float,
    ) -> None:
        super().__init__()
        self.margin = margin
        self.entropy_weight = entropy_weight
        self.use_pr_product = use_pr_product
        self.hard_sample_weight = hard_sample_weight

    def forward(self, cosine: Tensor, labels: Tensor, *, scale: float) -> Tensor:
        """Return the mean over the samples whose loss is positive, or 0 without any."""
        per_sample = self.per_sample(cosine, labels, scale=scale)
        costly = per_sample > 0.0
        return per_sample[costly].mean() if bool(costly.any()) else (cosine * 0.0).sum()

    def per_sample(self, cosine: Tensor, labels: Tensor, *, scale: float) -> Tensor:
        """Return the loss of every labelled sample: (number of labels >= 0,)."""
        labelled = labels >= 0
        cosine, labels = cosine[labelled], labels[labelled]
        if self.use_pr_product:
            cosine = pr_product(cosine)

        # Cross entropy, with the margin taken off the target's cosine.
        margin = F.one_hot(labels, cosine.shape[1]).to(cosine.dtype) * self.margin
        log_probabilities = F.log_softmax(scale * (cosine - margin), dim=1)
        target = log_probabilities.gather(1, labels.unsqueeze(1)).squeeze(1)
        loss = -target

        # Hard samples weigh more, and the entropy bonus has no margin.
        if self.hard_sample_weight:
            loss = loss + self.hard_sample_weight * (1.0 - target.exp())
        if self.entropy_weight:
            plain = F.log_softmax(scale * cosine, dim=1)
            loss = loss + self.entropy_weight * (plain.exp() * plain).sum(1)
        return loss
