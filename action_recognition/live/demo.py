"""A demo run: recognise gestures in sources, then show, record, list, send and sum them up."""

from __future__ import annotations

import ctypes
import gc
import signal
import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from action_recognition import console
from action_recognition.deploy.stream_models import Picture
from action_recognition.errors import UserError, disk_reason, user_error
from action_recognition.live.demo_options import DemoOptions as DemoOptions
from action_recognition.live.demo_setup import OpenDemo, Say, open_demo
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.live_run import DemoSummary, LiveRun, LiveStream
from action_recognition.live.outputs.drawing import draw_live, mirrored_box
from action_recognition.live.outputs.events import STDOUT
from action_recognition.live.outputs.keyboard import save_snapshot
from action_recognition.live.outputs.output_guard import OutputGuard
from action_recognition.live.outputs.window import PictureWindow
from action_recognition.live.regions import FixedRegion
from action_recognition.live.stop_signals import StopSignals

# The time to wait for a frame while other sources or the keys of a window wait too.
_POLL_S = 0.05
# The time to wait for a key in a pause.
_PAUSE_POLL_MS = 50
# Signals are looked at so often.
_ALONE_POLL_S = 0.25

NewFrame = tuple[LiveStream, TimedFrame]


def run_demo(options: DemoOptions, say: Say | None = None) -> DemoSummary:
    """Recognise until the sources end, the user quits or a signal comes. Keep what was recorded.

    Raises UserError: a model or source that cannot be used, an output that would overwrite an
    input, no display to show on, or not a single frame from any source. Also at the end of a run
    that went on without a damaged source or a full output. Raises Terminated after SIGTERM and
    SIGHUP, BrokenPipeError where the reader of an output has gone.
    """
    try:
        return _run(options, say)
    finally:
        _give_memory_back()


def _run(options: DemoOptions, say: Say | None) -> DemoSummary:
    console_guard = OutputGuard("messages", lambda _: None)
    say = console_guard.around(say or _say_beside_events(options))
    with StopSignals() as stop, ExitStack() as stack:
        demo = open_demo(options, say, stop, stack)
        stop.begin()
        try:
            _recognise(demo, stop, console_guard)
        except KeyboardInterrupt:
            stop.signum = signal.SIGINT
        if stop.is_asked:
            say("interrupted; everything recognised so far is kept")

        has_frames = demo.run.num_frames > 0
        demo.outputs.close(keep=has_frames)
        if has_frames:
            _report(demo)
        _raise_what_went_wrong(demo, stop, console_guard)
        return demo.run.summary(demo.streams)


def _give_memory_back() -> None:
    """Free what only refers to itself, and return free memory to the system.

    Every thread that read a source had a heap of its own.

    Otherwise a program that runs the demo again and again would seem to grow.
    """
    gc.collect()
    # Only glibc keeps such heaps, and has this call.
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _raise_what_went_wrong(demo: OpenDemo, stop: StopSignals, console_guard: OutputGuard) -> None:
    """Raise what the exit code of a run has to tell, if there is anything."""
    problems = [*demo.problems, *demo.outputs.problems, *console_guard.problems]
    if problems:
        raise UserError(dict.fromkeys(problems))

    stop.raise_if_terminated()
    if demo.outputs.have_lost_reader or console_guard.lost_reader:
        raise BrokenPipeError
    if not demo.run.num_frames and not stop.is_asked:
        raise user_error(demo.streams[0].source.name, "gave no frame")


def _say_beside_events(options: DemoOptions) -> Say:
    """Return how to print a message. Standard output is left to the events that go there."""
    if options.events == STDOUT:
        return partial(print, file=sys.stderr, flush=True)
    return console.say


def _recognise(demo: OpenDemo, stop: StopSignals, console_guard: OutputGuard) -> None:
    """Process frames of all streams in turn until the last one has ended or the user quits."""
    run, going = demo.run, list(demo.streams)
    # Several sources must not wait long for each other, nor a window for its keys.
    wait_s = _POLL_S if len(going) > 1 or going[0].window else _ALONE_POLL_S

    while going and not run.controls.wants_quit and not stop.is_asked:
        if demo.is_for_nobody(console_guard):
            return
        frames = _next_frames(going, demo, wait_s)
        run.take(frames)
        for stream, frame in frames:
            _put_out(demo, stream, frame, stop)

        # Showing a frame asks for keys. The windows without a new frame are asked here.
        for stream in demo.streams:
            if stream.window and all(stream is not shown for shown, _ in frames):
                run.controls.press(stream.window.key())


def _next_frames(going: list[LiveStream], demo: OpenDemo, wait_s: float) -> list[NewFrame]:
    """Return the next frame of each stream that has one. Remove streams that ended from `going`.

    A source that fails ends like one that is over, and the others go on.
    """
    frames: list[NewFrame] = []
    for stream in list(going):
        try:
            frame = stream.reader.get(wait_s)
        except TimeoutError:
            demo.run.stalled(stream)
            continue
        except UserError as error:
            demo.problems += error.problems
            frame = None

        if frame is not None:
            frames.append((stream, frame))
        else:
            demo.run.ended(stream)
            going.remove(stream)
    return frames


def _put_out(demo: OpenDemo, stream: LiveStream, frame: TimedFrame, stop: StopSignals) -> None:
    """Draw what was recognised over a frame, then record and show it."""
    record = demo.outputs.record
    if record is None and stream.window is None:
        return

    run = demo.run
    drawn = draw_live(frame.picture, run.view(stream), run.metadata, frame.time_s)
    if record:
        record(drawn, frame.time_s)
    if stream.window:
        _show(stream.window, drawn, stream, run, stop)


def _show(
    window: PictureWindow, drawn: Picture, stream: LiveStream, run: LiveRun, stop: StopSignals
) -> None:
    """Show an RGB picture and do what the keys ask for. A pause lasts until space or `q`."""
    controls = run.controls
    is_mirrored = controls.is_mirrored
    controls.press(window.show(drawn))
    while controls.is_paused and not controls.wants_quit and not stop.is_asked:
        controls.press(window.key(_PAUSE_POLL_MS))

    if controls.denies_event:
        run.deny()
        controls.denies_event = False
    if controls.wants_snapshot:
        _save_snapshot(drawn, run)
        controls.wants_snapshot = False
    if controls.wants_box:
        box = window.select_box(drawn)
        stream.engine.region = FixedRegion(mirrored_box(box) if box and is_mirrored else box)
        stream.engine.reset()
        controls.wants_box = False


def _save_snapshot(drawn: Picture, run: LiveRun) -> None:
    """Write a picture into the current folder. A full disk does not end the run."""
    try:
        run.say(f"wrote {save_snapshot(drawn, Path.cwd())}")
    except (OSError, UserError) as error:
        reason = disk_reason(error) if isinstance(error, OSError) else error
        run.say(f"the snapshot could not be written: {reason}")


def _report(demo: OpenDemo) -> None:
    """Print the files that were written and the summary."""
    demo.outputs.report()
    demo.run.say(str(demo.run.summary(demo.streams)))
