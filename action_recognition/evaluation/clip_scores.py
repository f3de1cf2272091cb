"""Scores of annotated clips: one centre clip each, as published figures are measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.batches import Batch
from action_recognition.data.clip_orders import ShareSampler
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.hand_crops import hand_frames
from action_recognition.data.landmarks.datasets import LandmarkDataset
from action_recognition.data.landmarks.stream_dataset import AnyClipDataset
from action_recognition.data.landmarks.tracking import tracked_store
from action_recognition.data.loading.loader import dead_workers_told, make_loader
from action_recognition.deploy.backends import Backend
from action_recognition.deploy.backends.finite_values import UselessScores
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import UserError, user_error
from action_recognition.json_files import parse_json
from action_recognition.template import ClipInput, LandmarkInput

# Clips that a backend gets at once.
_BATCH_SIZE = 4


@dataclass(frozen=True)
class ScoredClips:
    """Cosines (N, C) of the N clips that could be read, and messages about those that could not."""

    records: Sequence[ClipRecord]
    scores: npt.NDArray[np.float32]
    damaged: list[str]

    @property
    def truth(self) -> npt.NDArray[np.integer]:
        """Return the label number of each clip: (N,)."""
        return np.array([record.label for record in self.records])


@dead_workers_told()
def score_clips(
    backend: Backend,
    records: Sequence[ClipRecord],
    num_workers: int,
    strict: bool,
    flag: str = "--test-ann-files",
    hand_detector: Path | None = None,
) -> ScoredClips:
    """Return the cosines of the centre clip of every record, in the order of the records.

    `flag` is the one that named the clips. A model that sees only hands needs `hand_detector`.

    Errors: none of the clips can be read, or, with `strict`, one cannot.
    """
    scores: dict[int, npt.NDArray[np.float32]] = {}
    damaged: list[str] = []
    for batch in centre_clips(records, backend.metadata, num_workers, strict, hand_detector):
        damaged += [clip.message for clip in batch.damaged]

        # A batch is empty where all of its clips are damaged.
        if len(batch.labels):
            rows = _scores_of(backend, batch, records)
            scores.update(zip(batch.indices.tolist(), rows, strict=True))
    if not scores:
        raise none_could_be_read(flag)

    # Batches hold the clips that could be read: back to the order of the records.
    kept = sorted(scores)
    return ScoredClips([records[i] for i in kept], np.stack([scores[i] for i in kept]), damaged)


def _scores_of(
    backend: Backend, batch: Batch, records: Sequence[ClipRecord]
) -> npt.NDArray[np.float32]:
    """Score a batch. Raises UserError that names the first clip whose scores are no numbers."""
    clips = batch.clips.numpy()
    try:
        return backend.scores(clips)
    except UselessScores as error:
        for clip, index in zip(clips, batch.indices.tolist(), strict=True):
            try:
                backend.scores(clip[None])
            except UselessScores:
                (problem,) = error.problems
                where = f"{records[index].line}: {records[index].path}"
                found = f"{problem.where} {problem.found} for this clip"
                raise user_error(where, found, fix=problem.fix) from None
        raise


def centre_clips(
    records: Sequence[ClipRecord],
    metadata: DeployMetadata,
    num_workers: int,
    strict: bool,
    hand_detector: Path | None = None,
    title: str = "evaluating",
) -> Iterator[Batch]:
    """Yield the centre clip of every record in batches, with a progress bar on a terminal.

    Damaged clips are named on stderr as they come. With `strict` the first one is an error.
    """
    dataset = _centre_dataset(records, metadata, hand_detector)
    if metadata.landmarks is not None:
        # Landmarks are tracked already. Starting processes takes longer than reading them.
        num_workers = 0
    loader = make_loader(dataset, _BATCH_SIZE, ShareSampler(len(dataset)), num_workers)

    # A log file gets no progress bar.
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stdout.isatty(), transient=True) as progress:
        task = progress.add_task("", total=len(records))
        with dead_workers_told():
            for batch in loader:
                _name_damaged(batch, strict)
                yield batch
                progress.advance(task, len(batch.labels) + len(batch.damaged))


def _centre_dataset(
    records: Sequence[ClipRecord], metadata: DeployMetadata, hand_detector: Path | None
) -> AnyClipDataset:
    """Return the clips as the model takes them: landmarks, frames, or cut-out hands."""
    if metadata.landmarks is not None:
        landmarks = landmark_input(metadata)
        store = tracked_store(landmarks.tracking_rate_fps, records)
        return LandmarkDataset(records, landmarks, store)
    # Clips of a model that sees only hands are cropped around them.
    frames = hand_frames(hand_detector, records) if metadata.crop else None
    return ClipDataset(records, clip_input(metadata), source=frames)


def _name_damaged(batch: Batch, strict: bool) -> None:
    for clip in batch.damaged:
        if strict:
            raise user_error("--strict", f"a clip could not be read: {clip.message}")
        print(f"skipped: {clip.message}", file=sys.stderr, flush=True)


def clip_input(metadata: DeployMetadata) -> ClipInput:
    """Return the model's input in the terms of a template.

    It is what the model itself states, whatever the work dir says.
    """
    return ClipInput(
        clip_len=metadata.clip_len,
        frame_rate_fps=metadata.frame_rate_fps,
        resize_short_side=metadata.resize.short_side,
        crop_size=metadata.resize.crop_size,
        crop=metadata.crop or None,
        mean_values=list(metadata.mean_values),
        scale_values=list(metadata.scale_values),
    )


def landmark_input(metadata: DeployMetadata) -> LandmarkInput:
    """Return the input of a model of landmarks in the terms of a template."""
    assert metadata.landmarks is not None
    return LandmarkInput(
        kind="landmarks",
        clip_len=metadata.clip_len,
        frame_rate_fps=metadata.frame_rate_fps,
        tracking_rate_fps=metadata.landmarks.tracking_rate_fps,
    )


def none_could_be_read(flag: str) -> UserError:
    """Return the error to raise where no clip is left of those that `flag` names."""
    return user_error(flag, "none of the clips could be read", fix="see the messages above")


def check_class_list(ann_files: Sequence[Path], roots: Sequence[Path], labels: list[str]) -> None:
    """Check that every classes.json beside the annotation files or clips holds `labels`.

    A number in an annotation means a position in that file, so the file must list the model's
    labels in their order.
    """
    for folder in dict.fromkeys([*(path.parent for path in ann_files), *roots]):
        path = folder / "classes.json"
        if path.is_file():
            _check_names(path, _read_names(path), labels)


def _read_names(path: Path) -> Any:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        raise user_error(str(path), "is not a JSON list of class names") from None


def _check_names(path: Path, names: Any, labels: list[str]) -> None:
    if names != labels:
        counts = f"{len(names)} against {len(labels)}"
        raise user_error(
            str(path),
            f"its classes are not the model's ({counts}, or another order)",
            ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else ""),
            "evaluate on clips annotated with the labels that the model was trained with",
        )
