"""Random changes of a batch of landmark clips on its device, in the landmarks' own terms."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from action_recognition.hands.slots import NUM_HANDS, NUM_POINTS, PALM_BONES
from action_recognition.template import LandmarkAugmentation

_PLACE, _SEEN = slice(0, 3), 3
_PASSING_NOISE = 0.5  # of the noise that lasts
_LONGEST_GAP = 0.2  # of the clip
_ASPECT = 0.08  # the picture's axes stretch by exp(U(-x, x))


class LandmarkAugment:
    """Turns, tilts, stretches and disturbs hands, and makes some of them vanish.

    With all strengths zero the landmarks stay as they are. A clip never loses all of its hands.
    """

    def __init__(self, config: LandmarkAugmentation) -> None:
        self.config = config

    @torch.no_grad()
    def __call__(
        self, clips: Tensor, generator: torch.Generator, rank: int = 0, world_size: int = 1
    ) -> Tensor:
        """Change landmarks (N, 4, T, 2, 21) float32, on any device. Return the same shape.

        `generator` is on the CPU, so that the same seed draws the same on every device. With
        several processes each takes the draws that its clips would get in a single process.
        """
        draws = _Draws(generator, len(clips), rank, world_size)
        # Hands last: each operation then runs over all of them, and not over the values of a point.
        hands = clips.cpu().permute(1, 4, 0, 2, 3)
        seen = hands[_SEEN, 0]

        place = self._moved(hands[_PLACE].contiguous(), draws)
        seen = seen * self._kept(seen, draws)
        changed = torch.cat([place.mul_(seen), seen.expand(1, *place.shape[1:])])
        return changed.permute(2, 0, 3, 4, 1).to(clips.device)

    def _moved(self, place: Tensor, draws: _Draws) -> Tensor:
        """Return points (3, 21, N, T, 2) that are tilted, stretched, noisy and turned."""
        config, palm, length = self.config, _palm(place), place.shape[3]
        centre = place.mean(1, keepdim=True)

        # Each hand by itself, the same in all frames. The matrices are (N, 1, hands, 3, 3).
        limit = math.radians(config.tilt_degrees) * torch.tensor([1.0, 1.0, 0.0])
        tilt = _rotations(draws.symmetric(1, NUM_HANDS, 3) * limit).transpose(-1, -2)
        stretch = (draws.symmetric(1, NUM_HANDS, 1, 3) * config.stretch).exp()
        noise = self._noise(draws, length)
        noise.mul_(palm * _in_frames(stretch.transpose(-1, -2), length))
        turned = _turned(place - centre, _in_frames(tilt * stretch, length))
        turned.add_(noise).add_(centre)

        # The whole picture.
        angle = draws.symmetric(1, 1) * math.radians(config.rotate_degrees)
        zero = torch.zeros_like(angle)
        turn = _rotations(torch.stack([zero, zero, angle], -1)).transpose(-1, -2)
        is_turned = config.rotate_degrees > 0
        aspect = (draws.symmetric(1, 1, 1, 3) * _ASPECT * is_turned).exp()
        turn = (turn * aspect).expand(-1, -1, NUM_HANDS, -1, -1)
        return _turned(turned, _in_frames(turn, length))

    def _noise(self, draws: _Draws, length: int) -> Tensor:
        """Return noise (3, 21, N, T, 2) in palms, which in part is the same in all frames."""
        shape = (NUM_HANDS, NUM_POINTS, 3)
        lasting = draws.normal(1, *shape)
        passing = draws.normal(length, *shape)
        noise = passing.mul_(_PASSING_NOISE).add_(lasting).mul_(self.config.noise)
        return noise.permute(4, 3, 0, 1, 2).contiguous()

    def _kept(self, seen: Tensor, draws: _Draws) -> Tensor:
        """Return 1 for hands (N, T, 2) that stay, 0 for those that vanish."""
        config, (_, length, _) = self.config, seen.shape
        share = draws.uniform(1, 1) * config.drop_frames
        kept = (draws.uniform(length, 1) >= share).expand(-1, -1, NUM_HANDS).clone()

        # A gap in which the left hand, the right hand or both are missing.
        first = (draws.uniform(1, 1) * length).floor()
        frames = (draws.uniform(1, 1) * length * _LONGEST_GAP).floor()
        has_gap = draws.uniform(1, 1) < config.gap_probability
        which = (draws.uniform(1, 1) * (NUM_HANDS + 1)).floor()
        place = torch.arange(length).view(1, -1, 1)
        inside = (place >= first) & (place < first + frames) & has_gap
        kept &= ~(inside & ((which == torch.arange(NUM_HANDS)) | (which == NUM_HANDS)))

        # One of two hands is lost for the whole clip.
        has_two = seen.amax(1, keepdim=True).amin(2, keepdim=True) > 0
        is_lost = (draws.uniform(1, 1) < config.lose_hand_probability) & has_two
        lost = (draws.uniform(1, 1) * NUM_HANDS).floor() == torch.arange(NUM_HANDS)
        kept &= ~(is_lost & lost)

        left = (seen * kept).sum((1, 2), keepdim=True)
        return torch.where(left > 0, kept.to(seen.dtype), torch.ones_like(seen))


class _Draws:
    """Random numbers for the clips of one process, out of those for all processes."""

    def __init__(self, generator: torch.Generator, number: int, rank: int, world_size: int) -> None:
        self.generator, self.number = generator, number
        self.rank, self.world_size = rank, world_size

    def uniform(self, *shape: int) -> Tensor:
        """Draw U(0, 1) of a shape for each clip."""
        size = (self.number * self.world_size, *shape)
        return torch.rand(size, generator=self.generator)[self.rank :: self.world_size]

    def symmetric(self, *shape: int) -> Tensor:
        """Draw U(-1, 1) of a shape for each clip."""
        return 2.0 * self.uniform(*shape) - 1.0

    def normal(self, *shape: int) -> Tensor:
        """Draw N(0, 1) of a shape for each clip."""
        size = (self.number * self.world_size, *shape)
        return torch.randn(size, generator=self.generator)[self.rank :: self.world_size]


def _palm(points: Tensor) -> Tensor:
    """Return the size of a palm (...) from points (3, 21, ...)."""
    first, second = (list(side) for side in zip(*PALM_BONES, strict=True))
    ways = points[:, first] - points[:, second]
    return ways.square_().sum(0).sqrt_().mean(0)


def _rotations(angles: Tensor) -> Tensor:
    """Return matrices (..., 3, 3) that turn around x, then y, then z by angles (..., 3)."""
    zero, one = torch.zeros_like(angles[..., 0]), torch.ones_like(angles[..., 0])
    (cx, cy, cz), (sx, sy, sz) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    around_x = torch.stack([one, zero, zero, zero, cx, -sx, zero, sx, cx], -1)
    around_y = torch.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], -1)
    around_z = torch.stack([cz, -sz, zero, sz, cz, zero, zero, zero, one], -1)
    shape = (*angles.shape[:-1], 3, 3)
    x, y, z = (rows.view(shape) for rows in (around_x, around_y, around_z))
    turned: Tensor = z @ y @ x
    return turned


def _in_frames(matrices: Tensor, length: int) -> Tensor:
    """Return matrices (N, 1, hands, rows, columns) in each frame: (rows, columns, N, T, hands)."""
    return matrices.permute(3, 4, 0, 1, 2).expand(-1, -1, -1, length, -1).contiguous()


def _turned(points: Tensor, turns: Tensor) -> Tensor:
    """Return points (3, 21, ...) after matrices (3, 3, ...) from the right."""
    x, y, z = points
    to_x, to_y, to_z = turns[:, :, None]
    turned: Tensor = (x * to_x).addcmul_(y, to_y).addcmul_(z, to_z)
    return turned
