"""Media made of images: a photo, or a folder of numbered frames, every image of which is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.frame_folder import FrameFile, list_frame_files, read_image
from action_recognition.data.photo import read_photo
from action_recognition.dataset_tools.checking.media_report import (
    SAMPLED_FRAMES,
    SMALL_SIDE,
    Fault,
    MediaReport,
    content_hash,
    look_at,
    look_faults,
)
from action_recognition.errors import UserError

_EXTRACT = "extract the frames again, or leave its lines out"
_SAVE_AGAIN = "save it again as JPEG or PNG, or leave its lines out"


def inspect_photo(path: Path) -> MediaReport:
    """Decode a photo as a whole. Its faults are those that the decoder and its look tell."""
    try:
        picture = read_photo(path)
    except UserError as error:
        found = f"{path.name} {error.problems[0].found}"
        return MediaReport((Fault("unreadable", found, _SAVE_AGAIN, fatal=True),))

    height, width = picture.shape[:2]
    look = look_at(_small(picture)[None])
    faults = tuple(look_faults(look, 1))
    return MediaReport(faults, 1, None, width, height, content_hash(path), look)


def inspect_folder(folder: Path) -> MediaReport:
    """Read every image of a frame folder."""
    try:
        files = list_frame_files(folder)
    except UserError as error:
        return MediaReport((_listing_fault(folder, error),))

    # Every image is read, and a few of them give the look.
    images = _read_images(files)
    faults = _image_faults(folder, images)
    look = look_at(np.stack(images.small)) if images.small else None
    faults += look_faults(look, len(files)) if look else []

    # The most frequent size is that of the folder.
    (width, height), _ = images.sizes.most_common(1)[0] if images.sizes else ((0, 0), 0)
    return MediaReport(tuple(faults), len(files), None, width, height, images.content, look)


@dataclass
class _Images:
    """The images of a folder: how often each (width, height) occurs, and small sampled pictures."""

    small: list[NDArray[np.uint8]] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    content: bytes = b""


def _read_images(files: Sequence[FrameFile]) -> _Images:
    """Read all images. The content is a hash of all, in order, empty if one is unreadable."""
    sampled = set(np.linspace(0, len(files) - 1, SAMPLED_FRAMES).round().astype(int).tolist())
    images, digest = _Images(), hashlib.sha256()
    for number, file in enumerate(files):
        try:
            picture = read_image(file)
        except UserError:
            images.unreadable.append(file.name)
            continue

        digest.update(hashlib.sha256(file.read_bytes()).digest()[:16])
        images.sizes[picture.shape[1], picture.shape[0]] += 1
        if number in sampled:
            images.small.append(_small(picture))
    images.content = b"" if images.unreadable else digest.digest()[:16]
    return images


def _small(picture_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Squeeze a picture to (S, S, 3)."""
    side = (SMALL_SIDE, SMALL_SIDE)
    small: NDArray[np.uint8] = cv2.resize(picture_hwc, side, interpolation=cv2.INTER_AREA)
    return small


def _listing_fault(folder: Path, error: UserError) -> Fault:
    found = error.problems[0].found
    # The text of the error tells the kind of fault.
    kind = "frame-folder-empty"
    if "same number" in found:
        kind = "frame-number-twice"
    elif "missing" in found:
        kind = "frame-gap"
    return Fault(kind, f"{folder.name}: {found}", _EXTRACT, fatal=True)


def _image_faults(folder: Path, images: _Images) -> list[Fault]:
    """Return the faults of images that cannot be read, and of images of several sizes."""
    faults = []
    if unreadable := images.unreadable:
        more = f" and {len(unreadable) - 1} more" if unreadable[1:] else ""
        message = f"{folder.name}/{unreadable[0]}{more} cannot be read"
        faults.append(Fault("image-unreadable", message, _EXTRACT, fatal=True))

    if len(images.sizes) > 1:
        counted = images.sizes.most_common()
        found = ", ".join(f"{count} of {width} x {height}" for (width, height), count in counted)
        message = f"images of {folder.name} differ in size: {found}"
        faults.append(Fault("frame-sizes", message, _EXTRACT, fatal=True))
    return faults
