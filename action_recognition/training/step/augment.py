"""Random changes of a batch of training clips on its device: one draw per clip, the same for all its frames.

The picture is moved in one sampling of the canvas, all colour changes but gamma are one matrix per clip, so the cost is a few passes
over the pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from action_recognition.template import BatchAugmentation

_DRAWS = (
    "scale",
    "aspect",
    "angle",
    "shift_x",
    "shift_y",
    "gamma",
    "contrast",
    "brightness",
    "saturation",
    "red",
    "green",
    "blue",
    "grey",
)
_ERASE_DRAWS = ("erase", "height", "width", "top", "left", "fill_red", "fill_green", "fill_blue")
_ERASED_SIDE = (0.1, 0.45)  # least and greatest share of the crop's side


class BatchAugment:
    """Canvases to crops, as `BatchAugmentation` says; with all its strengths zero (or one) exactly the crop of evaluation.

    The order: place and shape, gamma, contrast, brightness, saturation, tint, grey, erasing, clipping to 0..255.
    """

    def __init__(self, config: BatchAugmentation, crop_size: int) -> None:
        self.config = config
        self.crop_size = crop_size

    @torch.no_grad()
    def __call__(
        self, canvases: Tensor, generator: torch.Generator, rank: int = 0, world_size: int = 1
    ) -> Tensor:
        """(N, 3, T, S, S) uint8 RGB on any device -> (N, 3, T, crop, crop) float32 RGB 0..255 on the same.

        `generator` is of the CPU, so that the same seed draws the same on every device; how much is drawn depends on N only.
        With several processes it is the same in all, and each takes the draws that its clips would have got in one process.
        """
        names = _DRAWS + _ERASE_DRAWS
        uniform = torch.rand(len(names), len(canvases) * world_size, generator=generator)[
            :, rank::world_size
        ]
        draws = dict(zip(names, uniform.to(canvases.device), strict=True))
        with torch.autocast(
            canvases.device.type, enabled=False
        ):  # half precision would blur colours by a level
            clips = self._moved(canvases, draws)
            clips = self._recoloured(clips, draws)
            self._erase(clips, dict(zip(names, uniform, strict=True)))
            return clips.clamp_(0.0, 255.0)

    def _moved(self, canvases: Tensor, draws: dict[str, Tensor]) -> Tensor:
        number, channels, frames, side, _ = canvases.shape
        crop = self.crop_size
        places = affine_maps(self.config, draws).mul(crop / side)
        grid = F.affine_grid(places, [number, 1, crop, crop], align_corners=False)
        pictures = canvases.reshape(number, channels * frames, side, side).float()
        moved = F.grid_sample(
            pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        return moved.view(number, channels, frames, crop, crop)

    def _recoloured(self, clips: Tensor, draws: dict[str, Tensor]) -> Tensor:
        number = len(clips)
        if self.config.gamma:
            exponents = _symmetric(draws["gamma"], self.config.gamma).exp()
            clips = (
                clips.div_(255.0)
                .clamp_(min=0.0)
                .pow_(exponents.view(number, 1, 1, 1, 1))
                .mul_(255.0)
            )
        pixels = clips.view(number, 3, -1)
        matrix, offset = colour_maps(self.config, draws, pixels.mean((1, 2)))
        return torch.baddbmm(offset.unsqueeze(2), matrix, pixels).view_as(clips)

    def _erase(self, clips: Tensor, draws: dict[str, Tensor]) -> None:
        crop = self.crop_size
        low, high = _ERASED_SIDE
        for i in torch.nonzero(draws["erase"] < self.config.erase_probability).flatten().tolist():
            height, width = (
                max(1, int((low + (high - low) * float(draws[name][i])) * crop))
                for name in ("height", "width")
            )
            top, left = (
                int(draws["top"][i] * (crop - height + 1)),
                int(draws["left"][i] * (crop - width + 1)),
            )
            colour = (
                torch.stack([draws[f"fill_{name}"][i] for name in ("red", "green", "blue")]) * 255.0
            )
            clips[i, :, :, top : top + height, left : left + width] = colour.to(
                clips.device, clips.dtype
            ).view(3, 1, 1, 1)


def affine_maps(config: BatchAugmentation, draws: dict[str, Tensor]) -> Tensor:
    """(N, 2, 3): where a place in the crop comes from, both in units of the crop's half side around its centre.

    `draws` are U(0, 1), (N,) each. The crop is turned first, then widened.
    """
    low, high = math.log(config.scale_min), math.log(config.scale_max)
    scale = (low + (high - low) * draws["scale"]).exp()
    stretch = _symmetric(draws["aspect"], 0.5 * math.log(config.aspect_max)).exp()
    angle = _symmetric(draws["angle"], math.radians(config.rotate_degrees))
    width, height = scale * stretch, scale / stretch
    x = torch.stack(
        [width * angle.cos(), -width * angle.sin(), _symmetric(draws["shift_x"], config.shift)],
        dim=1,
    )
    y = torch.stack(
        [height * angle.sin(), height * angle.cos(), _symmetric(draws["shift_y"], config.shift)],
        dim=1,
    )
    return torch.stack([x, y], dim=1)


def colour_maps(
    config: BatchAugmentation, draws: dict[str, Tensor], means: Tensor
) -> tuple[Tensor, Tensor]:
    """The colour changes of each clip as new = matrix @ RGB + offset: (N, 3, 3) and (N, 3); `means` (N,) are the clips'.

    contrast around the clip's mean, brightness added, saturation around the pixel's grey (the mean of its channels), tint, grey.
    """
    contrast = _symmetric(draws["contrast"], config.contrast).exp()
    saturation = _symmetric(draws["saturation"], config.saturation).exp().view(-1, 1, 1)
    tint = torch.stack(
        [1.0 + _symmetric(draws[name], config.tint) for name in ("red", "green", "blue")], dim=1
    )
    identity = torch.eye(3, device=means.device)
    grey = torch.full_like(identity, 1.0 / 3.0)
    matrix = tint.unsqueeze(2) * (saturation * identity + (1.0 - saturation) * grey)
    matrix = torch.where(
        (draws["grey"] < config.grey_probability).view(-1, 1, 1), grey @ matrix, matrix
    )
    added = (
        means * (1.0 - contrast) + _symmetric(draws["brightness"], config.brightness) * 255.0
    )  # to a grey pixel, on its way in
    return matrix * contrast.view(-1, 1, 1), matrix.sum(2) * added.unsqueeze(1)


def _symmetric(uniform: Tensor, limit: float) -> Tensor:
    """U(0, 1) to U(-limit, limit)."""
    return (2.0 * uniform - 1.0) * limit
