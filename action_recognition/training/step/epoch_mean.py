"""The mean of a value over the clips of an epoch, of all devices, also if a run resumes in it."""

from __future__ import annotations

from action_recognition.training.machine.processes import sum_over_processes


class EpochMean:
    """The sum of a value over clips, and the number of clips, of this process.

    `mean` and `state` are over all processes, so that all of them have to call them.

    >>> loss = EpochMean()
    >>> loss.add(2.0, 3)
    >>> loss.add(4.0, 1)
    >>> loss.mean()
    2.5
    """

    def __init__(self, total: float = 0.0, num_clips: int = 0) -> None:
        self.total, self.num_clips = total, num_clips

    def add(self, mean: float, num_clips: int) -> None:
        """Add the mean of one step over its clips."""
        self.total += mean * num_clips
        self.num_clips += num_clips

    def state(self) -> list[float | int]:
        """Return total and number of clips of all processes."""
        total, num_clips = sum_over_processes([self.total, self.num_clips])
        return [total, int(num_clips)]

    def mean(self) -> float | None:
        """Return the mean, or None before the first clip."""
        total, num_clips = self.state()
        return total / num_clips if num_clips else None
