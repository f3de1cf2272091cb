"""A run over live sources with a network that sees a bright half: events, persons, several streams,
slow consumers, keys.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from action_recognition.deploy.landmark_layout import LandmarkLayout
from action_recognition.deploy.metadata import DeployMetadata, Resize, example
from action_recognition.deploy.scores import WindowScores
from action_recognition.deploy.stream_models import StepScores, Stream
from action_recognition.hands.geometry import Square
from action_recognition.hands.networks import SeenHand
from action_recognition.hands.tracker import TrackedHand
from action_recognition.live.decision import GestureEvent
from action_recognition.live.decision_rules import DecisionRules
from action_recognition.live.engine import EngineOptions, StreamEngine
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.hand_presence import HandPresence
from action_recognition.live.live_run import LiveRun, LiveStream
from action_recognition.live.outputs.drawing import LiveView, draw_live
from action_recognition.live.outputs.event_clips import ClipFolders, EventClips
from action_recognition.live.outputs.keyboard import Controls, help_lines, save_snapshot
from action_recognition.live.outputs.output_guard import OutputGuard
from action_recognition.live.regions import Box, Person
from tests.made_landmarks import open_hand

RULES = DecisionRules(smoothing_s=0.0, refractory_s=0.3)


class Bright:
    """A stateful stub: says `Thumb up` as surely as the picture is bright, and knows which of its
    streams it is.
    """

    mode, frames_per_score, runs_as = "stateful", 1, "stub"

    def __init__(self) -> None:
        self.metadata: DeployMetadata = replace(
            example(), resize=Resize(8, 8), frame_rate_fps=10.0, score_scale=20.0
        )
        self.streams: list[BrightStream] = []

    def open_stream(self) -> BrightStream:
        self.streams.append(BrightStream())
        return self.streams[-1]

    def feed_all(self, pictures: Sequence[tuple[Stream, np.ndarray]]) -> list[list[StepScores]]:
        return [stream.feed(picture) for stream, picture in pictures]


class BrightStream:
    def __init__(self) -> None:
        self.seen: list[int] = []

    def feed(self, picture: np.ndarray) -> list[StepScores]:
        self.seen.append(int(picture.mean()))
        share = picture.mean() / 255
        return [
            StepScores(
                len(self.seen) - 1,
                np.array([share, 1 - share], np.float32),
                1.0,
                len(self.seen) > 1,
            )
        ]

    def finish(self) -> list[StepScores]:
        return []

    def reset(self) -> None:
        self.seen.clear()


class Halves:
    """Two persons: the left and the right half."""

    def persons(self, frame: TimedFrame) -> list[Person]:
        return [Person(1, Box(0, 0, 0.5, 1)), Person(2, Box(0.5, 0, 1, 1))]

    def reset(self) -> None:
        pass


class Queue:
    num_dropped = 3


class Reader:
    queue = Queue()


class Source:
    name, frame_rate_fps, is_live = "source", 10.0, True


def picture(left: int, right: int) -> np.ndarray:
    found = np.full((16, 32, 3), left, np.uint8)
    found[:, 16:] = right
    return found


def live(
    network: Bright, name: str = "a", region: Halves | None = None, mirror: bool = False
) -> LiveStream:
    engine = StreamEngine(network, region, EngineOptions(RULES, mirror), name)
    return LiveStream(Source(), Reader(), engine)  # type: ignore[arg-type]


def run_over(
    stream: LiveStream, levels: list[tuple[int, int]], controls: Controls | None = None
) -> tuple[LiveRun, list[dict[str, object]]]:
    run = LiveRun(stream.engine.network.metadata, lambda _: None, controls)
    lines: list[dict[str, object]] = []
    run.sinks.append(lambda line: lines.append(json.loads(line)))
    for i, (left, right) in enumerate(levels):
        run.take([(stream, TimedFrame(i / 10, picture(left, right)))])
    run.ended(stream)
    return run, lines


def test_events_are_lines_of_json() -> None:
    run, lines = run_over(
        live(Bright()), [(0, 0)] * 5 + [(255, 255)] * 10 + [(0, 0)] * 5 + [(255, 255)] * 3
    )
    assert [(line["label"], line["time_s"], line["repetition"]) for line in lines] == [
        ("Thumb up", 0.5, 1),
        ("Thumb up", 2.0, 2),
    ]
    assert set(lines[0]) == {
        "type",
        "label",
        "time_s",
        "start_s",
        "probability",
        "repetition",
        "person",
        "stream",
    }
    assert run.num_events == 2 and run.num_frames == 23
    assert "2 events" in str(run.summary([live(Bright())])) and "3 frames dropped" in str(
        run.summary([live(Bright())])
    )


def test_persons_are_told_apart_and_have_a_state_each() -> None:
    network = Bright()
    _, lines = run_over(
        live(network, region=Halves()), [(0, 0)] * 3 + [(255, 0)] * 6 + [(0, 255)] * 6
    )
    assert [(line["person"], line["time_s"]) for line in lines] == [(1, 0.3), (2, 0.9)]
    assert [set(stream.seen[9:]) for stream in network.streams] == [{0}, {255}]


def test_a_picked_person_is_the_only_one_who_counts() -> None:
    levels = [(0, 0)] * 3 + [(255, 0)] * 6 + [(0, 255)] * 6
    assert [
        line["person"]
        for line in run_over(live(Bright(), region=Halves()), levels, Controls(pick=True))[1]
    ] == [1]
    controls = Controls()
    controls.press("2")
    assert [
        line["person"] for line in run_over(live(Bright(), region=Halves()), levels, controls)[1]
    ] == [2]
    controls.press("0")
    assert [
        line["person"] for line in run_over(live(Bright(), region=Halves()), levels, controls)[1]
    ] == [1, 2]


def test_streams_of_one_network_do_not_mix() -> None:
    network = Bright()
    streams = [live(network, name) for name in ("a", "b", "c")]
    run = LiveRun(network.metadata, lambda _: None)
    for i in range(30):
        run.take(
            [
                (stream, TimedFrame(i / 10, picture(50 * number, 50 * number)))
                for number, stream in enumerate(streams)
            ]
        )
    assert [set(stream.seen) for stream in network.streams] == [{0}, {50}, {100}]


def test_a_mirrored_camera_gives_the_mirrored_label() -> None:
    network = Bright()
    network.metadata = replace(
        network.metadata, negative_label=None, label_swaps={"Thumb up": "No gesture"}
    )
    _, lines = run_over(live(network, mirror=True), [(255, 255)] * 5)
    assert [line["label"] for line in lines] == ["No gesture"]


def test_a_torn_stream_forgets_and_what_happened_is_said() -> None:
    network, said = Bright(), list[str]()
    engine = StreamEngine(network, None, EngineOptions(RULES), "camera 0", said.append)
    for time_s in (0.0, 0.1, 0.2, 30.0, 30.1):
        engine.push(TimedFrame(time_s, picture(9, 9)))
    assert (
        len(network.streams) == 2
        and len(network.streams[1].seen) == 2
        and engine.num_discontinuities == 1
    )
    assert said == ["camera 0: a gap of 29.8 s at 30.0 s; recognition starts again"]


@pytest.mark.parametrize("rate_fps", [5, 12, 15, 24, 30, 60])
def test_a_rate_that_changes_in_mid_stream_changes_no_time(rate_fps: int) -> None:
    """Ten seconds at 30 and ten at another rate: the network always gets 10 frames a second."""
    network = Bright()
    engine = StreamEngine(network, None, EngineOptions(RULES))
    times_s = [i / 30 for i in range(300)] + [10 + i / rate_fps for i in range(10 * rate_fps)]
    results = [
        result for time_s in times_s for result in engine.push(TimedFrame(time_s, picture(0, 0)))
    ]
    assert engine.num_discontinuities == 0 and abs(len(network.streams[0].seen) - 200) <= 2
    assert all(abs(result.scores.time_s - i / 10) <= 0.21 for i, result in enumerate(results))


def test_a_networks_first_steps_are_not_decided_on() -> None:
    _, lines = run_over(live(Bright()), [(255, 255)] * 4)
    assert [line["time_s"] for line in lines] == [0.1]


def test_hands_that_come_and_go_are_lines_too(monkeypatch: pytest.MonkeyPatch) -> None:
    landmarks = (open_hand() + np.array([320, 240, 0])).astype(np.float32)
    seen = SeenHand(landmarks, landmarks, 0.9, 0.9, Square(320, 200, 200))
    # A hand is followed while the picture is bright.
    stream = live(Bright(), mirror=False)
    stream.presence = HandPresence()
    network = stream.engine.network
    monkeypatch.setattr(
        StreamEngine,
        "hands",
        property(lambda _: [TrackedHand(0, seen)] if network.streams[-1].seen[-1:] > [9] else []),
    )
    network.metadata = replace(network.metadata, landmarks=LandmarkLayout(10.0, 1))
    _, lines = run_over(stream, [(0, 0)] * 3 + [(255, 255)] * 8)
    kinds = [(line["type"], line.get("change"), line["time_s"]) for line in lines]
    assert kinds == [
        ("gesture", None, 0.3),
        ("hand", "entered", 0.5),
        # The end of the source.
        ("hand", "left", 1.0),
    ]
    assert lines[0]["hands"] == ["right"] and lines[1]["side"] == "right"


def kept_by(stream: LiveStream, root: Path) -> ClipFolders:
    guard = OutputGuard("--keep-events", lambda _: None)
    folders = ClipFolders(root, ["Thumb up", "No gesture"], "No gesture", guard)
    stream.clips = EventClips(folders)
    return folders


def test_a_film_ends_where_the_stream_is_cut(tmp_path: Path) -> None:
    stream = live(Bright())
    folders = kept_by(stream, tmp_path)
    run = LiveRun(example(), lambda _: None)
    for number, level in enumerate([0] * 5 + [255] * 3):
        run.take([(stream, TimedFrame(number / 10, picture(level, level)))])
    # The camera was gone for a minute.
    run.take([(stream, TimedFrame(60.0, picture(0, 0)))])
    run.ended(stream)
    folders.close()
    (film,) = tmp_path.rglob("*.mp4")
    with av.open(str(film)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[-1] < 1.0 and film.parent.name == "Thumb up"


def test_the_last_event_of_any_stream_is_denied(tmp_path: Path) -> None:
    said: list[str] = []
    first, second = live(Bright(), "a"), live(Bright(), "b")
    folders = [kept_by(first, tmp_path / "a"), kept_by(second, tmp_path / "b")]
    run = LiveRun(example(), said.append)
    run.deny()
    assert said == ["no film of an event is kept: no event yet"]
    for number, level in enumerate([0] * 5 + [255] * 3):
        # Only the second one shows a gesture after the first frames.
        run.take([(first, TimedFrame(number / 10, picture(0, 0)))])
        run.take([(second, TimedFrame(number / 10, picture(level, level)))])
    run.deny()
    run.deny()
    for one in folders:
        one.close()
    assert [film.relative_to(tmp_path).parts[:2] for film in tmp_path.rglob("*.mp4")] == [
        ("b", "No gesture")
    ]
    assert said[-1] == "there is no film of the last event to move"


def test_without_a_folder_nothing_can_be_denied() -> None:
    said: list[str] = []
    stream, run = live(Bright()), LiveRun(example(), said.append)
    for number, level in enumerate([0] * 5 + [255] * 3):
        run.take([(stream, TimedFrame(number / 10, picture(level, level)))])
    run.deny()
    assert said[-1] == "no film of an event is kept: start with --keep-events DIR"


def test_a_stall_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    stream, run = live(Bright()), LiveRun(example(), said.append)
    stream.last_frame_s -= 10
    run.stalled(stream)
    run.stalled(stream)
    assert said == ["source: no frame for 10 s"]


def test_the_live_picture_shows_events_persons_and_the_rate() -> None:
    black = np.zeros((480, 640, 3), np.uint8)
    event = GestureEvent(9.0, 8.5, "Thumb up", 0.9)
    nothing = draw_live(black, LiveView(None), example(), 10.0)
    marked = draw_live(black, LiveView(None, events=[event]), example(), 10.0)
    green = (marked == (64, 220, 96)).all(-1)
    # A tenth of the timeline ago.
    assert abs(int(np.nonzero(green[450:].any(0))[0].max()) - 575) <= 2
    # Its name in large letters.
    assert green[60:150].any() and not (nothing[60:150]).any()
    gone = draw_live(black, LiveView(None, events=[event]), example(), 25.0)
    bare = draw_live(black, LiveView(None), example(), 25.0)
    np.testing.assert_array_equal(gone, bare)
    boxed = draw_live(
        black,
        LiveView(None, persons=[Person(2, Box(0.25, 0.5, 0.5, 0.75))], picked=2),
        example(),
        10.0,
    )
    assert (boxed[240, 170:300] == (64, 220, 96)).all()
    assert (draw_live(black, LiveView(None, fps=25), example(), 10.0) != nothing).any()


BUSY = LiveView(
    WindowScores(10.0, np.array([0.9, 0.8], np.float32), 5.0),
    events=[GestureEvent(t, t, "Thumb up", 0.9) for t in (1.0, 2.0, 2.1, 5.0, 9.9)],
    fps=29.9,
)


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (640, 360)])
def test_little_of_the_picture_is_covered(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(20, 256, (*size, 3), dtype=np.uint8)
    # The large letters are gone after a moment.
    drawn = draw_live(picture, replace(BUSY, events=BUSY.events[:-1]), example(), 10.0)
    assert 0.03 < (drawn != picture).any(-1).mean() < 0.15


def test_labels_on_the_timeline_are_never_cut() -> None:
    black = np.zeros((480, 640, 3), np.uint8)
    now = [GestureEvent(9.99, 9.9, "Thumb up", 0.9)]
    drawn = draw_live(black, LiveView(None, events=now), example(), 10.0)
    white = (drawn[445:] == 255).all(-1)
    columns = np.nonzero(white.any(0))[0]
    # All of it stands on the left of its mark.
    assert columns.max() < 636 and columns.max() - columns.min() > 60


def test_the_help_lists_every_key_and_goes_again() -> None:
    stream, run = live(Bright()), LiveRun(example(), lambda _: None)
    run.controls.press("h")
    assert run.view(stream).help == help_lines()
    picture = np.full((480, 640, 3), 200, np.uint8)
    drawn = draw_live(picture, run.view(stream), example(), 1.0)
    assert (drawn[200:280, 300:340] < 200).mean() > 0.9
    run.controls.press("h")
    assert not run.view(stream).help


def test_a_mirror_turns_the_picture_and_no_text() -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, :320] = 90
    stream, run = live(Bright()), LiveRun(example(), lambda _: None)
    stream.engine.persons = [Person(0, Box(0.25, 0.5, 0.5, 0.75))]
    plain = draw_live(picture, run.view(stream), example(), 1.0)
    run.controls.press("m")
    turned = draw_live(picture, run.view(stream), example(), 1.0)
    assert (turned[200, 330:] == 90).all() and not turned[200, :310].any()
    assert (turned[240, 330:470] == 255).all() or (turned[240, 330:470] == (64, 220, 96)).all()
    # The time is read from left to right, at the same place.
    assert ((plain[:35, :80] == 255) == (turned[:35, :80] == 255)).mean() > 0.99


def test_a_mirrored_picture_has_the_other_hand_and_the_swapped_label() -> None:
    landmarks = (open_hand() + np.array([320, 240, 0])).astype(np.float32)
    seen = SeenHand(landmarks, landmarks, 0.9, 0.9, Square(320, 200, 200))
    black = np.zeros((480, 640, 3), np.uint8)
    for mirrored, colour in ((False, (0, 170, 255)), (True, (255, 140, 0))):
        view = LiveView(None, hands=[TrackedHand(0, seen)], comes_mirrored=mirrored)
        drawn = draw_live(black, view, example(), 1.0)
        assert (drawn == colour).all(-1).any()

    swaps = {"left": "right"}
    swapping = replace(example(), labels=("left", "right"), label_swaps=swaps, negative_label=None)
    one = replace(BUSY, events=())
    plain, mirror = (
        draw_live(black, replace(one, comes_mirrored=mirrored), swapping, 1.0)
        for mirrored in (False, True)
    )
    assert (plain[380:450, 130:] != mirror[380:450, 130:]).any()


def test_keys(tmp_path: Path) -> None:
    controls = Controls()
    for key in ("", "x", " ", "s", "b", "h", "m", "n", "7"):
        controls.press(key)
    assert controls == Controls(
        pick=True,
        picked=7,
        is_paused=True,
        wants_box=True,
        wants_snapshot=True,
        is_mirrored=True,
        shows_help=True,
        denies_event=True,
    )
    controls.press("\x1b")
    assert controls.wants_quit
    names = [save_snapshot(picture(0, 255), tmp_path).name for _ in range(2)]
    assert names == ["snapshot_1.png", "snapshot_2.png"]


def test_hands_are_drawn_where_they_are() -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    landmarks = open_hand() + np.array([320, 240, 0], np.float32)
    seen = SeenHand(landmarks.astype(np.float32), landmarks, 0.9, 0.9, Square(320, 200, 200))
    drawn = draw_live(picture, LiveView(None, hands=[TrackedHand(0, seen)]), example(), 1.0)
    bare = draw_live(picture, LiveView(None), example(), 1.0)
    x, y = landmarks[8, :2].round().astype(int)
    assert drawn[y, x].any() and not bare[y, x].any()
    assert not picture.any(), "the caller's picture stays as it is"
