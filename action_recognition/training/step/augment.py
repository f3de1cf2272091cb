"""Random changes of a batch of training clips on its device.

Each clip has one draw, the same for all its frames. The picture is moved in one sampling of the
canvas. All colour changes but gamma are one matrix per clip, so that the cost is a few passes over
the pixels.
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
_ERASED_SIDE = (0.1, 0.45)  # minimum and maximum share of the crop's side


class BatchAugment:
    """Turns canvases into crops, as `BatchAugmentation` says.

    With all strengths zero (or one) the result is exactly the crop of evaluation. The order is:
    place and shape, gamma, contrast, brightness, saturation, tint, grey, erasing, clipping to
    0..255.
    """

    def __init__(self, config: BatchAugmentation, crop_size: int) -> None:
        self.config = config
        self.crop_size = crop_size

    @torch.no_grad()
    def __call__(
        self, canvases: Tensor, generator: torch.Generator, rank: int = 0, world_size: int = 1
    ) -> Tensor:
        """Augment canvases (N, 3, T, S, S) uint8 RGB on any device.

        Return (N, 3, T, crop, crop) float32 RGB 0..255 on the same device. `generator` is on the
        CPU, so that the same seed draws the same on every device. The number of draws depends on N
        only. With several processes the generator is the same in all of them. Each process takes
        the draws that its clips would get in a single process.
        """
        names = _DRAWS + _ERASE_DRAWS
        all_draws = torch.rand(len(names), len(canvases) * world_size, generator=generator)
        uniform = all_draws[:, rank::world_size]
        draws = dict(zip(names, uniform.to(canvases.device), strict=True))

        # Half precision would blur colours by a level.
        with torch.autocast(canvases.device.type, enabled=False):
            clips = self._moved(canvases, draws)
            clips = self._recoloured(clips, draws)
            self._erase(clips, dict(zip(names, uniform, strict=True)))
            return clips.clamp_(0.0, 255.0)

    def _moved(self, canvases: Tensor, draws: dict[str, Tensor]) -> Tensor:
        number, channels, frames, side, _ = canvases.shape
        crop = self.crop_size
        places = affine_maps(self.config, draws).mul(crop / side)
        grid = F.affine_grid(places, [number, 1, crop, crop], align_corners=False)

        # All frames of a clip are channels of one picture, so that they share its grid.
        pictures = canvases.reshape(number, channels * frames, side, side).float()
        moved = F.grid_sample(
            pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        return moved.view(number, channels, frames, crop, crop)

    def _recoloured(self, clips: Tensor, draws: dict[str, Tensor]) -> Tensor:
        number = len(clips)
        if self.config.gamma:
            exponents = _symmetric(draws["gamma"], self.config.gamma).exp()
            shares = clips.div_(255.0).clamp_(min=0.0)
            clips = shares.pow_(exponents.view(number, 1, 1, 1, 1)).mul_(255.0)

        # The other changes are one matrix and one offset per clip.
        pixels = clips.view(number, 3, -1)
        matrix, offset = colour_maps(self.config, draws, pixels.mean((1, 2)))
        return torch.baddbmm(offset.unsqueeze(2), matrix, pixels).view_as(clips)

    def _erase(self, clips: Tensor, draws: dict[str, Tensor]) -> None:
        """Fill a box in some of the clips with one colour, in place. `draws` are on the CPU."""
        crop = self.crop_size
        erased = torch.nonzero(draws["erase"] < self.config.erase_probability).flatten().tolist()
        for i in erased:
            # The box lies within the crop.
            height, width = (_erased_side(draws[name][i], crop) for name in ("height", "width"))
            top = int(draws["top"][i] * (crop - height + 1))
            left = int(draws["left"][i] * (crop - width + 1))

            fill = [draws[f"fill_{name}"][i] for name in ("red", "green", "blue")]
            colour = (torch.stack(fill) * 255.0).to(clips.device, clips.dtype).view(3, 1, 1, 1)
            clips[i, :, :, top : top + height, left : left + width] = colour


def _erased_side(draw: Tensor, crop: int) -> int:
    low, high = _ERASED_SIDE
    return max(1, int((low + (high - low) * float(draw)) * crop))


def affine_maps(config: BatchAugmentation, draws: dict[str, Tensor]) -> Tensor:
    """Compute maps (N, 2, 3) from a place in the crop to the place that it comes from.

    Both are in units of the crop's half side around its centre. `draws` are U(0, 1), (N,) each.
    The crop is turned first, then widened.
    """
    low, high = math.log(config.scale_min), math.log(config.scale_max)

    # Sizes are drawn evenly over their logarithm.
    scale = (low + (high - low) * draws["scale"]).exp()
    stretch = _symmetric(draws["aspect"], 0.5 * math.log(config.aspect_max)).exp()
    width, height = scale * stretch, scale / stretch

    angle = _symmetric(draws["angle"], math.radians(config.rotate_degrees))
    shift_x, shift_y = (_symmetric(draws[name], config.shift) for name in ("shift_x", "shift_y"))

    # Each row is a map to one coordinate: factors of x and y, and the shift.
    x = torch.stack([width * angle.cos(), -width * angle.sin(), shift_x], dim=1)
    y = torch.stack([height * angle.sin(), height * angle.cos(), shift_y], dim=1)
    return torch.stack([x, y], dim=1)


def colour_maps(
    config: BatchAugmentation, draws: dict[str, Tensor], means: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute the colour changes of each clip as new = matrix @ RGB + offset.

    Return matrices (N, 3, 3) and offsets (N, 3). `means` (N,) are those of the clips. The order is:
    contrast around the clip's mean, brightness added, saturation around the pixel's grey (the mean
    of its channels), tint, grey.
    """
    contrast = _symmetric(draws["contrast"], config.contrast).exp()
    saturation = _symmetric(draws["saturation"], config.saturation).exp().view(-1, 1, 1)
    tints = [1.0 + _symmetric(draws[name], config.tint) for name in ("red", "green", "blue")]

    # Saturation and tint, then grey for some of the clips.
    identity = torch.eye(3, device=means.device)
    grey = torch.full_like(identity, 1.0 / 3.0)
    tint = torch.stack(tints, dim=1).unsqueeze(2)
    matrix = tint * (saturation * identity + (1.0 - saturation) * grey)
    is_grey = (draws["grey"] < config.grey_probability).view(-1, 1, 1)
    matrix = torch.where(is_grey, grey @ matrix, matrix)

    # Contrast and brightness come first, so the matrix applies to what they add to a grey pixel.
    brightness = _symmetric(draws["brightness"], config.brightness) * 255.0
    added = means * (1.0 - contrast) + brightness
    return matrix * contrast.view(-1, 1, 1), matrix.sum(2) * added.unsqueeze(1)


def _symmetric(uniform: Tensor, limit: float) -> Tensor:
    """Map U(0, 1) to U(-limit, limit)."""
    return (2.0 * uniform - 1.0) * limit
