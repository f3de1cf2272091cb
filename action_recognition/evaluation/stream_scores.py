"""What a network says along streams, kept on disk stream by stream: an interrupted run goes on, and other thresholds cost nothing."""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from action_recognition.data.stream_files import AnnotatedStream
from action_recognition.deploy.stream_models import StreamModel
from action_recognition.evaluation.event_metrics import Gesture, Timeline
from action_recognition.live.decision import DecisionRules, GestureEvent, Vocabulary, decide
from action_recognition.live.engine import StepResult, StreamEngine
from action_recognition.live.regions import Region
from action_recognition.live.sources.frame_sources import open_source

SCORES_FOLDER = "stream_scores"
CUT_EDGE_S = 0.5


@dataclass(frozen=True)
class ScoredStream:
    """A stream and what the network said along it: `times_s` (R,), probabilities (R, C), and whether it had seen enough to decide (R,)."""

    stream: AnnotatedStream
    timeline: Timeline
    times_s: npt.NDArray[np.float64]
    chances: npt.NDArray[np.float64]
    is_warm: npt.NDArray[np.bool_]

    def events(self, words: Vocabulary, rules: DecisionRules) -> list[GestureEvent]:
        """As the live engine decides them."""
        rows = zip(self.times_s[self.is_warm].tolist(), self.chances[self.is_warm], strict=True)
        return decide(rows, words, rules)


class StoredScores:
    """Scores of streams by the model, the detector of hands and the video that they are of; a changed one of them is scored anew."""

    def __init__(self, folder: Path, weights: Path, hand_detector: Path | None = None) -> None:
        self._folder = folder
        # The topology and the weights of an IR are two files.
        files = [
            weights,
            *([weights.with_suffix(".bin")] if weights.suffix == ".xml" else []),
            *([hand_detector] if hand_detector else []),
        ]
        self._model = hashlib.sha256(
            b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files if file.is_file())
        ).hexdigest()

    def load(
        self, stream: AnnotatedStream
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]] | None:
        """Times, probabilities and warmth, or None where nothing fitting is kept."""
        try:
            with np.load(self._file(stream), allow_pickle=False) as kept:
                return kept["times_s"], kept["chances"], kept["is_warm"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, scored: ScoredStream) -> None:
        """Written beside, then renamed."""
        file = self._file(scored.stream)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}")
        np.savez(partial, times_s=scored.times_s, chances=scored.chances, is_warm=scored.is_warm)
        partial.replace(file)

    def _file(self, stream: AnnotatedStream) -> Path:
        state = stream.path.stat()
        key = f"{self._model} {stream.path.resolve()} {state.st_size} {state.st_mtime_ns}"
        return (
            self._folder / f"{stream.path.stem}_{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
        )


def timeline_of(stream: AnnotatedStream) -> Timeline:
    """The stream's gestures; half a second around every cut is excluded."""
    gestures = tuple(Gesture(event.label, event.start_s, event.end_s) for event in stream.events)
    return Timeline(
        stream.duration_s,
        gestures,
        tuple((cut_s - CUT_EDGE_S, cut_s + CUT_EDGE_S) for cut_s in stream.cuts_s),
    )


def score_streams(
    model: StreamModel,
    region: Region,
    streams: Sequence[AnnotatedStream],
    stored: StoredScores,
    say: Callable[[str], None],
) -> list[ScoredStream]:
    """All streams in order; what is kept of an earlier run is taken. The end is estimated from what was done of this one.

    `region` is where the network looks; it starts anew with every stream.
    """
    found = []
    start_s, done_s = time.monotonic(), 0.0
    for number, stream in enumerate(streams, start=1):
        kept = stored.load(stream)
        scored = ScoredStream(
            stream, timeline_of(stream), *(kept or _rows(model, region, stream, say))
        )
        found.append(scored)
        rest = ""
        if kept is None:
            stored.save(scored)
            done_s += stream.duration_s
            to_do_s = sum(item.duration_s for item in streams[number:])
            rest = (
                f", {(time.monotonic() - start_s) / done_s * to_do_s / 60:.0f} minutes to go"
                if to_do_s
                else ""
            )
        told = "kept from before" if kept is not None else f"{len(scored.times_s)} predictions"
        say(
            f"{number} of {len(streams)}: {stream.path.name}, {stream.duration_s:.0f} s, {len(stream.events)} gestures, {told}{rest}"
        )
    return found


def _rows(
    model: StreamModel, region: Region, stream: AnnotatedStream, say: Callable[[str], None]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The network over every frame of a stream, by the engine of the demo."""
    region.reset()
    engine = StreamEngine(model, region, name=str(stream.path), say=say)
    source = open_source(str(stream.path), model.metadata.frame_rate_fps)
    rows: list[StepResult] = []
    for frame in source.frames():
        rows += engine.push(frame)
    rows += engine.finish()
    chances = np.array([row.chances for row in rows]).reshape(len(rows), len(model.metadata.labels))
    return (
        np.array([row.scores.time_s for row in rows]),
        chances,
        np.array([row.is_warm for row in rows], bool),
    )
