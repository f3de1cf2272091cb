"""Run a model over sources: show, record, list, send and sum up what it recognises."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from action_recognition.deploy.backends import Hint, load_backend
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.stream_models import Picture, StreamModel, as_stream_model
from action_recognition.errors import user_error
from action_recognition.live.decision import DecisionRules, check_mirror, read_rules
from action_recognition.live.engine import EngineOptions, StreamEngine
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.live_run import DemoSummary, LiveRun, LiveStream
from action_recognition.live.outputs.drawing import draw_live
from action_recognition.live.outputs.event_server import HOST, EventServer
from action_recognition.live.outputs.events import STDOUT, EventFile
from action_recognition.live.outputs.keyboard import KEYS_HELP, Controls, save_snapshot
from action_recognition.live.outputs.reactions import Reactions, read_commands
from action_recognition.live.outputs.recording import PredictionTable, VideoRecorder
from action_recognition.live.regions import Box, FixedRegion, Region
from action_recognition.live.sources.frame_sources import open_source
from action_recognition.live.sources.reader_thread import FrameReader, PlayedAtItsRate
from action_recognition.live.sources.retrying import Patience

Say = Callable[[str], None]
WINDOW_TITLE = "gestures (q: quit)"
_POLL_S = 0.05


@dataclass(frozen=True)
class DemoOptions:
    """What `demo.py` was asked for; a source is a path, a camera number or an address. `events` is a path, or `-` for standard output."""

    model: Path
    source: str
    output: Path | None = None
    csv: Path | None = None
    show: bool = True
    stride: int | None = None
    num_threads: int | None = None
    more_sources: tuple[str, ...] = ()
    events: str | None = None
    decision: Path | None = None
    mirror: bool = False
    box: Box | None = None
    detector: Path | None = None
    max_persons: int = 4
    pick: bool = False
    realtime: bool = False
    serve: int | None = None
    commands: Path | None = None
    give_up_s: float = float("inf")
    hint: Hint | None = None

    @property
    def best_hint(self) -> Hint:
        """What was asked for; else several streams side by side, and one as soon as possible."""
        return self.hint or ("throughput" if self.more_sources else "latency")

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source, *self.more_sources)


def run_demo(options: DemoOptions, say: Say | None = None) -> DemoSummary:
    """Recognise until the sources end, `q` is pressed or Ctrl-C; what was recorded until then is kept.

    Errors: a model or source that cannot be used, an output that would overwrite the input, no display to show on.
    """
    _check(options)
    say = say or partial(
        print, file=sys.stderr if options.events == STDOUT else sys.stdout, flush=True
    )
    network = as_stream_model(
        load_backend(options.model, options.num_threads, "default", hint=options.best_hint),
        options.stride,
    )
    if options.mirror:
        check_mirror(network.metadata)
    rules = read_rules(options.decision) if options.decision else DecisionRules()
    commands = read_commands(options.commands, network.metadata.labels) if options.commands else {}
    _introduce(options, network, say)
    with ExitStack() as stack:
        streams = [
            _open_stream(options, text, network, rules, say, stack) for text in options.sources
        ]
        for number, stream in enumerate(streams):
            stream.number = number
        run = LiveRun(network.metadata, say, Controls(pick=options.pick))
        _add_outputs(run, options, commands, say, stack)
        recorder = (
            stack.enter_context(_recording(options.output, streams[0].source.frame_rate_fps))
            if options.output
            else None
        )
        if options.show:
            stack.callback(_close_windows)
            say(KEYS_HELP)
        try:
            _go(streams, run, recorder, options.show)
        except KeyboardInterrupt:
            say("interrupted; what was recognised so far is kept")
        if not run.num_frames:
            raise user_error(streams[0].source.name, "gave no frame")
    return _finish(run, streams, options, say)


def _go(
    streams: list[LiveStream], run: LiveRun, recorder: VideoRecorder | None, show: bool
) -> None:
    """Frames of all streams in turn, until the last one has ended or `q` was pressed."""
    wait_s = _POLL_S if len(streams) > 1 or show else 1.0
    going = list(streams)
    while going and not run.controls.wants_quit:
        came: list[tuple[LiveStream, TimedFrame]] = []
        for stream in list(going):
            try:
                frame = stream.reader.get(wait_s)
            except TimeoutError:
                run.stalled(stream)
                if show:
                    run.controls.press(_key())
                continue
            if frame is None:
                run.ended(stream)
                going.remove(stream)
                continue
            came.append((stream, frame))
        run.take(came)
        if recorder or show:
            for stream, frame in came:
                drawn = draw_live(frame.picture, run.view(stream), run.metadata, frame.time_s)
                if recorder:
                    recorder.write(drawn, frame.time_s)
                if show:
                    _show(stream, drawn, run)


def _open_stream(
    options: DemoOptions,
    text: str,
    network: StreamModel,
    rules: DecisionRules,
    say: Say,
    stack: ExitStack,
) -> LiveStream:
    source = open_source(
        text, network.metadata.frame_rate_fps, say, Patience(say, options.give_up_s)
    )
    if options.realtime and not source.is_live:
        source = PlayedAtItsRate(source)
    say(f"{source.name}: {source.frame_rate_fps:g} frames/s{', live' if source.is_live else ''}")
    engine = StreamEngine(
        network,
        _region(options, network.metadata),
        EngineOptions(rules, options.mirror),
        source.name,
        say,
    )
    reader = FrameReader(source)
    stack.callback(reader.stop)
    return LiveStream(source, reader, engine)


def _region(options: DemoOptions, metadata: DeployMetadata) -> Region:
    """Where to look; a model of hands that were cut out gets them cut as in training."""
    if options.box is not None or (options.detector is None and not metadata.crop):
        return FixedRegion(options.box)
    from action_recognition.detection.person_boxes import loaded_detector
    from action_recognition.live.hand_region import trained_region
    from action_recognition.live.tracking import TrackedRegion

    if metadata.crop:
        return trained_region(
            metadata, options.detector, "--detector", options.max_persons, options.num_threads
        )
    return TrackedRegion(
        loaded_detector(options.detector, "CPU", options.num_threads), options.max_persons
    )


def _add_outputs(
    run: LiveRun, options: DemoOptions, commands: dict[str, list[str]], say: Say, stack: ExitStack
) -> None:
    """Where predictions and events go beside the picture."""
    if options.csv:
        run.table = PredictionTable(run.metadata)
    if options.serve is not None:
        server = EventServer(options.serve, say)
        stack.callback(server.close)
        say(f"events at ws://{HOST}:{server.port}")
        run.sinks.append(server.send)
    if options.events:
        file = EventFile(options.events)
        stack.callback(file.close)
        run.sinks.append(file.write)
    if commands:
        run.reactions = Reactions(commands, say)


def _introduce(options: DemoOptions, network: StreamModel, say: Say) -> None:
    metadata = network.metadata
    say(
        f"{options.model}: {len(metadata.labels)} labels, {metadata.model_input}; {network.runs_as}"
    )
    if network.mode == "window":
        say(
            f"the model keeps no state: a window of {metadata.clip_len} frames is scored again for every prediction"
        )
    else:
        say(f"the model keeps its state: a prediction every {network.frames_per_score} frames")


def _finish(run: LiveRun, streams: list[LiveStream], options: DemoOptions, say: Say) -> DemoSummary:
    if options.csv and run.table:
        run.table.save(options.csv)
    for path in (options.output, options.csv, options.events):
        if path and path != STDOUT:
            say(f"wrote {path}")
    summary = run.summary(streams)
    say(str(summary))
    return summary


@contextmanager
def _recording(path: Path, frame_rate_fps: float) -> Iterator[VideoRecorder]:
    """A recorder that is finished at a normal end and given up at an error."""
    recorder = VideoRecorder(path, frame_rate_fps)
    try:
        yield recorder
    except BaseException:
        recorder.discard()
        raise
    recorder.close()


def _check(options: DemoOptions) -> None:
    outputs = {"--output": options.output, "--csv": options.csv}
    if options.events and options.events != STDOUT:
        outputs["--events"] = Path(options.events)
    for flag, path in outputs.items():
        if path is not None and any(
            Path(source).exists() and path.resolve() == Path(source).resolve()
            for source in options.sources
        ):
            raise user_error(flag, f"{path} is the input", fix="name another file")
        if path is not None and path.is_dir():
            raise user_error(flag, f"{path} is a folder", fix="name a file in it")
    if options.output and options.more_sources:
        raise user_error(
            "--output", f"there are {len(options.sources)} inputs", "one input for a recorded video"
        )
    if options.box and options.detector:
        raise user_error("--box, --detector", "both say where to look", "one of them")
    # Checked before OpenCV is asked: its window library ends the process where there is no display.
    if (
        options.show
        and sys.platform.startswith("linux")
        and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    ):
        raise user_error(
            "display",
            "there is none to show on",
            fix="add --no-show, with --output OUT.mp4 or --csv FILE to keep the result",
        )


def _close_windows() -> None:
    with suppress(cv2.error):  # an OpenCV without windows; `_show` has said so
        cv2.destroyAllWindows()


def _key() -> int:
    with suppress(cv2.error):  # no window yet
        return int(cv2.waitKey(1) & 0xFF)
    return 255


def _show(stream: LiveStream, drawn: Picture, run: LiveRun) -> None:
    """Show an RGB picture and do what the keys say; a pause lasts until the next space or `q`."""
    title = WINDOW_TITLE if not stream.number else f"{WINDOW_TITLE} {stream.number + 1}"
    controls = run.controls
    try:
        cv2.imshow(title, drawn[:, :, ::-1])
        controls.press(cv2.waitKey(1) & 0xFF)
        while controls.is_paused and not controls.wants_quit:
            controls.press(cv2.waitKey(50) & 0xFF)
        if controls.wants_snapshot:
            run.say(f"wrote {save_snapshot(drawn, Path.cwd())}")
            controls.wants_snapshot = False
        if controls.wants_box:
            stream.engine.region = FixedRegion(_selected_box(title, drawn))
            stream.engine.reset()
            controls.wants_box = False
    except cv2.error as error:
        raise user_error(
            "display",
            f"cannot be used ({error.err or 'OpenCV without windows'})",
            fix="add --no-show",
        ) from None


def _selected_box(title: str, drawn: Picture) -> Box | None:
    """What the user drew; None, the whole picture, where nothing."""
    left, top, width, height = cv2.selectROI(title, drawn[:, :, ::-1], showCrosshair=False)
    picture_height, picture_width = drawn.shape[:2]
    if not width or not height:
        return None
    return Box(
        left / picture_width,
        top / picture_height,
        (left + width) / picture_width,
        (top + height) / picture_height,
    )
