"""MS-ASL: from entries and a folder of videos to clips of one sign each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from action_recognition.data.annotation_lines import annotation_line
from action_recognition.data.dataset_files import SPLITS
from action_recognition.data.path_check import PathChecker
from action_recognition.data.video import VideoInfo, probe, set_decode_threads
from action_recognition.dataset_tools.checking.pool import map_apart
from action_recognition.dataset_tools.importing.found import FoundClip, Seconds
from action_recognition.dataset_tools.importing.media_index import MediaIndex
from action_recognition.dataset_tools.importing.placing import CannotPlace, place_clip
from action_recognition.dataset_tools.preparing.clip_files import (
    ClipCut,
    ClipForm,
    clip_path,
    write_clip,
)
from action_recognition.dataset_tools.preparing.cropping import Box, PictureSize, crop_rectangle
from action_recognition.dataset_tools.preparing.msasl_entries import MsaslAnnotation, SignEntry
from action_recognition.dataset_tools.preparing.prepared import CROPS_FOLDER, Prepared
from action_recognition.dataset_tools.preparing.trimming import (
    Span,
    sign_span,
    video_spans,
    without_overlaps,
)
from action_recognition.errors import UserError

_CUT_NAMES = ("{id}_{start}_{end}", "{id}_{start:06d}_{end:06d}")
_WHOLE_NAME = "{id}"
_SAME_RATE = 1e-3


@dataclass(frozen=True)
class MsaslOptions:
    """`num_classes`: only the first so many, None for all; `max_length` in frames at 30 fps, around a sign."""

    form: ClipForm = field(default_factory=ClipForm)
    max_length: int = 64
    num_classes: int | None = None
    jobs: int = 1


class SignTask(NamedTuple):
    """One sign of a file: `number` is its place in `entries`, which are all that is known of the file."""

    source: Path
    entries: tuple[SignEntry, ...]
    number: int
    is_cut: bool


class SignClip(NamedTuple):
    """What became of a sign: its path below the data root and its annotation line, or why there is none."""

    path: str
    line: str
    reason: str = ""


def prepare_msasl(
    annotation: MsaslAnnotation,
    videos: MediaIndex,
    output: Path,
    options: MsaslOptions,
    progress: Callable[[int, int], None],
) -> Prepared:
    """Write every clip that its video is there for; clips that are written already are kept."""
    num_classes = options.num_classes or len(annotation.classes)
    classes = annotation.classes[:num_classes]
    prepared = Prepared(output / CROPS_FOLDER, classes, left_out=list(annotation.left_out))
    prepared.wanted += [(split, label) for split, label in annotation.lost if label in set(classes)]
    tasks = _tasks(annotation, videos, num_classes, prepared)
    work = functools.partial(prepare_sign, root=prepared.data_root, options=options)
    for done, (task, clip) in enumerate(
        map_apart(work, tasks, options.jobs, _brought_down), start=1
    ):
        progress(done, len(tasks))
        _add_clip(prepared, task.entries[task.number], clip)
    prepared.sort()
    return prepared


def _tasks(
    annotation: MsaslAnnotation, videos: MediaIndex, num_classes: int, prepared: Prepared
) -> list[SignTask]:
    """What is to be written; entries without a file are left out."""
    tasks = []
    checker = PathChecker(videos.root)
    for video, entries in annotation.by_video().items():
        wanted = [number for number, entry in enumerate(entries) if entry.label < num_classes]
        prepared.wanted += [
            (entries[number].split, annotation.classes[entries[number].label]) for number in wanted
        ]
        for number in wanted:
            entry = entries[number]
            match = videos.find(
                (*_CUT_NAMES, _WHOLE_NAME), id=video, start=entry.start, end=entry.end
            )
            problem = match.problem or checker.check(match.path)[1]
            if problem:
                prepared.leave_out(entry.where, match.path, problem)
            else:
                tasks.append(
                    SignTask(
                        videos.root / match.path,
                        tuple(entries),
                        number,
                        is_cut=match.pattern != _WHOLE_NAME,
                    )
                )
    return tasks


def _brought_down(task: SignTask) -> SignClip:
    return SignClip(
        "", "", f"{task.source.name} brings the decoder down; convert it again (ffmpeg)"
    )


def prepare_sign(task: SignTask, root: Path, options: MsaslOptions) -> SignClip:
    """Write the clip of a sign below `root`; runs in a process of its own."""
    if options.jobs > 1:
        set_decode_threads(1)  # the processes are the parallel part
    try:
        info = probe(task.source)
        return _write(
            task, plan_signs(task, info, options.max_length)[task.number], info, root, options.form
        )
    except UserError as error:
        return SignClip("", "", error.problems[0].found)


class PlannedSign(NamedTuple):
    """Where a sign lies in its file, and the part of it that belongs to its clip, at `frame_rate_fps`; or why it cannot be used."""

    sign: Span = (0, 0)
    video: Span = (0, 0)
    frame_rate_fps: float = 0.0
    problem: str = ""


def plan_signs(task: SignTask, info: VideoInfo, max_length: int) -> dict[int, PlannedSign]:
    """The place of every sign of a file, by its number; neighbours that are not written bound the others too.

    Frames are those of the file: where it was downloaded at another rate than the annotation's, times decide.
    """
    plans: dict[int, PlannedSign] = {}
    placed: list[tuple[int, Span, float]] = []
    for number, entry in enumerate(task.entries):
        if task.is_cut and number != task.number:
            continue
        try:
            annotated, rate = _placed(entry, info, task.is_cut)
        except CannotPlace as error:
            plans[number] = PlannedSign(problem=str(error))
            continue
        placed.append((number, sign_span(annotated, rate), rate))
    placed.sort(key=lambda item: item[1])
    kept = []
    for (number, _, rate), span in zip(
        placed, without_overlaps([span for _, span, _ in placed]), strict=True
    ):
        if span is None:
            plans[number] = PlannedSign(
                problem="nothing is left of its time when the next sign of the video begins"
            )
        else:
            kept.append((number, span, rate))
    if kept:
        videos = video_spans([span for _, span, _ in kept], info.num_frames, kept[0][2], max_length)
        plans |= {
            number: PlannedSign(span, video, rate)
            for (number, span, rate), video in zip(kept, videos, strict=True)
        }
    return plans


def _placed(entry: SignEntry, info: VideoInfo, is_cut: bool) -> tuple[Span, float]:
    """The annotated time in frames of the file, and its rate: the annotation's where the two are nearly the same."""
    rate = info.frame_rate_fps or entry.frame_rate_fps
    span = (
        None
        if is_cut
        else Seconds(entry.start / entry.frame_rate_fps, entry.end / entry.frame_rate_fps)
    )
    clip = FoundClip(
        path=entry.video,
        label="",
        where=entry.where,
        span=span,
        frame_rate_fps=entry.frame_rate_fps,
    )
    numbers, _ = place_clip(clip, info, None)
    assert numbers is not None
    is_same = abs(rate - entry.frame_rate_fps) <= _SAME_RATE * rate
    return (numbers[0], numbers[1]), entry.frame_rate_fps if is_same else rate


def _write(
    task: SignTask, plan: PlannedSign, info: VideoInfo, root: Path, form: ClipForm
) -> SignClip:
    entry = task.entries[task.number]
    if plan.problem:
        return SignClip("", "", plan.problem)
    picture = PictureSize(info.height, info.width)
    corners = entry.box
    box = Box(
        corners.x_min * info.width,
        corners.y_min * info.height,
        corners.x_max * info.width,
        corners.y_max * info.height,
    )
    rectangle = crop_rectangle(box, picture, form.size, form.scale)
    if rectangle is None:
        return SignClip(
            "",
            "",
            f"its box {list(box)} holds no pixel of the picture ({info.width}x{info.height})",
        )
    path = clip_path(f"{entry.video}/clip_{task.number:04d}", form)
    start, end = plan.video
    line = annotation_line(
        path,
        str(entry.label),
        (plan.sign[0] - start, plan.sign[1] - start, 0, end - start, plan.frame_rate_fps),
    )
    assert line is not None  # the id of a video holds no blank
    write_clip(
        ClipCut(task.source, plan.video, picture, rectangle, plan.frame_rate_fps), root / path, form
    )
    return SignClip(path, line)


def _add_clip(prepared: Prepared, entry: SignEntry, clip: SignClip) -> None:
    if clip.reason:
        prepared.leave_out(entry.where, entry.video, clip.reason)
        return
    label = prepared.classes[entry.label]
    found = FoundClip(
        path=clip.path, label=label, where=entry.where, split=entry.split, person=entry.signer
    )
    prepared.clips[entry.split].append((found, clip.line))


def subset(prepared: Prepared, num_classes: int) -> Prepared:
    """The clips of the first classes; what was left out stays that of all classes, and a warning says so where there are more."""
    classes = prepared.classes[:num_classes]
    among = set(classes)
    clips = {
        split: [item for item in prepared.clips[split] if item[0].label in among]
        for split in SPLITS
    }
    wanted = [(split, label) for split, label in prepared.wanted if label in among]
    more = len(prepared.classes)
    warnings = (
        [f"what was left out is listed for {more} classes, not {num_classes}"]
        if more > num_classes and prepared.left_out
        else []
    )
    return Prepared(prepared.data_root, classes, clips, wanted, prepared.left_out, warnings)
