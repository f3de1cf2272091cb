"""The states that a stateful network takes and leaves, and the layout of time within a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


class States:
    """The states of one call: incoming ones are used up in order, outgoing ones keep that order.

    Without incoming states every state is zero, as after a reset.
    """

    def __init__(self, coming: Sequence[Tensor] | None) -> None:
        self._coming = None if coming is None else iter(coming)
        self.going: list[Tensor] = []

    def late(self, x: Tensor, length: int) -> Tensor:
        """Return `x` (k, ...) delayed by `length` rows, and keep its last `length` rows.

        The rows of earlier calls come first. Where `x` has more than `length` rows, it is cut
        before it is joined. OpenVINO then adds to the result within the convolution that makes the
        other summand. With states alone (no rows of `x`) that is slower than joining and cutting.
        """
        # `keep` rows of this call are returned. The others wait for the next one.
        keep = x.shape[0] - length
        if keep <= 0:
            return self.joined(x, length)[: x.shape[0]]

        now, later = torch.split(x, [keep, length])
        past = self._past(x, length)
        self.going.append(later)
        return torch.cat([past, now])

    def joined(self, x: Tensor, length: int) -> Tensor:
        """Return `length` rows of earlier calls followed by all of `x` (k, ...), on the first axis.

        The last `length` rows are kept for the next call.
        """
        # The new state is what the next call needs: the end of both.
        both = torch.cat([self._past(x, length), x])
        self.going.append(both[x.shape[0] :])
        return both

    def _past(self, x: Tensor, length: int) -> Tensor:
        """Return the next incoming state, or zeros in its shape."""
        return x.new_zeros((length, *x.shape[1:])) if self._coming is None else next(self._coming)


@dataclass(frozen=True)
class Rhythm:
    """The layout of time on the first axis.

    A call has `frames` frames, and an operation looks at every `dilation`-th of them.
    """

    frames: int
    dilation: int = 1

    @property
    def halves(self) -> bool:
        """Return True where a temporal stride halves the frames, False where it dilates them."""
        return self.dilation == 1 and self.frames % 2 == 0

    def strided(self) -> Rhythm:
        """Return the layout behind a temporal stride of 2."""
        return Rhythm(self.frames // 2) if self.halves else Rhythm(self.frames, self.dilation * 2)
