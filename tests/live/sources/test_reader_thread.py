"""The queue between a source and the recogniser, and files played at their rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from action_recognition.errors import UserError, user_error
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.reader_thread import FrameQueue, FrameReader, PlayedAtItsRate

BLACK = np.zeros((4, 4, 3), np.uint8)


class Source:
    name, frame_rate_fps = "source", 30.0

    def __init__(self, count: int, is_live: bool, error: Exception | None = None) -> None:
        self.count, self.is_live, self.error, self.given, self.closed = (
            count,
            is_live,
            error,
            0,
            False,
        )

    def frames(self) -> Iterator[TimedFrame]:
        try:
            for i in range(self.count):
                self.given += 1
                yield TimedFrame(i / 30, BLACK)
            if self.error:
                raise self.error
        finally:
            self.closed = True

    def stop(self) -> None:
        self.count = 0


def times(queue: FrameQueue) -> list[float]:
    return [frame.time_s for frame in iter(queue.get, None)]


def test_a_full_queue_drops_the_oldest_and_counts_it() -> None:
    queue = FrameQueue(3)
    for i in range(10):
        assert queue.put(TimedFrame(float(i), BLACK))
    queue.close()
    assert queue.num_dropped == 7 and times(queue) == [7.0, 8.0, 9.0] and queue.is_over
    assert not queue.put(TimedFrame(0.0, BLACK))


def test_that_time_tore_is_not_dropped_with_the_frame() -> None:
    queue = FrameQueue(2)
    for i in range(5):
        queue.put(TimedFrame(float(i), BLACK, is_restart=i == 1))
    queue.close()
    first = queue.get()
    assert first is not None and (first.time_s, first.is_restart) == (3.0, True)


def test_a_slow_consumer_of_a_file_misses_nothing() -> None:
    reader = FrameReader(Source(40, is_live=False), capacity=4)
    time.sleep(0.05)
    assert len(reader.queue) == 4
    assert len(times(reader.queue)) == 40 and reader.queue.num_dropped == 0


def test_a_slow_consumer_of_a_camera_gets_the_newest() -> None:
    reader = FrameReader(Source(40, is_live=True), capacity=4)
    reader._thread.join(2)
    assert (
        times(reader.queue) == pytest.approx([i / 30 for i in range(36, 40)])
        and reader.queue.num_dropped == 36
    )


def test_errors_of_the_source_come_out_at_the_other_end() -> None:
    reader = FrameReader(Source(1, is_live=False, error=user_error("clip.mp4", "is damaged")))
    assert reader.get() is not None
    with pytest.raises(UserError, match="is damaged"):
        reader.get()


def test_nothing_in_time_is_said() -> None:
    with pytest.raises(TimeoutError):
        FrameQueue().get(timeout_s=0.01)


def test_stopping_releases_the_source_even_when_it_waits_for_room() -> None:
    source = Source(1000, is_live=False)
    before = threading.active_count()
    reader = FrameReader(source, capacity=2)
    reader.get()
    reader.stop()
    assert source.closed and source.given < 10 and threading.active_count() == before


def test_a_file_played_at_its_rate_waits_for_each_frame() -> None:
    now, waits = [100.0], []

    def sleep(seconds: float) -> None:
        waits.append(round(seconds, 4))
        now[0] += seconds

    played = PlayedAtItsRate(Source(4, is_live=False), clock=lambda: now[0], sleep=sleep)
    assert played.is_live and len(list(played.frames())) == 4
    assert waits == [0.0333] * 3
