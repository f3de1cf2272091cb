"""Preparation of Jester: CSVs and frame folders become clips that are cropped to the person."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from action_recognition.data.annotation_lines import annotation_line
from action_recognition.data.path_check import PathChecker
from action_recognition.data.video import VideoInfo, probe, read_frames, set_decode_threads
from action_recognition.dataset_tools.importing.found import Found, FoundClip
from action_recognition.dataset_tools.importing.placing import place_clip
from action_recognition.dataset_tools.preparing.clip_files import (
    ClipCut,
    ClipForm,
    clip_path,
    is_whole,
    write_clip,
)
from action_recognition.dataset_tools.preparing.cropping import (
    Box,
    PictureSize,
    Rectangle,
    crop_rectangle,
)
from action_recognition.dataset_tools.preparing.prepared import (
    CROPS_FOLDER,
    Prepared,
    PreparedClip,
)
from action_recognition.detection.person_boxes import clip_box, loaded_detector
from action_recognition.errors import UserError
from action_recognition.worker_pool import map_apart

WITHOUT_DETECTOR = (
    "no detector was given, so whole pictures were resized, which the original crops to the person"
)
NO_GESTURE = "No gesture"  # one of the 27 classes
VAL_IS_TEST = "the labels of the test part are not public: measure on val.txt, as the original did"


@dataclass(frozen=True)
class JesterOptions:
    """Options of preparing Jester.

    `detector` is None for whole pictures. It sees `num_looked_at` frames of each clip.
    """

    form: ClipForm = field(default_factory=lambda: ClipForm(image_name="{:05d}.jpg"))
    detector: Path | None = None
    device: str = "CPU"
    num_looked_at: int = 10
    jobs: int = 1


def prepare_jester(
    found: Found, output: Path, options: JesterOptions, progress: Callable[[int, int], None]
) -> Prepared:
    """Write all clips found in Jester's CSVs and folders. Clips already written are kept.

    The order of the labels is that of `*labels.csv`. A clip without a visible person is left out.
    """
    # Clips that cannot be used are left out before any is opened.
    prepared = _without_clips(found, output, options)
    tasks = _sound(found.clips, found.data_root, prepared)
    prepared.wanted += [(clip.split, clip.label) for clip in tasks if clip.split is not None]

    work = functools.partial(
        prepare_clip,
        labels={name: number for number, name in enumerate(prepared.classes)},
        roots=(found.data_root, prepared.data_root),
        options=options,
        rate=found.folder_rate_fps,
    )
    results = map_apart(work, tasks, options.jobs, _brought_down)
    for done, (clip, result) in enumerate(results, start=1):
        progress(done, len(tasks))
        _add_clip(prepared, clip, result)
    prepared.sort()
    return prepared


def _without_clips(found: Found, output: Path, options: JesterOptions) -> Prepared:
    """Return the classes and the warnings, without clips so far."""
    if found.classes is not None:
        classes = list(found.classes)
    else:
        classes = sorted({clip.label for clip in found.clips})

    return Prepared(
        output / CROPS_FOLDER,
        classes,
        left_out=list(found.left_out),
        warnings=[*found.warnings, VAL_IS_TEST, *([] if options.detector else [WITHOUT_DETECTOR])],
        negative_label=NO_GESTURE if NO_GESTURE in classes else None,
    )


def _add_clip(prepared: Prepared, clip: FoundClip, result: PreparedClip) -> None:
    """Add a clip that was written, or leave it out with its reason."""
    if result.reason or clip.split is None:
        prepared.leave_out(clip.where, clip.path, result.reason)
        return
    new = FoundClip(path=result.path, label=clip.label, where=clip.where, split=clip.split)
    prepared.clips[clip.split].append((new, result.line))


def _sound(clips: list[FoundClip], root: Path, prepared: Prepared) -> list[FoundClip]:
    """Return the clips that have a class, a split and a path below the root. Leave the others out.

    Of two clips with one path, the first is returned.
    """
    checker = PathChecker(root)
    seen: dict[str, str] = {}
    sound = []
    for clip in clips:
        problem = _problem(clip, prepared.classes, seen, checker.check(clip.path)[1])
        if problem:
            prepared.leave_out(clip.where, clip.path, problem)
        else:
            seen[clip.path] = clip.where
            sound.append(clip)
    return sound


def _problem(clip: FoundClip, classes: list[str], seen: dict[str, str], path_problem: str) -> str:
    """Return why a clip cannot be used, or an empty string. `seen` has the place of each path."""
    if clip.label not in classes:
        return f"its class {clip.label!r} is not in the list of labels"
    if clip.split is None:
        return "its file has no split in its name (train or validation)"
    if clip.path in seen:
        return f"is the same clip as {seen[clip.path]}"
    return path_problem


def _brought_down(clip: FoundClip) -> PreparedClip:
    """Return the result of a clip that crashed its process."""
    return PreparedClip(reason="it crashes the decoder or the detector")


def prepare_clip(
    clip: FoundClip,
    labels: dict[str, int],
    roots: tuple[Path, Path],
    options: JesterOptions,
    rate: float | None,
) -> PreparedClip:
    """Write one clip. It runs in a separate process if there are several jobs.

    `roots` are the data roots of the source and of the new clips.
    """
    if options.jobs > 1:
        set_decode_threads(1)  # the processes are the parallel part
    source, data_root = roots[0] / clip.path, roots[1]
    name = clip.path if source.is_dir() else str(PurePosixPath(clip.path).with_suffix(""))
    path = clip_path(name, options.form)
    try:
        info = probe(source)
        numbers, _ = place_clip(clip, info, rate)
        line = annotation_line(path, str(labels[clip.label]), numbers)
        if line is None or numbers is None:
            return PreparedClip(reason="its name cannot be written in an annotation line")
        reason = _write(source, info, numbers[4], data_root / path, options)
    except UserError as error:
        return PreparedClip(reason=error.problems[0].found)
    return PreparedClip(reason=reason) if reason else PreparedClip(path, line)


def _write(
    source: Path, info: VideoInfo, rate_fps: float, target: Path, options: JesterOptions
) -> str:
    """Write a cropped clip unless it is there. Return why not, or an empty string."""
    # A clip that is already written needs no detection.
    if is_whole(target, info.num_frames, options.form):
        return ""

    rectangle = _person(source, info, options)
    if rectangle is None and options.detector is not None:
        return "no person was found in it"

    span = 0, info.num_frames
    cut = ClipCut(source, span, PictureSize(info.height, info.width), rectangle, rate_fps)
    write_clip(cut, target, options.form)
    return ""


def _person(source: Path, info: VideoInfo, options: JesterOptions) -> Rectangle | None:
    """Return the rectangle around the person of a clip.

    None stands for no detector, or no person found.
    """
    if options.detector is None:
        return None
    detector = loaded_detector(options.detector, options.device, 1 if options.jobs > 1 else None)

    # Frames at equal distances, the first and the last among them.
    num_looked_at = min(options.num_looked_at, info.num_frames)
    places = np.linspace(0, info.num_frames - 1, num_looked_at).round().astype(int)
    box = clip_box(detector, read_frames(source, sorted(set(places.tolist()))))
    if box is None:
        return None
    picture = PictureSize(info.height, info.width)
    return crop_rectangle(Box(*box), picture, options.form.size, options.form.scale)
