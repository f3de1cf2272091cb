"""Preparation of MS-ASL: entries and a folder of videos become clips of one sign each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from action_recognition.data.annotation_lines import Numbers, annotation_line
from action_recognition.data.dataset_files import SPLITS
from action_recognition.data.path_check import PathChecker
from action_recognition.data.video import VideoInfo, probe, set_decode_threads
from action_recognition.dataset_tools.importing.found import FoundClip
from action_recognition.dataset_tools.importing.media_index import MediaIndex
from action_recognition.dataset_tools.preparing.clip_files import (
    ClipCut,
    ClipForm,
    clip_path,
    write_clip,
)
from action_recognition.dataset_tools.preparing.cropping import Box, PictureSize, crop_rectangle
from action_recognition.dataset_tools.preparing.msasl_entries import (
    MsaslAnnotation,
    NormalBox,
    SignEntry,
)
from action_recognition.dataset_tools.preparing.prepared import (
    CROPS_FOLDER,
    Prepared,
    PreparedClip,
)
from action_recognition.dataset_tools.preparing.sign_planning import (
    PlannedSign,
    SignTask,
    plan_signs,
)
from action_recognition.errors import UserError
from action_recognition.worker_pool import map_apart

_CUT_NAMES = ("{id}_{start}_{end}", "{id}_{start:06d}_{end:06d}")
_WHOLE_NAME = "{id}"


@dataclass(frozen=True)
class MsaslOptions:
    """Options of preparing MS-ASL.

    `num_classes` takes only the first classes, None takes all. `max_length` is counted in frames at
    30 fps on either side of a sign.
    """

    form: ClipForm = field(default_factory=ClipForm)
    max_length: int = 64
    num_classes: int | None = None
    jobs: int = 1


def prepare_msasl(
    annotation: MsaslAnnotation,
    videos: MediaIndex,
    output: Path,
    options: MsaslOptions,
    progress: Callable[[int, int], None],
) -> Prepared:
    """Write a clip for every entry whose video is there. Clips already written are kept."""
    # Entries that cannot be used count among the wanted clips, and are left out.
    num_classes = options.num_classes or len(annotation.classes)
    classes = annotation.classes[:num_classes]
    prepared = Prepared(output / CROPS_FOLDER, classes, left_out=list(annotation.left_out))
    prepared.wanted += [(split, label) for split, label in annotation.lost if label in set(classes)]
    tasks = _tasks(annotation, videos, num_classes, prepared)

    work = functools.partial(prepare_sign, root=prepared.data_root, options=options)
    results = map_apart(work, tasks, options.jobs, _brought_down)
    for done, (task, clip) in enumerate(results, start=1):
        progress(done, len(tasks))
        _add_clip(prepared, task.entries[task.number], clip)
    prepared.sort()
    return prepared


def _tasks(
    annotation: MsaslAnnotation, videos: MediaIndex, num_classes: int, prepared: Prepared
) -> list[SignTask]:
    """Return the signs to write. Leave out entries that have no file."""
    tasks = []
    checker = PathChecker(videos.root)
    for video, entries in annotation.by_video().items():
        for number, entry in enumerate(entries):
            if entry.label >= num_classes:
                continue
            prepared.wanted.append((entry.split, annotation.classes[entry.label]))

            # A file that was cut for the sign is preferred to the whole video.
            names = (*_CUT_NAMES, _WHOLE_NAME)
            match = videos.find(names, id=video, start=entry.start, end=entry.end)
            problem = match.problem or checker.check(match.path)[1]
            if problem:
                prepared.leave_out(entry.where, match.path, problem)
            else:
                is_cut = match.pattern != _WHOLE_NAME
                source = videos.root / match.path
                tasks.append(SignTask(source, tuple(entries), number, is_cut))
    return tasks


def _brought_down(task: SignTask) -> PreparedClip:
    """Return the result of a sign whose file crashed its process."""
    reason = f"{task.source.name} crashes the decoder; convert it again (ffmpeg)"
    return PreparedClip(reason=reason)


def prepare_sign(task: SignTask, root: Path, options: MsaslOptions) -> PreparedClip:
    """Write the clip of a sign below `root`.

    It runs in a separate process if there are several jobs.
    """
    if options.jobs > 1:
        set_decode_threads(1)  # the processes are the parallel part
    try:
        info = probe(task.source)
        plan = plan_signs(task, info, options.max_length)[task.number]
        return _write(task, plan, info, root, options.form)
    except UserError as error:
        return PreparedClip(reason=error.problems[0].found)


def _write(
    task: SignTask, plan: PlannedSign, info: VideoInfo, root: Path, form: ClipForm
) -> PreparedClip:
    """Write the clip of a planned sign below `root`."""
    if plan.problem:
        return PreparedClip(reason=plan.problem)

    # The box is in parts of the picture, and the file may have another size than the annotated one.
    entry = task.entries[task.number]
    picture = PictureSize(info.height, info.width)
    box = _in_pixels(entry.box, picture)
    rectangle = crop_rectangle(box, picture, form.size, form.scale)
    if rectangle is None:
        size = f"{info.width}x{info.height}"
        return PreparedClip(reason=f"its box {list(box)} holds no pixel of the picture ({size})")

    path = clip_path(f"{entry.video}/clip_{task.number:04d}", form)
    line = annotation_line(path, str(entry.label), _line_numbers(plan))
    assert line is not None  # the id of a video holds no blank
    cut = ClipCut(task.source, plan.video, picture, rectangle, plan.frame_rate_fps)
    write_clip(cut, root / path, form)
    return PreparedClip(path, line)


def _in_pixels(box: NormalBox, picture: PictureSize) -> Box:
    """Return a box in pixels of a picture."""
    return Box(
        box.x_min * picture.width,
        box.y_min * picture.height,
        box.x_max * picture.width,
        box.y_max * picture.height,
    )


def _line_numbers(plan: PlannedSign) -> Numbers:
    """Return the numbers of an annotation line, counted from the first frame of the clip."""
    first, behind = plan.video
    start, end = plan.sign
    return start - first, end - first, 0, behind - first, plan.frame_rate_fps


def _add_clip(prepared: Prepared, entry: SignEntry, clip: PreparedClip) -> None:
    """Add the clip of a sign, or leave it out with its reason."""
    if clip.reason:
        prepared.leave_out(entry.where, entry.video, clip.reason)
        return
    found = FoundClip(
        path=clip.path,
        label=prepared.classes[entry.label],
        where=entry.where,
        split=entry.split,
        person=entry.signer,
    )
    prepared.clips[entry.split].append((found, clip.line))


def subset(prepared: Prepared, num_classes: int) -> Prepared:
    """Return the clips of the first classes.

    The list of clips that were left out stays that of all classes. A warning says so where there
    are more of them.
    """
    classes = prepared.classes[:num_classes]
    among = set(classes)
    clips = {
        split: [item for item in prepared.clips[split] if item[0].label in among]
        for split in SPLITS
    }
    wanted = [(split, label) for split, label in prepared.wanted if label in among]

    warnings = []
    more = len(prepared.classes)
    if more > num_classes and prepared.left_out:
        warnings.append(f"the clips left out are listed for {more} classes, not {num_classes}")
    return Prepared(prepared.data_root, classes, clips, wanted, prepared.left_out, warnings)
