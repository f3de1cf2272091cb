"""Frames of clips as folders of numbered images, with annotation files that fit them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import mmcv
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.annotation_lines import Numbers, annotation_line
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.clip_table import MediaPath
from action_recognition.data.dataset_files import state_settings
from action_recognition.data.frame_folder import IMAGE_SUFFIXES
from action_recognition.data.video import (
    container_frame_rate,
    count_frames,
    read_frames,
    set_decode_threads,
)
from action_recognition.errors import UserError, naming, user_error

SETTINGS_FILE = "extract.json"
FRAME_NAME = "{:05d}{}"  # from 1, as the original's
_FRAMES_AT_ONCE = 32
_JPEG_QUALITY = [1, 95]  # cv2.IMWRITE_JPEG_QUALITY


@dataclass(frozen=True)
class ImageSettings:
    """Longer side of the images in pixels at most (they are never enlarged), and their suffix."""

    max_image_size: int = 256
    image_extension: str = "jpg"


@dataclass(frozen=True)
class FrameFolder:
    """What is extracted: frames `start` to `end` (exclusive; None is the last) of `source`, to `folder` below the output."""

    source: MediaPath
    start: int
    end: int | None
    folder: str


def extract_lists(
    pairs: Sequence[tuple[Path, Path]],
    labels: Sequence[str],
    output: Path,
    settings: ImageSettings,
    jobs: int,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """Extract the clips of annotation files (each with its root).

    Returns the new lines by the name of their file, and (line, reason) of the clips that were left out.
    """
    _check_output(pairs, output)
    records = [
        (file.name, root, record)
        for file, root in pairs
        for record in read_annotations([file], [root], labels)
    ]
    folders = plan_folders([record for *_, record in records], [root for _, root, _ in records])
    frames = extract_all(folders, output, settings, jobs, progress)
    lines: dict[str, list[str]] = {file.name: [] for file, _ in pairs}
    left_out = []
    for (name, _, record), folder in zip(records, folders, strict=True):
        count = frames[folder.folder]
        line = new_line(record, folder, count) if isinstance(count, int) else None
        if line is None:
            left_out.append(
                (
                    record.line,
                    count if isinstance(count, str) else "its name cannot stand in a line",
                )
            )
        else:
            lines[name].append(line)
    return lines, left_out


def _check_output(pairs: Sequence[tuple[Path, Path]], output: Path) -> None:
    if len({file.name for file, _ in pairs}) < len(pairs):
        raise user_error(
            "--ann-files",
            "two annotation files have one name",
            "different names, since the new files get them too",
        )
    taken = [root for _, root in pairs if root.resolve() == output.resolve()]
    if taken:
        raise user_error(
            "--output", f"{taken[0]} is a data root of the clips themselves", "a folder of its own"
        )


def plan_folders(records: Sequence[ClipRecord], roots: Sequence[Path]) -> list[FrameFolder]:
    """The folder of every record: its path without suffix, with the range where that is not the whole file.

    Two files that differ in their suffix alone keep it. Records of the same range share a folder.
    """
    names = [
        PurePosixPath(record.path.relative_to(root))
        for record, root in zip(records, roots, strict=True)
    ]
    stems = Counter(str(name.with_suffix("")) for name in dict.fromkeys(names))
    planned = []
    for record, name in zip(records, names, strict=True):
        is_folder = record.path.is_dir()
        folder = str(name) if is_folder else str(name.with_suffix(""))
        if not is_folder and stems[folder] > 1:
            folder = f"{folder}_{name.suffix[1:]}"
        end = None if record.is_whole_video else record.video_end
        if end is not None:
            folder = f"{folder}_{record.video_start:06d}_{end:06d}"
        planned.append(FrameFolder(record.path, record.video_start, end, folder))
    return planned


def extract_all(
    folders: Sequence[FrameFolder],
    output: Path,
    settings: ImageSettings,
    jobs: int,
    progress: Callable[[int, int], None],
) -> dict[str, int | str]:
    """Number of frames by folder, or why there are none; a folder that is complete already is kept.

    A `UserError` says that the output was made with other settings.
    """
    state_settings(
        output / SETTINGS_FILE,
        {"max_image_size": settings.max_image_size, "image_extension": settings.image_extension},
    )
    todo = list({folder.folder: folder for folder in folders}.values())
    set_decode_threads(1)  # the clips are the parallel part
    found: dict[str, int | str] = {}

    def work(folder: FrameFolder) -> None:
        try:
            found[folder.folder] = extract_folder(folder, output, settings)
        except UserError as error:
            found[folder.folder] = str(error)
        progress(len(found), len(todo))

    pool = ThreadPoolExecutor(jobs)
    try:
        results = [pool.submit(work, folder) for folder in todo]
        wait(results, return_when=FIRST_EXCEPTION)
        for result in results:
            if result.done():
                result.result()
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def extract_folder(folder: FrameFolder, output: Path, settings: ImageSettings) -> int:
    """Write the frames as 00001.jpg, 00002.jpg, ...; returns how many. They stand in their folder only when all are written."""
    num_frames = count_frames(folder.source)
    end = num_frames if folder.end is None else folder.end
    if end > num_frames:
        raise user_error(
            str(folder.source),
            f"the line ends the video at frame {end}, it has {num_frames} frames",
        )
    target = output / folder.folder
    if _is_complete(target, end - folder.start):
        return end - folder.start
    partial = target.with_name(f".{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for first in range(folder.start, end, _FRAMES_AT_ONCE):
            frames = read_frames(folder.source, range(first, min(first + _FRAMES_AT_ONCE, end)))
            for number, frame in enumerate(frames, start=first - folder.start + 1):
                with naming(target):
                    _write_image(
                        partial / FRAME_NAME.format(number, f".{settings.image_extension}"),
                        frame,
                        settings.max_image_size,
                    )
        if target.exists():
            shutil.rmtree(target)
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return end - folder.start


def new_line(record: ClipRecord, folder: FrameFolder, num_frames: int) -> str | None:
    """The annotation line for the extracted frames; None when its path cannot stand in a line."""
    numbers: Numbers | None = None
    if record.is_whole_video:
        rate = container_frame_rate(record.path)
        numbers = None if rate is None else (0, num_frames, 0, num_frames, rate)
    else:
        start = record.video_start
        numbers = (
            record.clip_start - start,
            record.clip_end - start,
            0,
            record.video_end - start,
            record.frame_rate_fps,
        )
    return annotation_line(folder.folder, str(record.label), numbers)


def _write_image(file: Path, frame_rgb: NDArray[np.uint8], max_size: int) -> None:
    frame = mmcv.rgb2bgr(np.ascontiguousarray(frame_rgb))
    if max(frame.shape[:2]) > max_size:
        frame = mmcv.imrescale(frame, (max_size, max_size), interpolation="area")
    params = _JPEG_QUALITY if file.suffix in (".jpg", ".jpeg") else None
    mmcv.imwrite(frame, str(file), params)


def _is_complete(folder: Path, num_frames: int) -> bool:
    return (
        folder.is_dir()
        and sum(file.suffix in IMAGE_SUFFIXES for file in folder.iterdir()) == num_frames
    )
