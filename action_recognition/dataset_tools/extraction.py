"""Annotation files for clips whose frames are extracted into folders of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from action_recognition.data.annotation_lines import Numbers, annotation_line
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.video import container_frame_rate
from action_recognition.dataset_tools.image_folders import FrameFolder, ImageSettings, extract_all
from action_recognition.errors import user_error


def extract_lists(
    pairs: Sequence[tuple[Path, Path]],
    labels: Sequence[str],
    output: Path,
    settings: ImageSettings,
    jobs: int,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """Extract the clips of annotation files.

    Args:
        pairs: each annotation file with its data root.
        labels: the class names.
        output: the new data root.
        settings: size and format of the images.
        jobs: how many clips are extracted at a time.
        progress: called with (done, total) after each clip.

    Returns:
        The new lines by the name of their file, and (line, reason) of the clips that are left out.

    """
    _check_output(pairs, output)
    records = [
        (file.name, root, record)
        for file, root in pairs
        for record in read_annotations([file], [root], labels)
    ]
    folders = plan_folders([record for *_, record in records], [root for _, root, _ in records])
    frames = extract_all(folders, output, settings, jobs, progress)

    # A new line for every clip whose frames are there.
    lines: dict[str, list[str]] = {file.name: [] for file, _ in pairs}
    left_out = []
    for (name, _, record), folder in zip(records, folders, strict=True):
        line, reason = _line_or_reason(record, folder, frames[folder.folder])
        if line is None:
            left_out.append((record.line, reason))
        else:
            lines[name].append(line)
    return lines, left_out


def _line_or_reason(
    record: ClipRecord, folder: FrameFolder, num_frames: int | str
) -> tuple[str | None, str]:
    """Return the new line of a clip, or None, and the reason why there is none.

    `num_frames` is the reason itself where the frames could not be extracted.
    """
    if isinstance(num_frames, str):
        return None, num_frames
    return new_line(record, folder, num_frames), "its name cannot be written in an annotation line"


def _check_output(pairs: Sequence[tuple[Path, Path]], output: Path) -> None:
    """Raise UserError where new files would overwrite each other or the clips themselves."""
    if len({file.name for file, _ in pairs}) < len(pairs):
        raise user_error(
            "--ann-files",
            "two annotation files have the same name",
            "different names, since the new files get them too",
        )

    # The data root of the clips stays as it is.
    taken = [root for _, root in pairs if root.resolve() == output.resolve()]
    if taken:
        raise user_error(
            "--output", f"{taken[0]} is a data root of the clips themselves", "a separate folder"
        )


def plan_folders(records: Sequence[ClipRecord], roots: Sequence[Path]) -> list[FrameFolder]:
    """Choose the folder of every record: its path without suffix, plus the range if it has one.

    Two files that differ in their suffix alone keep it. Records of the same range share a folder.
    """
    names = [
        PurePosixPath(record.path.relative_to(root))
        for record, root in zip(records, roots, strict=True)
    ]
    # A file counts once, however many records cut clips out of it.
    stems = Counter(str(name.with_suffix("")) for name in dict.fromkeys(names))

    planned = []
    for record, name in zip(records, names, strict=True):
        folder = _media_folder(record, name, stems)
        end = None if record.is_whole_video else record.video_end
        if end is not None:
            folder = f"{folder}_{record.video_start:06d}_{end:06d}"
        planned.append(FrameFolder(record.path, record.video_start, end, folder))
    return planned


def _media_folder(record: ClipRecord, name: PurePosixPath, stems: Counter[str]) -> str:
    """Return the folder for all frames of a file or frame folder.

    `stems` counts the files by their name without suffix.
    """
    if record.path.is_dir():
        return str(name)
    stem = str(name.with_suffix(""))
    return f"{stem}_{name.suffix[1:]}" if stems[stem] > 1 else stem


def new_line(record: ClipRecord, folder: FrameFolder, num_frames: int) -> str | None:
    """Return the annotation line for extracted frames, None if it cannot hold their path."""
    numbers: Numbers | None
    if record.is_whole_video:
        # Without a known rate, the new line has two columns as well.
        rate = container_frame_rate(record.path)
        numbers = None if rate is None else (0, num_frames, 0, num_frames, rate)
    else:
        # The images begin with the first frame of the video range.
        start = record.video_start
        clip_start, clip_end = record.clip_start - start, record.clip_end - start
        numbers = (clip_start, clip_end, 0, record.video_end - start, record.frame_rate_fps)
    return annotation_line(folder.folder, str(record.label), numbers)
