"""Run a model over one source: show, record, list and sum up what it recognises."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2

from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.drawing import draw_prediction
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.recording import PredictionTable, VideoRecorder
from action_recognition.deploy.sources import open_source
from action_recognition.deploy.streaming import Picture, WindowScores
from action_recognition.deploy.streaming.engine import StreamEngine
from action_recognition.deploy.streams import as_stream_model
from action_recognition.errors import user_error

WINDOW_TITLE = "gestures (q: quit)"


@dataclass(frozen=True)
class DemoOptions:
    """What `demo.py` was asked for; `source` is a path or a camera number."""

    model: Path
    source: str
    output: Path | None = None
    csv: Path | None = None
    show: bool = True
    stride: int = 4
    num_threads: int | None = None


@dataclass(frozen=True)
class DemoSummary:
    """What a run did: source frames, windows scored, median time of an inference, source frames processed per second."""

    num_frames: int
    num_windows: int
    inference_ms: float
    frames_per_s: float

    def __str__(self) -> str:
        return (
            f"{self.num_frames} frames, {self.num_windows} windows, {self.inference_ms:.1f} ms per inference (median), "
            f"{self.frames_per_s:.1f} frames/s"
        )


def run_demo(options: DemoOptions, say: Callable[[str], None] = print) -> DemoSummary:
    """Recognise until the source ends, `q` is pressed or Ctrl-C; what was recorded until then is kept.

    Errors: a model or source that cannot be used, an output that would overwrite the input, no display to show on.
    """
    _check(options)
    backend = load_backend(options.model, options.num_threads, precision="default")
    metadata = backend.metadata
    source = open_source(options.source, metadata.frame_rate_fps)
    say(f"{options.model}: {len(metadata.labels)} labels, {metadata.model_input}; {backend.runs_as}")
    say(f"{source.name}: {source.frame_rate_fps:g} frames/s, a window of {metadata.clip_len} every {options.stride} model frames")
    run = _Run(metadata, say)
    with ExitStack() as stack:
        recorder = stack.enter_context(_recording(options.output, source.frame_rate_fps)) if options.output else None
        if options.show:
            stack.callback(_close_windows)
        try:
            engine = StreamEngine(as_stream_model(backend, options.stride), name=source.name, say=say)
            for frame in source.frames():
                run.num_frames += 1
                run.take([result.scores for result in engine.push(frame)])
                if recorder or options.show:
                    drawn = draw_prediction(frame.picture, run.latest, metadata, frame.time_s)
                    if recorder:
                        recorder.write(drawn, frame.time_s)
                    if options.show and not _show(drawn):
                        break
            run.take([result.scores for result in engine.finish()])
        except KeyboardInterrupt:
            say("interrupted; what was recognised so far is kept")
    if not run.num_frames:
        raise user_error(source.name, "gave no frame")
    return _finish(run, options, say)


class _Run:
    """What a run has seen so far."""

    def __init__(self, metadata: DeployMetadata, say: Callable[[str], None]) -> None:
        self.latest: WindowScores | None = None
        self.num_frames = 0
        self.inference_ms: list[float] = []
        self.table = PredictionTable(metadata)
        self.start_s = time.perf_counter()
        self._metadata = metadata
        self._say = say
        self._said = -1

    def take(self, predictions: list[WindowScores]) -> None:
        """Count what came with a source frame; a change of the best label is said."""
        for prediction in predictions:
            self._take(prediction)

    def _take(self, prediction: WindowScores) -> None:
        self.latest = prediction
        self.table.add(prediction)
        self.inference_ms.append(prediction.inference_ms)
        best = prediction.top(1)[0]
        if best != self._said:
            self._say(f"{prediction.time_s:8.2f} s  {self._metadata.labels[best]} ({prediction.scores[best]:+.3f})")
            self._said = best

    def summary(self) -> DemoSummary:
        elapsed_s = time.perf_counter() - self.start_s
        median = statistics.median(self.inference_ms) if self.inference_ms else 0.0
        return DemoSummary(self.num_frames, len(self.inference_ms), median, self.num_frames / elapsed_s)


def _finish(run: _Run, options: DemoOptions, say: Callable[[str], None]) -> DemoSummary:
    if options.csv:
        run.table.save(options.csv)
    for path in (options.output, options.csv):
        if path:
            say(f"wrote {path}")
    summary = run.summary()
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
    source = Path(options.source)
    for flag, path in (("--output", options.output), ("--csv", options.csv)):
        if path is not None and source.exists() and path.resolve() == source.resolve():
            raise user_error(flag, f"{path} is the input", fix="name another file")
        if path is not None and path.is_dir():
            raise user_error(flag, f"{path} is a folder", fix="name a file in it")
    # Checked before OpenCV is asked: its window library ends the process where there is no display.
    if options.show and sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise user_error("display", "there is none to show on", fix="add --no-show, with --output OUT.mp4 or --csv FILE to keep the result")


def _close_windows() -> None:
    with suppress(cv2.error):  # an OpenCV without windows; `_show` has said so
        cv2.destroyAllWindows()


def _show(drawn: Picture) -> bool:
    """Show an RGB picture; False when the user pressed `q`."""
    try:
        cv2.imshow(WINDOW_TITLE, drawn[:, :, ::-1])
        return cv2.waitKey(1) & 0xFF != ord("q")
    except cv2.error as error:
        raise user_error("display", f"cannot be used ({error.err or 'OpenCV without windows'})", fix="add --no-show") from None
