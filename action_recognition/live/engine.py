"""One stream from frames to events: tears, model frames, persons, network, decision. The same for window and stateful networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from action_recognition.deploy.scores import WindowScores
from action_recognition.deploy.stream_models import (
    Picture,
    StepScores,
    Stream,
    StreamModel,
    fed_rate_fps,
)
from action_recognition.live.decision import (
    Chances,
    DecisionRules,
    DecisionState,
    GestureEvent,
    Vocabulary,
    gesture_chances,
    step,
)
from action_recognition.live.frame_times import FrameRateResampler, TearDetector, TimedFrame
from action_recognition.live.regions import FixedRegion, Person, Region, network_frame


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step said of one person: the network's scores, their probabilities, those smoothed, and the event if there is one.

    Not `is_warm`: the network has seen too little yet, nothing was decided.
    """

    stream: str
    person: int
    scores: WindowScores
    chances: Chances
    smoothed: Chances
    event: GestureEvent | None
    is_warm: bool = True


@dataclass(frozen=True)
class EngineOptions:
    """How a stream is read; `mirror`: its picture comes mirrored. Without `decide_cold` a network's first steps, of which it says that
    it has seen too little, are not decided on.
    """

    rules: DecisionRules = field(default_factory=DecisionRules)
    mirror: bool = False
    decide_cold: bool = False


@dataclass
class _Follower:
    """What is remembered of one person; `times_s` are those of the frames that came since the last step, `num_frames` all so far."""

    stream: Stream
    num_frames: int = 0
    times_s: list[float] = field(default_factory=list)
    decision: DecisionState = field(default_factory=DecisionState)

    def time_of(self, frame: int) -> float:
        """When the frame of that number, counted from 0, was shown."""
        place = frame - (self.num_frames - len(self.times_s))
        return self.times_s[min(max(place, 0), len(self.times_s) - 1)]


@dataclass(frozen=True, slots=True)
class _Feed:
    """A picture that one person's stream gets `repeats` times."""

    person: int
    follower: _Follower
    picture: Picture
    time_s: float
    repeats: int


class StreamEngine:
    """Takes the frames of one source in order. Everything it remembers is dropped when time tears, and `say` hears of it.

    The network may be shared by several engines: what it remembers of a person lives in a stream of its own.
    """

    def __init__(
        self,
        network: StreamModel,
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
        rate_fps = fed_rate_fps(network)
        self._tears, self._resampler = TearDetector(rate_fps), FrameRateResampler(rate_fps)
        self._followers: dict[int, _Follower] = {}

    def push(self, frame: TimedFrame) -> list[StepResult]:
        """Take the next frame of the source; the steps that it completed, of every person."""
        return push_all([(self, frame)])[0]

    def finish(self) -> list[StepResult]:
        """The source ended: what a stream shorter than a window still owes."""
        found = [
            (number, follower, follower.stream.finish())
            for number, follower in self._followers.items()
        ]
        return [
            self._decide(number, follower, score)
            for number, follower, scores in found
            for score in scores
        ]

    def reset(self) -> None:
        """Forget everybody and everything but the numbers that were given to persons."""
        self._resampler.reset()
        self.region.reset()
        self._followers.clear()

    def _forget_others(self) -> None:
        there = {person.number for person in self.persons}
        for number in self._followers.keys() - there:
            del self._followers[number]

    def _take(self, frame: TimedFrame) -> list[_Feed]:
        """What the network is to be fed for this frame."""
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
        return [self._feed(person, frame, repeats) for person in self.persons]

    def _feed(self, person: Person, frame: TimedFrame, repeats: int) -> _Feed:
        if person.number not in self._followers:
            self._followers[person.number] = _Follower(self.network.open_stream())
        picture = network_frame(frame.picture, person.box, self.network.metadata)
        return _Feed(person.number, self._followers[person.number], picture, frame.time_s, repeats)

    def _decide(self, person: int, follower: _Follower, found: StepScores) -> StepResult:
        time_s = follower.time_of(found.frame)
        chances = gesture_chances(found.scores, self.network.metadata, self.options.mirror)
        event = None
        if found.is_warm or self.options.decide_cold:
            follower.decision, event = step(
                follower.decision, time_s, chances, self._words, self.options.rules
            )

        smoothed = chances if follower.decision.smoothed is None else follower.decision.smoothed
        scores = WindowScores(time_s, found.scores, found.inference_ms)
        return StepResult(
            self.name, person, scores, chances, smoothed, event, is_warm=found.is_warm
        )


def push_all(frames: Sequence[tuple[StreamEngine, TimedFrame]]) -> list[list[StepResult]]:
    """The next frames of several engines, no two of them the same, over one network: all their persons are computed side by side.

    The steps that each frame completed, as `StreamEngine.push` says them.
    """
    feeds = [
        (number, feed)
        for number, (engine, frame) in enumerate(frames)
        for feed in engine._take(frame)
    ]
    results: list[list[StepResult]] = [[] for _ in frames]
    # A picture that counts several times is fed in several turns: a stream takes one at a time.
    for turn in range(max((feed.repeats for _, feed in feeds), default=0)):
        due = [(number, feed) for number, feed in feeds if turn < feed.repeats]
        found = _fed(frames[0][0].network, [feed for _, feed in due])
        for (number, feed), scores in zip(due, found, strict=True):
            engine = frames[number][0]
            results[number] += [engine._decide(feed.person, feed.follower, one) for one in scores]
            if scores:
                del feed.follower.times_s[:-1]
    return results


def _fed(network: StreamModel, feeds: Sequence[_Feed]) -> list[list[StepScores]]:
    """Feed each picture once to its stream. Return the scores that each of them completed."""
    for feed in feeds:
        feed.follower.num_frames += 1
        feed.follower.times_s.append(feed.time_s)
    return network.feed_all([(feed.follower.stream, feed.picture) for feed in feeds])
