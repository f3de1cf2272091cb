"""The opening of a demo run: model, sources, outputs and windows, in the order of their checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.calibration.personal import PERSONAL_IN_USE, read_personal
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.stream_models import StreamModel, as_stream_model
from action_recognition.errors import Problem, user_error
from action_recognition.live.decision import check_mirror
from action_recognition.live.decision_file import read_rules, rules_from
from action_recognition.live.decision_rules import DecisionRules
from action_recognition.live.demo_options import DemoOptions, check_options
from action_recognition.live.engine import EngineOptions, StreamEngine
from action_recognition.live.live_run import LiveRun, LiveStream
from action_recognition.live.outputs.event_server import HOST, EventServer
from action_recognition.live.outputs.events import EventFile
from action_recognition.live.outputs.keyboard import KEYS_HELP, Controls
from action_recognition.live.outputs.output_guard import OutputGuard
from action_recognition.live.outputs.prediction_table import PredictionTable
from action_recognition.live.outputs.reactions import Reactions, read_commands
from action_recognition.live.outputs.recording import VideoRecorder
from action_recognition.live.outputs.run_outputs import RunOutputs
from action_recognition.live.outputs.window import PictureWindow
from action_recognition.live.rare_messages import RareMessages
from action_recognition.live.regions import FixedRegion, Region
from action_recognition.live.sources.frame_sources import FrameSource, open_source
from action_recognition.live.sources.reader_thread import FrameReader, PlayedAtItsRate
from action_recognition.live.sources.retrying import Patience
from action_recognition.live.stop_signals import StopSignals

Say = Callable[[str], None]
WINDOW_TITLE = "gestures (q: quit)"
_WITHOUT_WINDOW = "add --no-show, with --output OUT.mp4 or --csv FILE to keep the result"


@dataclass
class OpenDemo:
    """Everything that a run of the demo works with."""

    streams: list[LiveStream]
    run: LiveRun
    outputs: RunOutputs
    # A window, a server or commands.
    has_other_outputs: bool
    # Of sources that failed during the run.
    problems: list[Problem] = field(default_factory=list)

    def is_for_nobody(self, console_guard: OutputGuard) -> bool:
        """Return True once every output has failed, or the messages if there was nothing else."""
        if self.has_other_outputs:
            return False
        return self.outputs.are_all_over if self.outputs.guards else console_guard.is_over


def open_demo(options: DemoOptions, say: Say, stop: StopSignals, stack: ExitStack) -> OpenDemo:
    """Open everything that a run needs. Closing `stack` closes it again.

    Raises UserError: options that contradict each other, no display, or a model, a source, a
    decision file, a list of commands or an output that cannot be used.
    """
    # The quick checks come first: loading a model takes seconds.
    check_options(options)
    windows = _new_windows(options)
    network = _load_network(options)
    rules = _rules(options, network)
    commands = read_commands(options.commands, network.metadata.labels) if options.commands else {}
    _introduce(options, network, say)
    if options.personal is not None:
        say(f"{options.personal}: {PERSONAL_IN_USE}")

    # What can happen again and again in a run of days.
    rarely = RareMessages(say).say
    streams = _open_streams(options, network, rules, rarely, stack)
    run = LiveRun(network.metadata, say, Controls(pick=options.pick))
    outputs = _open_outputs(run, options, streams, stop, stack)
    if commands:
        run.reactions = Reactions(commands, rarely)

    # The windows are registered last, so that they close first.
    if options.show:
        say(KEYS_HELP)
    for stream, window in zip(streams, windows, strict=False):
        stream.window = window
        stack.callback(window.close)
    has_others = options.show or options.serve is not None or bool(commands)
    return OpenDemo(streams, run, outputs, has_others)


def _rules(options: DemoOptions, network: StreamModel) -> DecisionRules:
    """Return the rules of `--decision` or `--personal`, or the default ones.

    They are checked against the labels of the model.
    """
    if options.personal is not None:
        labels = network.metadata.labels
        personal = read_personal(options.personal, options.model, labels)
        return rules_from(personal.decision, f"{options.personal}: decision", labels)
    if options.decision is None:
        return DecisionRules()
    return read_rules(options.decision, network.metadata.labels)


def _new_windows(options: DemoOptions) -> list[PictureWindow]:
    """Return a window for each source, or none with `--no-show`.

    A window opens with its first frame.
    """
    if not options.show:
        return []

    numbers = range(2, len(options.sources) + 1)
    titles = [WINDOW_TITLE, *(f"{WINDOW_TITLE} {number}" for number in numbers)]
    return [PictureWindow(title, _WITHOUT_WINDOW) for title in titles]


def _load_network(options: DemoOptions) -> StreamModel:
    """Load the model as a network over streams. With `--mirror`, check that it can be mirrored."""
    backend = load_backend(options.model, options.num_threads, "default", hint=options.best_hint)
    network = as_stream_model(backend, options.stride, options.model.parent, options.num_threads)
    if options.mirror:
        check_mirror(network.metadata)
    if options.hand_events and network.metadata.landmarks is None:
        found = "the model takes pictures, and follows no hands"
        raise user_error("--hand-events", found, "a model over hand landmarks", fix="leave it out")
    if options.detector is not None and network.metadata.landmarks is not None:
        # Places inside a box that moves would be no places.
        found = "finds people, and this model finds hands in the whole picture by itself"
        raise user_error("--detector", found, fix="leave it out")
    return network


def _introduce(options: DemoOptions, network: StreamModel, say: Say) -> None:
    """Print what the model is and how often it predicts."""
    metadata = network.metadata
    say(
        f"{options.model}: {len(metadata.labels)} labels, {metadata.model_input}; {network.runs_as}"
    )

    if metadata.landmarks is not None and network.mode == "window":
        seconds = metadata.clip_len / metadata.frame_rate_fps
        say(
            f"hands are tracked {metadata.landmarks.tracking_rate_fps:g} times a second; a window "
            f"of {seconds:g} s is scored again for every prediction"
        )
    elif network.mode == "window":
        say(
            f"the model keeps no state: a window of {metadata.clip_len} frames is scored again "
            "for every prediction"
        )
    else:
        say(f"the model keeps its state: a prediction every {network.frames_per_score} frames")


def _open_streams(
    options: DemoOptions, network: StreamModel, rules: DecisionRules, say: Say, stack: ExitStack
) -> list[LiveStream]:
    """Open every source and start to read it. The streams share the network."""
    streams = []
    for text in options.sources:
        # A region with its detector, and an engine with its memory, for each source alone.
        source = _open_source(text, options, network.metadata, say)
        region = _region(options, network.metadata)
        thresholds: Mapping[str, float] | None = None if options.personal is None else {}
        engine_options = EngineOptions(rules, options.mirror, thresholds=thresholds)
        engine = StreamEngine(network, region, engine_options, source.name, say)

        reader = FrameReader(source)
        stack.callback(reader.stop)
        stream = LiveStream(source, reader, engine)
        if options.hand_events:
            # Imported here, so that a run without hands starts faster.
            from action_recognition.live.hand_presence import HandPresence

            stream.presence = HandPresence(options.mirror)
        streams.append(stream)
    return streams


def _open_source(
    text: str, options: DemoOptions, metadata: DeployMetadata, say: Say
) -> FrameSource:
    """Open a source and print its rate. With `--realtime` a file is paced like a camera."""
    patience = Patience(say, options.give_up_s)
    source = open_source(text, metadata.frame_rate_fps, say, patience)
    if options.realtime and not source.is_live:
        source = PlayedAtItsRate(source)
    say(f"{source.name}: {source.frame_rate_fps:g} frames/s{', live' if source.is_live else ''}")
    return source


def _region(options: DemoOptions, metadata: DeployMetadata) -> Region:
    """Return the region of one stream: a box, the hands or persons of a detector, or the picture.

    A model that was trained on cut-out hands gets them cut out as in training.
    """
    if options.box is not None or (options.detector is None and not metadata.crop):
        return FixedRegion(options.box)

    # Imported here, so that a run without a detector starts faster.
    from action_recognition.detection.person_boxes import loaded_detector
    from action_recognition.live.hand_region import trained_region
    from action_recognition.live.tracking import TrackedRegion

    if metadata.crop:
        return trained_region(
            metadata, options.detector, "--detector", options.max_persons, options.num_threads
        )
    detector = loaded_detector(options.detector, "CPU", options.num_threads)
    return TrackedRegion(detector, options.max_persons)


def _open_outputs(
    run: LiveRun,
    options: DemoOptions,
    streams: Sequence[LiveStream],
    stop: StopSignals,
    stack: ExitStack,
) -> RunOutputs:
    """Open the files of the run and the event server, and tell the run of them."""
    outputs = RunOutputs(run.say)
    # At an error, too, what was recorded so far is kept.
    stack.callback(lambda: outputs.close(keep=run.num_frames > 0))
    if options.csv:
        run.add_row = outputs.add_table(PredictionTable(options.csv, run.metadata))
    if options.output:
        outputs.add_recording(VideoRecorder(options.output, streams[0].source.frame_rate_fps))

    # Each sink gets every event as a line of JSON.
    if options.serve is not None:
        server = EventServer(options.serve, RareMessages(run.say).say)
        stack.callback(server.close)
        run.say(f"events at ws://{HOST}:{server.port}")
        run.sinks.append(server.send)
    if options.keep_events:
        _keep_events(options.keep_events, streams, outputs, run, stack)
    if options.events:
        is_live = any(stream.source.is_live for stream in streams)
        file = EventFile(options.events, lambda: stop.is_asked, is_live)
        stack.callback(file.close)
        run.sinks.append(outputs.add_events(options.events, file))
    return outputs


def _keep_events(
    root: Path,
    streams: Sequence[LiveStream],
    outputs: RunOutputs,
    run: LiveRun,
    stack: ExitStack,
) -> None:
    """Let every stream keep films of its events below one folder."""
    # Imported here, since it needs the reader of photos.
    from action_recognition.live.outputs.event_clips import ClipFolders, EventClips

    guard, metadata = outputs.add_clips(root), run.metadata
    folders = ClipFolders(root, metadata.labels, metadata.negative_label, guard, run.say)
    stack.callback(folders.close)
    outputs.keep_clips(folders)
    for stream in streams:
        stream.clips = EventClips(folders)
