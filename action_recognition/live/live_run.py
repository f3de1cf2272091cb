"""A run over live sources: the counts so far, and the places that its events go to."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.scores import WindowScores
from action_recognition.hands.steady_hands import SteadyHands
from action_recognition.live.decision import GestureEvent
from action_recognition.live.engine import StepResult, StreamEngine, push_all
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.outputs.drawing import TIMELINE_S, LiveView
from action_recognition.live.outputs.events import event_line, hand_event_line
from action_recognition.live.outputs.keyboard import Controls, help_lines
from action_recognition.live.outputs.reactions import Reactions
from action_recognition.live.outputs.window import PictureWindow
from action_recognition.live.sources.frame_sources import FrameSource
from action_recognition.live.sources.reader_thread import FrameReader

if TYPE_CHECKING:
    from action_recognition.hands.tracker import Handedness
    from action_recognition.live.hand_presence import HandEvent, HandPresence
    from action_recognition.live.outputs.event_clips import EventClips

# A live source without a frame for so long is reported.
STALL_S = 5.0
# The median is of the latest times of inference: a day of them at 1 a second.
_KEPT = 100_000


@dataclass(eq=False)
class LiveStream:
    """A source with its reader, engine and window, and the latest events and scores in it."""

    source: FrameSource
    reader: FrameReader
    engine: StreamEngine
    window: PictureWindow | None = None
    # As they are shown and counted.
    steady: SteadyHands = field(default_factory=SteadyHands)
    # Where events of hands are asked for.
    presence: HandPresence | None = None
    # Where films of events are kept.
    clips: EventClips | None = None
    # Shown over the picture: events on the timeline, and the scores of each person.
    events: deque[GestureEvent] = field(default_factory=lambda: deque(maxlen=50))
    latest: dict[int, WindowScores] = field(default_factory=dict)
    # The latest arrivals give the frame rate.
    arrivals_s: deque[float] = field(default_factory=lambda: deque(maxlen=30))
    is_stalled: bool = False
    last_frame_s: float = field(default_factory=time.monotonic)
    # Of the stream, not of the clock.
    last_time_s: float = 0.0


@dataclass(frozen=True)
class DemoSummary:
    """Figures of a finished run.

    `num_frames` counts the frames of the sources, `num_windows` the windows that were scored.
    `inference_ms` is the median time of one. `latency_ms` is the time from the arrival of the
    deciding frame to the event, at the 95th percentile, or nan without any event. `cpu_share` is
    the CPU time of the process over elapsed time, 1 for one core.
    """

    num_frames: int
    num_windows: int
    inference_ms: float
    frames_per_s: float
    num_events: int
    num_dropped: int
    num_discontinuities: int
    latency_ms: float
    cpu_share: float

    def __str__(self) -> str:
        latency = ""
        if not math.isnan(self.latency_ms):
            latency = f", {self.latency_ms:.0f} ms from frame to event (p95)"

        return (
            f"{self.num_frames} frames, {self.num_windows} windows, "
            f"{self.inference_ms:.1f} ms per inference (median), "
            f"{self.frames_per_s:.1f} frames/s, {100 * self.cpu_share:.0f} % of a core; "
            f"{self.num_events} events{latency}; "
            f"{self.num_dropped} frames dropped, {self.num_discontinuities} interruptions"
        )


class LiveRun:
    """Recognition over several streams with its outputs.

    Each event goes to all `sinks` as a line of JSON, and to `reactions`. `add_row` takes every
    prediction, if there is a table.
    """

    def __init__(
        self, metadata: DeployMetadata, say: Callable[[str], None], controls: Controls | None = None
    ) -> None:
        self.metadata, self.say, self.controls = metadata, say, controls or Controls()
        self.sinks: list[Callable[[str], None]] = []
        self.reactions: Reactions | None = None
        self.num_frames = self.num_windows = self.num_events = 0
        self.add_row: Callable[[WindowScores], None] | None = None

        # With the last event.
        self._last_stream: LiveStream | None = None
        # For the summary.
        self._inference_ms: deque[float] = deque(maxlen=_KEPT)
        self._latency_ms: deque[float] = deque(maxlen=_KEPT)
        self._start_s, self._start_cpu_s = time.perf_counter(), time.process_time()

    def take(self, frames: Sequence[tuple[LiveStream, TimedFrame]]) -> None:
        """Process the next frame of each of these streams, side by side."""
        self.num_frames += len(frames)
        for stream, _ in frames:
            stream.is_stalled, stream.last_frame_s = False, time.monotonic()
            stream.arrivals_s.append(stream.last_frame_s)

        interruptions = [stream.engine.num_discontinuities for stream, _ in frames]
        found = push_all([(stream.engine, frame) for stream, frame in frames])
        for (stream, frame), results, before in zip(frames, found, interruptions, strict=True):
            is_cut = stream.engine.num_discontinuities > before
            if stream.clips is not None:
                # Films end before the frame that begins something else.
                if is_cut:
                    stream.clips.end()
                stream.clips.add(frame)
            self._note_hands(stream, frame.time_s, is_cut)
            self._note(stream, results, frame.arrived_s)

    def ended(self, stream: LiveStream) -> None:
        """Process the end of a stream."""
        self._note(stream, stream.engine.finish(), float("nan"))
        if stream.clips is not None:
            stream.clips.end()
        if stream.presence is not None:
            self._send_hands(stream, stream.presence.clear(stream.last_time_s))

    def stalled(self, stream: LiveStream) -> None:
        """Report a stream whose frames stay away, once it has lasted `STALL_S`."""
        waited_s = time.monotonic() - stream.last_frame_s
        if waited_s >= STALL_S and not stream.is_stalled:
            stream.is_stalled = True
            self.say(f"{stream.source.name}: no frame for {waited_s:.0f} s")

    def deny(self) -> None:
        """Take the last event for a wrong one. Put its film among the negatives.

        A window hears the keys of all, so it is the last event of any stream.
        """
        clips = None if self._last_stream is None else self._last_stream.clips
        if clips is None:
            why = "no event yet" if self._last_stream is None else "start with --keep-events DIR"
            self.say(f"no film of an event is kept: {why}")
            return
        path = clips.deny()
        self.say(f"no gesture: {path}" if path else "there is no film of the last event to move")

    def view(self, stream: LiveStream) -> LiveView:
        """Return everything that can be drawn over the newest frame of the stream."""
        persons = stream.engine.persons
        looked_at = [person.number for person in persons if self._counts(stream, person.number)]
        # The panel has room for the scores of one person.
        number = looked_at[0] if looked_at else None
        prediction = stream.latest.get(number) if number is not None else None

        return LiveView(
            prediction,
            persons,
            number,
            list(stream.events),
            _rate_fps(stream.arrivals_s),
            stream.steady.hands,
            comes_mirrored=stream.engine.options.mirror,
            as_mirror=self.controls.is_mirrored,
            help=help_lines() if self.controls.shows_help else (),
        )

    def summary(self, streams: list[LiveStream]) -> DemoSummary:
        """Return the figures of the run so far."""
        # A run of no time at all must not divide by zero.
        elapsed_s = max(time.perf_counter() - self._start_s, 1e-9)
        return DemoSummary(
            num_frames=self.num_frames,
            num_windows=self.num_windows,
            inference_ms=statistics.median(self._inference_ms) if self._inference_ms else 0.0,
            frames_per_s=self.num_frames / elapsed_s,
            num_events=self.num_events,
            num_dropped=sum(stream.reader.queue.num_dropped for stream in streams),
            num_discontinuities=sum(stream.engine.num_discontinuities for stream in streams),
            latency_ms=_percentile(list(self._latency_ms), 0.95),
            cpu_share=(time.process_time() - self._start_cpu_s) / elapsed_s,
        )

    def _counts(self, stream: LiveStream, number: int) -> bool:
        """Return True if the keys let the person of that number count."""
        return self.controls.looks_at(number, [person.number for person in stream.engine.persons])

    def _note(self, stream: LiveStream, results: list[StepResult], arrived_s: float) -> None:
        """Count the results and pass on those of the persons who count."""
        for result in results:
            self.num_windows += 1
            self._inference_ms.append(result.scores.inference_ms)
            stream.latest[result.person] = result.scores
            if not self._counts(stream, result.person):
                continue
            if self.add_row:
                self.add_row(result.scores)
            if result.event:
                self._send(stream, result, result.event, arrived_s)

        there = {person.number for person in stream.engine.persons}
        # A person who is gone leaves no scores behind.
        for number in stream.latest.keys() - there:
            del stream.latest[number]

    def _note_hands(self, stream: LiveStream, time_s: float, is_cut: bool) -> None:
        """Send the hands that have come or gone with this frame. At a cut all of them go."""
        before_s, stream.last_time_s = stream.last_time_s, time_s
        if is_cut:
            stream.steady.clear()
        hands = stream.steady.update(stream.engine.hands, time_s)
        if stream.presence is None:
            return
        if is_cut:
            self._send_hands(stream, stream.presence.clear(before_s))
        self._send_hands(stream, stream.presence.update(hands, time_s))

    def _send_hands(self, stream: LiveStream, events: Sequence[HandEvent]) -> None:
        for event in events:
            for sink in self.sinks:
                sink(hand_event_line(event, stream.source.name))

    def _sides(self, stream: LiveStream) -> list[Handedness] | None:
        """Return the person's own sides of the hands that are followed."""
        if self.metadata.landmarks is None:
            return None
        return [hand.side(stream.engine.options.mirror) for hand in stream.steady.hands]

    def _send(
        self, stream: LiveStream, result: StepResult, event: GestureEvent, arrived_s: float
    ) -> None:
        """Count an event, keep it for the timeline, and send it to sinks, reactions and user."""
        self.num_events += 1
        self._last_stream = stream
        # Events that left the timeline are dropped.
        while stream.events and event.time_s - stream.events[0].time_s > TIMELINE_S:
            stream.events.popleft()
        stream.events.append(event)

        if stream.clips is not None:
            stream.clips.note(event)
        for sink in self.sinks:
            sink(event_line(result, self._sides(stream)))
        if self.reactions:
            self.reactions.react(event.label)
        # An event at the end of a source has no frame that arrived with it.
        if not math.isnan(arrived_s):
            self._latency_ms.append(1e3 * (time.monotonic() - arrived_s))

        who = f" (person {result.person})" if result.person else ""
        times = f", {event.repetition} times" if event.repetition > 1 else ""
        self.say(f"{event.time_s:8.2f} s  {event.label} ({event.probability:.2f}{times}){who}")


def _rate_fps(arrivals_s: deque[float]) -> float:
    """Return the mean frame rate of the arrivals, 0 for fewer than two."""
    span_s = arrivals_s[-1] - arrivals_s[0] if len(arrivals_s) > 1 else 0.0
    return (len(arrivals_s) - 1) / span_s if span_s > 0 else 0.0


def _percentile(values: list[float], share: float) -> float:
    """Return a percentile by nearest rank, nan without values."""
    if not values:
        return float("nan")
    rank = min(len(values) - 1, int(share * len(values)))
    return sorted(values)[rank]
