"""Frames of videos as folders of numbered images."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import mmcv
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.dataset_files import state_settings
from action_recognition.data.frame_folder import IMAGE_SUFFIXES
from action_recognition.data.photo import encoded_picture
from action_recognition.data.video import count_frames, read_frames, set_decode_threads
from action_recognition.errors import UserError, naming, user_error
from action_recognition.partials import held_folder

SETTINGS_FILE = "extract.json"
FRAME_NAME = "{:05d}{}"  # counted from 1, as in the original
_FRAMES_AT_ONCE = 32  # in memory
_JPEG_QUALITY = 95  # of 100


@dataclass(frozen=True)
class ImageSettings:
    """Largest longer side of the images in pixels, and their suffix. Images are never enlarged."""

    max_image_size: int = 256
    image_extension: str = "jpg"


@dataclass(frozen=True)
class FrameFolder:
    """Frames to extract: `start` to `end` (exclusive) of `source`, to `folder` below the output.

    Without an `end`, the frames reach to the end of the source.
    """

    source: MediaPath
    start: int
    end: int | None
    folder: str


def extract_all(
    folders: Sequence[FrameFolder],
    output: Path,
    settings: ImageSettings,
    jobs: int,
    progress: Callable[[int, int], None],
) -> dict[str, int | str]:
    """Extract folders of frames. A folder that is already complete is kept.

    Raises UserError: the output was made with other settings.

    Returns:
        By folder, the number of its frames, or the reason why it has none.

    """
    state_settings(output / SETTINGS_FILE, asdict(settings))
    # Records of the same range share a folder.
    todo = list({folder.folder: folder for folder in folders}.values())
    # The clips are the parallel part.
    set_decode_threads(1)

    found: dict[str, int | str] = {}

    def work(folder: FrameFolder) -> None:
        """Extract one folder and note its number of frames, or why it has none."""
        try:
            found[folder.folder] = extract_folder(folder, output, settings)
        except UserError as error:
            found[folder.folder] = str(error)
        progress(len(found), len(todo))

    _in_threads(work, todo, jobs)
    return found


def _in_threads(
    work: Callable[[FrameFolder], None], folders: Sequence[FrameFolder], jobs: int
) -> None:
    """Call `work` for every folder in `jobs` threads. The first error ends all and is raised."""
    pool = ThreadPoolExecutor(jobs)
    try:
        results = [pool.submit(work, folder) for folder in folders]
        wait(results, return_when=FIRST_EXCEPTION)
        # Raise the error that ended the wait, if there was one.
        for result in results:
            if result.done():
                result.result()
    finally:
        pool.shutdown(cancel_futures=True)


def extract_folder(folder: FrameFolder, output: Path, settings: ImageSettings) -> int:
    """Write frames as 00001.jpg, 00002.jpg, ... and return their number.

    The folder appears only when all of its images are written.
    """
    wanted = _wanted_frames(folder)
    target = output / folder.folder
    if is_complete(target, len(wanted)):
        return len(wanted)

    # Images are written into a folder beside the target, which is renamed when all are there.
    target.parent.mkdir(parents=True, exist_ok=True)
    with held_folder(target) as partial:
        _write_images(_frames(folder.source, wanted), partial, target, settings)
        if target.exists():
            shutil.rmtree(target)
        partial.replace(target)
    return len(wanted)


def _write_images(
    frames: Iterator[NDArray[np.uint8]], partial: Path, target: Path, settings: ImageSettings
) -> None:
    """Write numbered images into `partial`.

    Errors name `target`, the folder that the user knows.
    """
    for number, frame in enumerate(frames, start=1):
        file = partial / FRAME_NAME.format(number, f".{settings.image_extension}")
        with naming(target):
            _write_reduced(file, frame, settings.max_image_size)


def _wanted_frames(folder: FrameFolder) -> range:
    """Return the frames to extract. Raises UserError: the source ends before the last of them."""
    num_frames = count_frames(folder.source)
    end = num_frames if folder.end is None else folder.end
    if end > num_frames:
        raise user_error(
            str(folder.source),
            f"the line ends the video at frame {end}, but it has {num_frames} frames",
        )
    return range(folder.start, end)


def _frames(source: MediaPath, wanted: range) -> Iterator[NDArray[np.uint8]]:
    """Decode frames, a few at a time, so that a long video does not fill the memory."""
    for first in range(0, len(wanted), _FRAMES_AT_ONCE):
        yield from read_frames(source, wanted[first : first + _FRAMES_AT_ONCE])


def _write_reduced(file: Path, frame_rgb: NDArray[np.uint8], max_size: int) -> None:
    """Write an RGB frame (H, W, 3) as an image, reduced where it is larger than `max_size`."""
    frame = np.ascontiguousarray(frame_rgb)
    if max(frame.shape[:2]) > max_size:
        frame = mmcv.imrescale(frame, (max_size, max_size), interpolation="area")
    write_image(file, frame)


def write_image(file: Path, picture_rgb: NDArray[np.uint8]) -> None:
    """Write an RGB picture (H, W, 3) as JPEG or PNG, by the suffix of the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encoded_picture(picture_rgb, file.suffix, _JPEG_QUALITY))


def is_complete(folder: Path, num_frames: int) -> bool:
    """Return True if a folder holds as many images as there are frames."""
    return (
        folder.is_dir()
        and sum(file.suffix in IMAGE_SUFFIXES for file in folder.iterdir()) == num_frames
    )
