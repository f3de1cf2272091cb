"""Scores of a network along streams, kept on disk stream by stream.

So an interrupted run resumes, and other thresholds cost nothing.
"""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from action_recognition.console import say
from action_recognition.data.stream_files import AnnotatedStream
from action_recognition.deploy.stream_models import StreamModel
from action_recognition.evaluation.event_metrics import Gesture, Timeline
from action_recognition.evaluation.landmark_rows import LANDMARKS_SUFFIX, ScoredRows, landmark_rows
from action_recognition.files import sha256_of, write_atomically
from action_recognition.live.decision import GestureEvent, decide
from action_recognition.live.decision_rules import DecisionRules, Vocabulary
from action_recognition.live.engine import StepResult, StreamEngine
from action_recognition.live.regions import Region
from action_recognition.live.sources.frame_sources import open_source

SCORES_FOLDER = "stream_scores"
# Seconds around a cut in which nothing counts as a false alarm.
CUT_EDGE_S = 0.5


@dataclass(frozen=True)
class ScoredStream:
    """A stream with the network's predictions along it, one in each of R rows.

    `times_s` is (R,), `chances` are probabilities (R, C). `is_warm` (R,) is True where the network
    had seen enough to decide.
    """

    stream: AnnotatedStream
    timeline: Timeline
    times_s: npt.NDArray[np.float64]
    chances: npt.NDArray[np.float64]
    is_warm: npt.NDArray[np.bool_]

    def events(self, words: Vocabulary, rules: DecisionRules) -> list[GestureEvent]:
        """Return the events that the live engine decides with these rules."""
        # Cold rows are left out, as in the engine.
        rows = zip(self.times_s[self.is_warm].tolist(), self.chances[self.is_warm], strict=True)
        return decide(rows, words, rules)


class StoredScores:
    """Scores on disk, under a key of the model, the detector of hands, and the video.

    When one of these changes, the stream is scored again.
    """

    def __init__(self, folder: Path, weights: Path, hand_detector: Path | None = None) -> None:
        self._folder = folder
        # The topology and the weights of an IR are two files.
        files = [weights, *([weights.with_suffix(".bin")] if weights.suffix == ".xml" else [])]
        files += [hand_detector] if hand_detector else []

        # One key over all files that the scores depend on.
        sums = [bytes.fromhex(sha256_of(file)) for file in files if file.is_file()]
        self._model = hashlib.sha256(b"".join(sums)).hexdigest()

    def load(self, stream: AnnotatedStream) -> ScoredRows | None:
        """Return times, probabilities and warmth, or None where none are kept for this stream."""
        # A file that is absent or damaged means that the stream is scored again.
        try:
            with np.load(self._file(stream), allow_pickle=False) as kept:
                return kept["times_s"], kept["chances"], kept["is_warm"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, scored: ScoredStream) -> None:
        """Keep the scores of a stream."""
        arrays = {name: getattr(scored, name) for name in ("times_s", "chances", "is_warm")}
        # numpy appends .npz to a name without it.
        with write_atomically(self._file(scored.stream), keep_suffix=True) as partial:
            np.savez(partial, **arrays)

    def _file(self, stream: AnnotatedStream) -> Path:
        """Return the file of a stream. Its name changes with the model and the video."""
        state = stream.path.stat()
        key = f"{self._model} {stream.path.resolve()} {state.st_size} {state.st_mtime_ns}"
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / f"{stream.path.stem}_{digest[:16]}.npz"


def timeline_of(stream: AnnotatedStream) -> Timeline:
    """Return the stream's gestures, with half a second around every cut excluded."""
    gestures = tuple(Gesture(event.label, event.start_s, event.end_s) for event in stream.events)
    cuts = tuple((cut_s - CUT_EDGE_S, cut_s + CUT_EDGE_S) for cut_s in stream.cuts_s)
    return Timeline(stream.duration_s, gestures, cuts)


def score_streams(
    model: StreamModel, region: Region, streams: Sequence[AnnotatedStream], stored: StoredScores
) -> list[ScoredStream]:
    """Return the scores of all streams in order. Those of an earlier run are taken from disk.

    `region` is where the network looks. It is reset at the start of every stream. The time to go is
    estimated from the streams that this run has scored.
    """
    found = []
    start_s, done_s = time.monotonic(), 0.0
    for number, stream in enumerate(streams, start=1):
        kept = stored.load(stream)
        rows = _rows(model, region, stream) if kept is None else kept
        scored = ScoredStream(stream, timeline_of(stream), *rows)
        found.append(scored)

        told, rest = "kept from before", ""
        if kept is None:
            stored.save(scored)
            done_s += stream.duration_s
            to_do_s = sum(item.duration_s for item in streams[number:])
            told = f"{len(scored.times_s)} predictions"
            rest = _time_to_go(time.monotonic() - start_s, done_s, to_do_s)

        # A line for each stream, as soon as it is done.
        length = f"{stream.duration_s:.0f} s, {len(stream.events)} gestures"
        say(f"{number} of {len(streams)}: {stream.path.name}, {length}, {told}{rest}")
    return found


def _time_to_go(elapsed_s: float, done_s: float, to_do_s: float) -> str:
    """Return the estimate in words. `done_s` and `to_do_s` are seconds of video."""
    return f", {elapsed_s / done_s * to_do_s / 60:.0f} minutes to go" if to_do_s else ""


def _rows(model: StreamModel, region: Region, stream: AnnotatedStream) -> ScoredRows:
    """Run the network over every frame of a stream, with the engine of the demo.

    Raises UserError: the stream is landmarks, which the model does not take.
    """
    if stream.path.suffix == LANDMARKS_SUFFIX:
        return landmark_rows(model, stream)
    # The region may remember hands of the stream before.
    region.reset()
    engine = StreamEngine(model, region, name=str(stream.path), say=say)
    source = open_source(str(stream.path), model.metadata.frame_rate_fps)
    rows: list[StepResult] = []
    for frame in source.frames():
        rows += engine.push(frame)
    rows += engine.finish()

    times_s = np.array([row.scores.time_s for row in rows])
    chances = np.array([row.chances for row in rows]).reshape(len(rows), len(model.metadata.labels))
    return times_s, chances, np.array([row.is_warm for row in rows], bool)
