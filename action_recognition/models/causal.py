"""Networks that look at the past only: later frames do not change the scores of a step.

    clip form   frames 0..T-1 at once, zeros before frame 0     `CausalRecogniser`, for training
    step form   k frames a call, the past in explicit states    `StatefulNetwork`, for live use

Both are the same function of the frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.models.convolutions import FactoredConv3d
from action_recognition.models.head import AngularHead
from action_recognition.models.layers import TemporalAveragePool
from action_recognition.models.recogniser import Backbone, Recogniser
from action_recognition.models.s3d_efficientnet_lite0 import S3DEfficientNetLite0
from action_recognition.models.s3d_mobilenet_v3 import S3DMobileNetV3

# The backbones that look over time.
VideoBackbone = S3DMobileNetV3 | S3DEfficientNetLite0


class RunningAveragePool(nn.Module):
    """Mean over space and over the last `steps` steps.

    Where there are fewer steps, it is the mean over those.
    Shape: (N, C, S, H, W) -> (N, C, S), where S is the number of steps.

    >>> RunningAveragePool(2)(torch.tensor([2.0, 4.0, 8.0]).view(1, 1, 3, 1, 1)).flatten().tolist()
    [2.0, 3.0, 6.0]
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        """Average (N, C, S, H, W) at every step."""
        # Zeros before the first step, so that every step has a whole window of `steps`.
        padded = F.pad(x.mean((3, 4)), (self.steps - 1, 0))
        sums = F.avg_pool1d(padded, self.steps, stride=1) * self.steps

        # The real steps of each window: 1, 2, ... up to `steps`.
        counts = torch.arange(1, x.shape[2] + 1, device=x.device, dtype=x.dtype)
        return sums / counts.clamp(max=self.steps)

    def last(self, x: Tensor) -> Tensor:
        """Return the last step of `forward` alone: (N, C)."""
        return x[:, :, -self.steps :].mean((2, 3, 4))


class CausalRecogniser(Recogniser):
    """A recogniser that looks at the past only.

    Shape: clips (N, 3, T, H, W) float, RGB, normalised -> cosine (N, C) of each class after the
    last frame, in -1..1. `step_cosine` returns it at every step, after each `frames_per_step`
    frames.
    """

    backbone: VideoBackbone

    def __init__(self, backbone: VideoBackbone, head: AngularHead, pool_steps: int) -> None:
        super().__init__(backbone, head)
        self.running_pool = RunningAveragePool(pool_steps)

    @property
    def frames_per_step(self) -> int:
        """Return the frames from one step to the next. Every temporal stride doubles them."""
        modules = self.backbone.modules()
        return int(2 ** sum(isinstance(module, TemporalAveragePool) for module in modules))

    def features(self, clips: Tensor) -> Tensor:
        """Return pooled features (N, F) after the last frame."""
        features, _ = self.backbone(clips)
        return self.running_pool.last(features)

    def step_cosine(self, clips: Tensor) -> Tensor:
        """Return the cosine (N, S, C) at every step, where S = T / `frames_per_step`."""
        features, _ = self.backbone(clips)
        return self.head_at_steps(self.running_pool(features))

    def head_at_steps(self, pooled: Tensor) -> Tensor:
        """Return the cosine (N, S, C) of pooled features (N, F, S)."""
        # The head's batch norm takes rows: steps go into the batch and back.
        rows = pooled.transpose(1, 2)
        cosine: Tensor = self.head(rows.flatten(0, 1))
        return cosine.view(*rows.shape[:2], -1)


def make_causal(backbone: Backbone) -> VideoBackbone:
    """Put all of a backbone's padding over time on the past side, and return the backbone.

    The means of two frames are causal already: they take a frame and the one before it.
    """
    assert isinstance(backbone, S3DMobileNetV3 | S3DEfficientNetLite0)
    for module in backbone.modules():
        if isinstance(module, FactoredConv3d):
            module.causal = True
    return backbone


def causal_kernel(kernel: Tensor, num_taps: int) -> Tensor:
    """Turn a kernel around the present frame into one of `num_taps` taps that ends with it.

    The kernel is (out, in, kt, kh, kw). Future frames are assumed to look like the present one,
    so their taps are added to its own. A still clip then gives the same features. Past taps that
    have no place are added to the oldest one. Places further back are zero.

    >>> kernel = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0]).view(1, 1, 5, 1, 1)
    >>> causal_kernel(kernel, 5).flatten().tolist()
    [0.0, 0.0, 1.0, 2.0, 28.0]
    >>> causal_kernel(kernel, 1).flatten().tolist()
    [31.0]
    """
    # The present frame gets its own tap and those of the future.
    centre = kernel.shape[2] // 2
    past, present = kernel[:, :, :centre], kernel[:, :, centre:].sum(2, keepdim=True)
    taps = torch.cat([past, present], 2)

    # Fewer places than taps: the oldest ones share a place.
    surplus = taps.shape[2] - num_taps
    if surplus > 0:
        oldest = taps[:, :, : surplus + 1].sum(2, keepdim=True)
        taps = torch.cat([oldest, taps[:, :, surplus + 1 :]], 2)

    # More places than taps: zeros before the oldest one.
    return F.pad(taps, (0, 0, 0, 0, num_taps - taps.shape[2], 0))


def receptive_field_frames(network: CausalRecogniser) -> int:
    """Return the number of frames, the present one included, that a score can depend on."""
    # `spacing` is the distance between neighbouring frames of a layer, in frames of the clip.
    frames, spacing = 1, 1
    for modules in network.backbone.stages():
        for part in (part for module in modules for part in module.modules()):
            if isinstance(part, FactoredConv3d):
                frames += spacing * (part.kernel_size[0] - 1)
            elif isinstance(part, TemporalAveragePool):
                frames += spacing
                spacing *= 2

    # The running mean looks at whole steps.
    return frames + spacing * (network.running_pool.steps - 1)
