"""A source read in a thread of its own into a bounded queue: a live one drops the oldest frames and counts them, a file waits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.frame_sources import FrameSource

QUEUE_FRAMES: Final = 8


class FrameQueue:
    """At most `capacity` frames. `keeps_all` waits for room (a file); else the oldest goes and `num_dropped` counts it."""

    def __init__(self, capacity: int = QUEUE_FRAMES, keeps_all: bool = False) -> None:
        self.num_dropped = 0
        self._frames: deque[TimedFrame] = deque()
        self._capacity, self._keeps_all = capacity, keeps_all
        self._changed = threading.Condition()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: TimedFrame) -> bool:
        """Add a frame; False when nobody wants any more."""
        with self._changed:
            while self._keeps_all and len(self._frames) >= self._capacity and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return False
            if len(self._frames) >= self._capacity:
                self._drop_oldest()
            self._frames.append(frame)
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float | None = None) -> TimedFrame | None:
        """The oldest frame; None at the end. `TimeoutError`: none came in that time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._frames or self._is_closed, timeout_s):
                raise TimeoutError
            frame = self._frames.popleft() if self._frames else None
            self._changed.notify_all()
            return frame

    @property
    def is_over(self) -> bool:
        """Whether nothing is there and nothing will come."""
        return self._is_closed and not self._frames

    def close(self) -> None:
        """Nothing comes any more; what is in the queue can still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _drop_oldest(self) -> None:
        dropped = self._frames.popleft()
        self.num_dropped += 1
        # The frame takes its picture with it, but not the news that the source was interrupted.
        if dropped.is_restart and self._frames:
            self._frames[0] = replace(self._frames[0], is_restart=True)


class FrameReader:
    """Reads a source until it ends or `stop` is called; what goes wrong there is raised where the frames are taken."""

    def __init__(self, source: FrameSource, capacity: int = QUEUE_FRAMES) -> None:
        self.source = source
        self.queue = FrameQueue(capacity, keeps_all=not source.is_live)
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._read, name=f"reader of {source.name}", daemon=True
        )
        self._thread.start()

    def get(self, timeout_s: float | None = None) -> TimedFrame | None:
        """As `FrameQueue.get`."""
        frame = self.queue.get(timeout_s)
        if frame is None and self._error is not None:
            raise self._error
        return frame

    def stop(self) -> None:
        """End the reading; waits a moment for the source to be released."""
        self.source.stop()
        self.queue.close()
        self._thread.join(timeout=2.0)

    def _read(self) -> None:
        frames = self.source.frames()
        try:
            for frame in frames:
                if not self.queue.put(replace(frame, arrived_s=time.monotonic())):
                    break
        except BaseException as error:
            self._error = error
        finally:
            self.queue.close()
            close = getattr(frames, "close", None)
            if close:
                close()


class PlayedAtItsRate:
    """A file or folder as if it were live: every frame when its time has come."""

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
        """The source's frames, not before their time."""
        start_s = self._clock()
        for frame in self._source.frames():
            early_s = start_s + frame.time_s - self._clock()
            if early_s > 0:
                self._sleep(early_s)
            yield frame

    def stop(self) -> None:
        """As the source's."""
        self._source.stop()
