"""The engine: one stream from frames to events, for window networks and stateful networks alike.

Each frame passes the check for discontinuities, the choice of model frames, the region of each
person, the network and the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

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
    DecisionState,
    GestureEvent,
    gesture_chances,
    step,
)
from action_recognition.live.decision_rules import DecisionRules, Vocabulary
from action_recognition.live.frame_times import (
    DiscontinuityDetector,
    FrameRateResampler,
    TimedFrame,
)
from action_recognition.live.regions import FixedRegion, Person, Region, network_frame

if TYPE_CHECKING:
    from action_recognition.hands.tracker import TrackedHand


@dataclass(frozen=True, slots=True)
class StepResult:
    """Result of one step for one person.

    It holds the scores of the network, their probabilities (C,) raw and smoothed, and the event if
    there is one. If it is not `is_warm`, the network has seen too few frames yet.
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
    """Options of one stream. With `mirror` its picture comes mirrored.

    A network reports of its first steps that it has seen too few frames. The decision skips these
    steps unless `decide_cold` is set. `thresholds`, by label, take the place of those of the model.
    """

    rules: DecisionRules = field(default_factory=DecisionRules)
    mirror: bool = False
    decide_cold: bool = False
    thresholds: Mapping[str, float] | None = None


@dataclass
class _Follower:
    """Memory of one person.

    `num_frames` counts all frames so far. `times_s` are the times of the frames since the last
    step.
    """

    stream: Stream
    num_frames: int = 0
    times_s: list[float] = field(default_factory=list)
    decision: DecisionState = field(default_factory=DecisionState)

    def time_of(self, frame: int) -> float:
        """Return the time in seconds at which a frame was shown. `frame` counts from 0."""
        # Only the latest times are kept, and `frame` counts from the first frame of all.
        place = frame - (self.num_frames - len(self.times_s))
        return self.times_s[min(max(place, 0), len(self.times_s) - 1)]


@dataclass(frozen=True, slots=True)
class _Feed:
    """A picture that the network stream of one person gets `repeats` times."""

    person: int
    follower: _Follower
    picture: Picture
    time_s: float
    repeats: int


class StreamEngine:
    """Recognition in the frames of one source, which it takes in order.

    At a discontinuity it drops all memory and reports that through `say`. Several engines may
    share a network, since the network keeps its memory of each person in a separate stream.
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
        self.num_discontinuities = 0
        self.persons: list[Person] = []
        self._say = say
        self._words = Vocabulary.of(network.metadata)
        if self.options.thresholds is not None:
            self._words = replace(self._words, thresholds=self.options.thresholds)

        # A model of photos is fed at a rate that it does not state itself.
        rate_fps = fed_rate_fps(network)
        self._discontinuities = DiscontinuityDetector(rate_fps)
        self._resampler = FrameRateResampler(rate_fps)
        self._followers: dict[int, _Follower] = {}

    @property
    def hands(self) -> list[TrackedHand]:
        """Return the hands of the last frame, where the network takes landmarks of whole ones."""
        if self.network.metadata.landmarks is None:
            return []
        from action_recognition.deploy.landmark_streams import LandmarkStream
        from action_recognition.deploy.stateful_landmarks import StatefulLandmarkStream

        kinds = (LandmarkStream, StatefulLandmarkStream)
        streams = [follower.stream for follower in self._followers.values()]
        is_whole = all(person.box is None for person in self.persons)
        found = [item.hands for item in streams if isinstance(item, kinds) and is_whole]
        return [hand for hands in found for hand in hands]

    def push(self, frame: TimedFrame) -> list[StepResult]:
        """Process the next frame of the source. Return the steps that it completed."""
        return push_all([(self, frame)])[0]

    def finish(self) -> list[StepResult]:
        """Return the last steps, after the source has ended.

        A stream that is shorter than a window gives its only prediction here.
        """
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
        """Forget everything except the numbers that were given to persons."""
        self._resampler.reset()
        self.region.reset()
        self._followers.clear()

    def _forget_others(self) -> None:
        """Drop the memory of the persons who are not followed any more."""
        there = {person.number for person in self.persons}
        for number in self._followers.keys() - there:
            del self._followers[number]

    def _take(self, frame: TimedFrame) -> list[_Feed]:
        """Return the pictures to feed to the network for this frame, one for each person."""
        reason = self._discontinuities.reason(frame)
        if reason:
            self.num_discontinuities += 1
            self._say(f"{self.name}: {reason} at {frame.time_s:.1f} s; recognition starts again")
            self.reset()

        # A frame between two model frames is skipped.
        repeats = self._resampler.repeats(frame.time_s)
        if not repeats:
            return []

        self.persons = self.region.persons(frame)
        self._forget_others()
        return [self._feed(person, frame, repeats) for person in self.persons]

    def _feed(self, person: Person, frame: TimedFrame, repeats: int) -> _Feed:
        """Cut the person out of the frame. Open a network stream for somebody new."""
        if person.number not in self._followers:
            self._followers[person.number] = _Follower(self.network.open_stream())
        picture = network_frame(frame.picture, person.box, self.network.metadata)
        return _Feed(person.number, self._followers[person.number], picture, frame.time_s, repeats)

    def _decide(self, person: int, follower: _Follower, found: StepScores) -> StepResult:
        """Turn the scores of one step into probabilities and, if it is due, an event."""
        time_s = follower.time_of(found.frame)
        chances = gesture_chances(found.scores, self.network.metadata, self.options.mirror)

        # The first scores of a network come from too few frames.
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
    """Process the next frame of each of several engines that share one network.

    No engine may occur twice. The persons of all engines are computed side by side. Returns the
    steps that each frame completed, as `StreamEngine.push` does.
    """
    # The number of its engine goes with every picture.
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
