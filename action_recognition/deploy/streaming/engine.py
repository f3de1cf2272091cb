"""One stream from frames to events: tears, model frames, persons, network, decision. The same for window and stateful networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from action_recognition.deploy.backends.protocol import Pixels, Scores
from action_recognition.deploy.decision import Chances, DecisionRules, DecisionState, GestureEvent, Vocabulary, gesture_chances, step
from action_recognition.deploy.streaming.frames import FrameRateResampler, TearDetector, TimedFrame
from action_recognition.deploy.streaming.networks import StepNetwork, StepStream
from action_recognition.deploy.streaming.regions import FixedRegion, Person, Region, network_frame
from action_recognition.deploy.streaming.scores import WindowScores


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step said of one person: the network's scores, their probabilities, those smoothed, and the event if there is one."""

    stream: str
    person: int
    scores: WindowScores
    chances: Chances
    smoothed: Chances
    event: GestureEvent | None


@dataclass(frozen=True)
class EngineOptions:
    """How a stream is read; `mirror`: its picture comes mirrored."""

    rules: DecisionRules = field(default_factory=DecisionRules)
    mirror: bool = False


@dataclass
class _Follower:
    """What is remembered of one person."""

    stream: StepStream
    block: list[Pixels] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    decision: DecisionState = field(default_factory=DecisionState)
    last_s: float = 0.0


class StreamEngine:
    """Takes the frames of one source in order. Everything it remembers is dropped when time tears, and `say` hears of it.

    The network may be shared by several engines: what it remembers of a person lives in a stream of its own.
    """

    def __init__(
        self,
        network: StepNetwork,
        region: Region | None = None,
        options: EngineOptions | None = None,
        name: str = "",
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.network, self.region, self.name = network, region or FixedRegion(), name
        self.options = options or EngineOptions()
        self.num_tears = 0
        self.persons: list[Person] = []
        self._say = say
        self._words = Vocabulary.of(network.metadata)
        self._tears = TearDetector(network.frame_rate_fps)
        self._resampler = FrameRateResampler(network.frame_rate_fps)
        self._followers: dict[int, _Follower] = {}

    def push(self, frame: TimedFrame) -> list[StepResult]:
        """Take the next frame of the source; the steps that it completed, of every person."""
        torn = self._tears.reason(frame)
        if torn:
            self.num_tears += 1
            self._say(f"{self.name}: {torn} at {frame.time_s:.1f} s; recognition starts anew")
            self.reset()
        repeats = self._resampler.repeats(frame.time_s)
        if not repeats:
            return []
        self.persons = self.region.persons(frame)
        self._forget_others()
        return [result for person in self.persons for result in self._feed(person, frame, repeats)]

    def finish(self) -> list[StepResult]:
        """The source ended: what a stream shorter than a window still owes."""
        results: list[StepResult] = []
        for number, follower in self._followers.items():
            start = time.perf_counter()
            results += self._decide(number, follower, follower.stream.finish(), [follower.last_s], start)
        return results

    def reset(self) -> None:
        """Forget everybody and everything but the numbers that were given to persons."""
        self._resampler.reset()
        self.region.reset()
        self._followers.clear()

    def _forget_others(self) -> None:
        there = {person.number for person in self.persons}
        for number in self._followers.keys() - there:
            del self._followers[number]

    def _feed(self, person: Person, frame: TimedFrame, repeats: int) -> Iterator[StepResult]:
        if person.number not in self._followers:
            self._followers[person.number] = _Follower(self.network.open())
        follower = self._followers[person.number]
        pixels = network_frame(frame.picture, person.box, self.network.metadata.resize)
        follower.last_s = frame.time_s
        for _ in range(repeats):
            follower.block.append(pixels)
            follower.times_s.append(frame.time_s)
            if len(follower.block) == self.network.block_len:
                start = time.perf_counter()
                rows = follower.stream.feed(np.concatenate(follower.block, axis=1))
                times_s = follower.times_s
                follower.block, follower.times_s = [], []
                yield from self._decide(person.number, follower, rows, times_s, start)

    def _decide(self, person: int, follower: _Follower, rows: Scores, times_s: list[float], start: float) -> list[StepResult]:
        """The decision on each step of a block; the steps share its frames evenly, the last one ends with it."""
        elapsed_ms = (time.perf_counter() - start) * 1e3
        results = []
        for i, row in enumerate(rows):
            time_s = times_s[(i + 1) * len(times_s) // len(rows) - 1]
            chances = gesture_chances(row, self.network.metadata, self.options.mirror)
            follower.decision, event = step(follower.decision, time_s, chances, self._words, self.options.rules)
            assert follower.decision.smoothed is not None
            scores = WindowScores(time_s, row, elapsed_ms / len(rows))
            results.append(StepResult(self.name, person, scores, chances, follower.decision.smoothed, event))
        return results
