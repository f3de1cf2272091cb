"""A loss that makes the clips of one video agree."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ClipMixingLoss(nn.Module):
    """Cross entropy of each clip to the mean prediction of all clips of its video.

    The mean passes no gradient. A video takes part when its clips have one and the same label that
    is not negative. Mirroring may have changed the label of a clip.

    Shape: cosine (V * clips_per_video, C) with the clips of a video in succession, labels
    (V * clips_per_video,) int64 -> scalar, 0 when no video takes part.
    Source: REFERENCE section 3 (Clip mixing).
    """

    def __init__(self, clips_per_video: int) -> None:
        super().__init__()
        self.clips_per_video = clips_per_video

    def forward(self, cosine: Tensor, labels: Tensor, *, scale: float) -> Tensor:
        """Return the mean over the clips of the videos that take part."""
        # One row of labels for each video.
        by_video = labels.view(-1, self.clips_per_video)
        agreeing = (by_video == by_video[:, :1]).all(1) & (by_video[:, 0] >= 0)
        if not bool(agreeing.any()):
            return (cosine * 0.0).sum()

        # The clips of a video against their mean prediction.
        logits = (scale * cosine).view(*by_video.shape, -1)[agreeing]
        target = logits.detach().softmax(-1).mean(1, keepdim=True)
        loss: Tensor = -(target * F.log_softmax(logits, dim=-1)).sum(-1).mean()
        return loss
