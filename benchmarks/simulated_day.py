"""A day of three live streams by a fake clock: memory, time stamps, states that must not mix.

24 hours, or half an hour with --quick. Then half an hour of the same (a minute with --quick) with a
real network: the causal Lite0 one with fresh weights and noise, in the stateful IR, its three
streams side by side.

Each stream shows its own colour. A gesture, a bright picture, lasts a second, every 20 seconds. The
rate changes every ten minutes between 5 and 60 frames a second, time stamps jitter, and once an
hour the source is lost for 30 seconds. The network is a stub that remembers every colour that one
of its streams was ever fed. Frames go through queue, engine and decision as those of a camera do.

Figures:
    memory_growth: resident memory at the end over that after the first tenth, less 1.
    late_s: the latest event after the start of its gesture.
    drift_s: the median of that over the last hour less that over the first.
    mixed_streams, missed, double, events
    real_memory_growth, real_scores
    real_largest_difference: between the scores side by side and those of each stream alone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/simulated_day.py` without an installed package

from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.metadata import Resize, example
from action_recognition.deploy.stream_models import StepScores, Stream, StreamMode, as_stream_model
from action_recognition.live.engine import EngineOptions, StreamEngine, push_all
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.reader_thread import FrameQueue
from benchmarks import harness
from benchmarks.live import written

NUM_STREAMS = 3
HOUR_S = 3600.0
_GESTURE_EVERY_S, _GESTURE_S = 20.0, 1.0
_RATES_FPS = (30, 5, 60, 15, 25, 12)
_PHASE_S = 600.0
_GONE_S = 30.0


class StubNetwork:
    """Sure of a gesture when the picture is bright in green; red says whose picture it is."""

    mode: StreamMode = "stateful"
    frames_per_score, runs_as = 4, "stub"

    def __init__(self) -> None:
        self.metadata = replace(
            example(), resize=Resize(8, 8), frame_rate_fps=15.0, score_scale=20.0
        )
        self.owners: list[set[int]] = []

    def open_stream(self) -> StubStream:
        self.owners.append(set())
        return StubStream(self.owners[-1])

    def feed_all(self, pictures: Sequence[tuple[Stream, np.ndarray]]) -> list[list[StepScores]]:
        return [stream.feed(picture) for stream, picture in pictures]


class StubStream:
    def __init__(self, owners: set[int]) -> None:
        self._owners, self._count = owners, 0

    def feed(self, picture: np.ndarray) -> list[StepScores]:
        self._owners.add(int(picture[0, 0, 0]))
        self._count += 1
        if self._count % 4:
            return []
        share = picture[0, 0, 1] / 255
        return [
            StepScores(self._count - 1, np.array([share, 1 - share], np.float32), 0.0, is_warm=True)
        ]

    def finish(self) -> list[StepScores]:
        return []

    def reset(self) -> None:
        self._count = 0


@dataclass
class Day:
    """What came of it."""

    delays_s: list[tuple[float, float]] = field(default_factory=list)
    num_gestures: int = 0
    num_double: int = 0
    num_discontinuities: int = 0
    num_streams_mixed: int = 0
    memory_mb: list[float] = field(default_factory=list)


def frames_of(number: int, hours: float) -> Iterator[TimedFrame]:
    """The frames of one stream, times in seconds of the day."""
    rng = np.random.default_rng(number)
    pictures = [np.zeros((8, 8, 3), np.uint8) for _ in range(2)]
    for level, picture in zip((0, 255), pictures, strict=True):
        picture[..., 0], picture[..., 1] = 40 * (number + 1), level
    time_s = 0.0
    while time_s < hours * HOUR_S:
        rate = _RATES_FPS[(int(time_s / _PHASE_S) + number) % len(_RATES_FPS)]
        time_s += (1.0 + 0.4 * (rng.random() - 0.5)) / rate
        if time_s % HOUR_S >= HOUR_S - _GONE_S:
            time_s += _GONE_S
        yield TimedFrame(time_s, pictures[int(_is_gesture(time_s))])


def _is_gesture(time_s: float) -> bool:
    return time_s % _GESTURE_EVERY_S >= _GESTURE_EVERY_S - _GESTURE_S


def simulate(hours: float) -> Day:
    """All streams in turn, ten seconds each at a time, over one network."""
    day, network = Day(), StubNetwork()
    engines = [
        StreamEngine(network, options=EngineOptions(), name=str(number))
        for number in range(NUM_STREAMS)
    ]
    sources = [frames_of(number, hours) for number in range(NUM_STREAMS)]
    queues = [FrameQueue(4) for _ in range(NUM_STREAMS)]
    last_event_of = [-1] * NUM_STREAMS
    ends_s = np.arange(10.0, hours * HOUR_S + 10.0, 10.0)
    for slot, end_s in enumerate(ends_s):
        for number in range(NUM_STREAMS):
            for frame in sources[number]:
                queues[number].put(frame)
                taken = queues[number].get()
                assert taken is not None
                for result in engines[number].push(taken):
                    if result.event:
                        gesture = int((result.event.time_s + _GESTURE_S) // _GESTURE_EVERY_S)
                        day.num_double += gesture == last_event_of[number]
                        last_event_of[number] = gesture
                        day.delays_s.append(
                            (
                                result.event.time_s,
                                result.event.time_s - (gesture * _GESTURE_EVERY_S - _GESTURE_S),
                            )
                        )
                if frame.time_s >= end_s:
                    break
        if slot % max(1, len(ends_s) // 100) == 0:
            day.memory_mb.append(_memory_mb())
            day.num_streams_mixed += sum(len(owners) > 1 for owners in network.owners)
            del network.owners[:-NUM_STREAMS]
    day.num_gestures = NUM_STREAMS * int(hours * HOUR_S / _GESTURE_EVERY_S) - NUM_STREAMS * 2 * int(
        hours
    )  # two while it was gone
    day.num_discontinuities = sum(engine.num_discontinuities for engine in engines)
    return day


def with_a_real_network(minutes: float, threads: int) -> dict[str, float]:
    """Three streams over one stateful IR, side by side, and each of them alone."""
    with tempfile.TemporaryDirectory() as temporary:
        path = written("lite0", Path(temporary), int8=False)["lite0_fp32"]
        together, alone = (
            as_stream_model(load_backend(path, threads, hint=hint))
            for hint in ("throughput", "latency")
        )
    engines = [StreamEngine(together, name=str(number)) for number in range(NUM_STREAMS)]
    found: list[list[np.ndarray]] = [[] for _ in engines]
    memory_mb = []
    sources = [noise(number, minutes) for number in range(NUM_STREAMS)]
    for count, came in enumerate(zip(*sources, strict=False)):
        for scores, results in zip(
            found, push_all(list(zip(engines, came, strict=True))), strict=True
        ):
            scores += [result.scores.scores for result in results]
        if count % 500 == 0:
            memory_mb.append(_memory_mb())
    difference = 0.0
    for number, scores in enumerate(found):
        engine = StreamEngine(alone)
        expected = [
            result.scores.scores
            for frame in noise(number, minutes)
            for result in engine.push(frame)
        ]
        difference = max(
            difference, float(np.abs(np.array(expected[: len(scores)]) - np.array(scores)).max())
        )
    return {
        "real_memory_growth": memory_mb[-1] / memory_mb[len(memory_mb) // 10] - 1,
        "real_largest_difference": difference,
        "real_scores": sum(map(len, found)),
    }


def noise(number: int, minutes: float) -> Iterator[TimedFrame]:
    """The times of one stream's frames, and pictures that no other stream has."""
    pictures = np.random.default_rng(100 + number).integers(
        0, 256, (7, 144, 192, 3), dtype=np.uint8
    )
    for count, frame in enumerate(frames_of(number, minutes * 60 / HOUR_S)):
        yield TimedFrame(frame.time_s, pictures[count % len(pictures)])


def figures_of(day: Day, hours: float) -> dict[str, float]:
    """The figures named above."""
    tenth = len(day.memory_mb) // 10
    window_s = min(HOUR_S, hours * HOUR_S / 4)
    first = [delay for time_s, delay in day.delays_s if time_s < window_s]
    last = [delay for time_s, delay in day.delays_s if time_s > hours * HOUR_S - window_s]
    return {
        "memory_growth": day.memory_mb[-1] / day.memory_mb[tenth] - 1,
        "late_s": max(delay for _, delay in day.delays_s),
        "drift_s": float(np.median(last) - np.median(first)),
        "mixed_streams": day.num_streams_mixed,
        "missed": day.num_gestures - len(day.delays_s) + day.num_double,
        "double": day.num_double,
        "events": len(day.delays_s),
    }


def _memory_mb() -> float:
    """Resident memory of this process (Linux), in MB of 10^6 bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def main(argv: Sequence[str] | None = None) -> None:
    options = harness.parse_arguments(__doc__ or "", argv)
    hours = 0.5 if options.quick else 24.0
    day = simulate(hours)
    found = figures_of(day, hours) | with_a_real_network(
        1.0 if options.quick else 30.0, options.threads
    )
    figures = {name: harness.Figure(value) for name, value in found.items()}
    notes = [
        f"{hours:g} hours of {NUM_STREAMS} streams, {day.num_discontinuities} discontinuities, "
        f"{day.memory_mb[-1]:.0f} MB at the end"
    ]
    harness.report("simulated_day", options, {}, figures, notes=notes)


if __name__ == "__main__":
    main()
