"""Frames out of a folder of numbered images: `img_00001.jpg`, `00000.png`.

The first number is frame 0.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.shards.path import ShardImage
from action_recognition.errors import UserError, user_error
from action_recognition.files import check_plain_file

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
FrameFile = Path | ShardImage
Shrink = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""(H, W, 3) uint8 RGB to a smaller picture of that kind."""
# Python refuses to read numbers of thousands of digits, which a name in a tar file can have.
_LAST_NUMBER = re.compile(r"(\d{1,99})\D*$")
# Optical flow beside the pictures: flow_x_00001.jpg, y_00001.jpg.
_FLOW = re.compile(r"((optical_?|opt_?)?flow_?[xyuv]?|[xyuv])_?\d+", re.IGNORECASE)
_EXTRACT_AGAIN = "extract the frames again"


def list_frame_files(folder: MediaPath) -> list[FrameFile]:
    """Return the images of a frame folder, in the order of the last number in their names.

    Images of optical flow beside the pictures, as TSN's tools write them, are passed over.
    Raises UserError: the folder holds no numbered image, a number twice, or a gap.
    """
    numbered = _by_number(folder)
    if not numbered:
        allowed = "names such as img_00001.jpg or 00001.jpg"
        raise user_error(str(folder), "the folder holds no numbered image", allowed)

    # Sorted, so that the cost is that of the images, whatever numbers they have.
    numbers = sorted(numbered)
    num_missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    if num_missing:
        raise _gap(folder, numbers, num_missing)
    return [numbered[number] for number in numbers]


def _gap(folder: MediaPath, numbers: Sequence[int], num_missing: int) -> UserError:
    """Return the error for numbers with a gap. Time stamps have one behind every image."""
    gaps = [number for number, after in itertools.pairwise(numbers) if after > number + 1]
    if len(gaps) == len(numbers) - 1 and num_missing > 10 * len(numbers):
        found = f"its images are numbered {numbers[0]}, {numbers[1]}, ..., as by time stamps"
        return user_error(str(folder), found, "1, 2, 3, ...", "rename them in that order")
    also = f" (and {num_missing - 1} more)" if num_missing > 1 else ""
    found = f"image number {gaps[0] + 1} is missing{also}"
    return user_error(str(folder), found, fix=_EXTRACT_AGAIN)


def _by_number(folder: MediaPath) -> dict[int, FrameFile]:
    """Return the images that have a number. Raises UserError: two have the same."""
    numbered: dict[int, FrameFile] = {}
    images = _images(folder)
    for file in [file for file in images if not _FLOW.fullmatch(file.stem)] or images:
        match = _LAST_NUMBER.search(file.stem)
        if match is None:
            continue

        number = int(match[1])
        if number in numbered:
            found = f"{numbered[number].name} and {file.name} have the same number"
            raise user_error(str(folder), found, "one image per frame")
        numbered[number] = file
    return numbered


def probe_folder(folder: MediaPath) -> tuple[int, int, int]:
    """Return number of frames, height and width."""
    files = list_frame_files(folder)
    return len(files), *read_image(files[0]).shape[:2]


def read_folder_frames(
    folder: MediaPath, frame_indices: Sequence[int], shrink: Shrink | None = None
) -> NDArray[np.uint8]:
    """Read the frames of those numbers, (T, H, W, 3) uint8 RGB.

    Raises UserError: a frame is missing, unreadable or of another size.
    """
    files = list_frame_files(folder)
    check_frame_numbers(folder, frame_indices, len(files))

    # Each file is read once, however often its frame is asked for.
    pictures = {
        i: shrink(read_image(files[i])) if shrink else read_image(files[i])
        for i in sorted(set(frame_indices))
    }
    return stack_frames(folder, [pictures[i] for i in frame_indices])


def stack_frames(path: MediaPath, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Stack pictures (H, W, 3) to (T, H, W, 3). Raises UserError: they differ in size."""
    sizes = {f"{picture.shape[1]}x{picture.shape[0]}" for picture in pictures}
    if len(sizes) > 1:
        found = f"its pictures differ in size: {', '.join(sorted(sizes))}"
        raise user_error(str(path), found, "one size", "extract or convert it again")
    return np.stack(pictures)


def check_frame_numbers(path: MediaPath, frame_indices: Sequence[int], num_frames: int) -> None:
    """Check that all frame numbers lie inside the video.

    Raises UserError: one does not. It states the real number of frames.
    """
    lowest, highest = min(frame_indices), max(frame_indices)
    if lowest < 0 or highest >= num_frames:
        wrong = lowest if lowest < 0 else highest
        found = f"there is no frame {wrong}, it has {num_frames} frames"
        raise user_error(str(path), found, f"0 to {num_frames - 1}")


def _images(folder: MediaPath) -> list[FrameFile]:
    try:
        return [
            file
            for file in folder.iterdir()
            if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
        ]
    except OSError as error:
        raise user_error(str(folder), f"the folder cannot be read ({error.strerror})") from None


def read_image(file: FrameFile) -> NDArray[np.uint8]:
    """Read an image file as (H, W, 3) uint8 RGB. Raises UserError: it cannot be read."""
    if isinstance(file, Path):
        check_plain_file(file)
    try:
        data = np.frombuffer(file.read_bytes(), np.uint8)
        picture: NDArray[np.uint8] | None = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:
        found = f"the image cannot be read ({type(error).__name__})"
        raise user_error(str(file), found, fix=_EXTRACT_AGAIN) from None
    if picture is None:
        raise user_error(str(file), "the image cannot be read", fix=_EXTRACT_AGAIN)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, picture))
