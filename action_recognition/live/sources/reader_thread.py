"""A thread that reads a source into a bounded queue.

If the queue is full, a live source drops the oldest frames and counts them, and a file waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.frame_sources import FrameSource

# A quarter of a second at 30 frames a second.
QUEUE_FRAMES: Final = 8


class FrameQueue:
    """A queue of at most `capacity` frames.

    If it is full, `put` waits with `keeps_all`, as for a file. Otherwise it waits until the frame
    is due, then drops the oldest one and counts that in `num_dropped`.
    """

    def __init__(self, capacity: int = QUEUE_FRAMES, keeps_all: bool = False) -> None:
        self.num_dropped = 0
        self._frames: deque[TimedFrame] = deque()
        self._capacity, self._keeps_all = capacity, keeps_all
        self._changed = threading.Condition()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: TimedFrame) -> bool:
        """Add a frame. Return False if the queue is closed."""
        with self._changed:
            # A file waits here for room, and so does a film that comes faster than it plays.
            while len(self._frames) >= self._capacity and not self._is_closed:
                early_s = frame.due_s - time.monotonic()
                if not self._keeps_all and early_s <= 0:
                    break
                self._changed.wait(None if self._keeps_all else early_s)
            if self._is_closed:
                return False

            if len(self._frames) >= self._capacity:
                self._drop_oldest()
            self._frames.append(frame)
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float | None = None) -> TimedFrame | None:
        """Take the oldest frame, or None at the end.

        Raises TimeoutError: no frame came in that time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._frames or self._is_closed, timeout_s):
                raise TimeoutError
            frame = self._frames.popleft() if self._frames else None
            self._changed.notify_all()
            return frame

    @property
    def is_over(self) -> bool:
        """True if the queue is empty and no frame will come."""
        return self._is_closed and not self._frames

    def close(self) -> None:
        """Accept no more frames. Those in the queue can still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _drop_oldest(self) -> None:
        """Drop the oldest frame and count it."""
        dropped = self._frames.popleft()
        self.num_dropped += 1
        # The interruption before a dropped frame must not get lost with it.
        if dropped.is_restart and self._frames:
            self._frames[0] = replace(self._frames[0], is_restart=True)


class FrameReader:
    """A thread that reads a source until it ends or `stop` is called.

    An error of the source is raised by `get`.
    """

    def __init__(self, source: FrameSource, capacity: int = QUEUE_FRAMES) -> None:
        self.source = source
        self.queue = FrameQueue(capacity, keeps_all=not source.is_live)
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._read, name=f"reader of {source.name}", daemon=True
        )
        self._thread.start()

    def get(self, timeout_s: float | None = None) -> TimedFrame | None:
        """Take a frame as `FrameQueue.get` does. Raise the error that ended the source."""
        frame = self.queue.get(timeout_s)
        if frame is None and self._error is not None:
            raise self._error
        return frame

    def stop(self) -> None:
        """Stop reading, and wait a moment for the source to be released."""
        self.source.stop()
        # The thread may be waiting for room in the queue.
        self.queue.close()
        self._thread.join(timeout=2.0)

    def _read(self) -> None:
        """Put the frames of the source into the queue, and keep an error for `get`."""
        frames = self.source.frames()
        try:
            for frame in frames:
                if not self.queue.put(replace(frame, arrived_s=time.monotonic())):
                    break
        except BaseException as error:
            self._error = error
        finally:
            self.queue.close()
            # Closing a generator releases its camera or file at once.
            close = getattr(frames, "close", None)
            if close:
                close()


class PlayedAtItsRate:
    """A file or folder that is paced like a live source: every frame comes at its time."""

    is_live = True

    def __init__(
        self,
        source: FrameSource,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self.frame_rate_fps = source.name, source.frame_rate_fps
        self._source, self._clock, self._sleep = source, clock, sleep

    def frames(self) -> Iterator[TimedFrame]:
        """Yield the frames of the source, none before its time."""
        start_s = self._clock()
        for frame in self._source.frames():
            early_s = start_s + frame.time_s - self._clock()
            if early_s > 0:
                self._sleep(early_s)
            yield frame

    def stop(self) -> None:
        """Stop the source."""
        self._source.stop()
