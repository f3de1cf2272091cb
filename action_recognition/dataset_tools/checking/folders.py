"""One folder of numbered images, every image read."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from action_recognition.data.frame_folder import list_frame_files, read_image
from action_recognition.dataset_tools.checking.appearance import SAMPLED_FRAMES, SMALL_SIDE, look_at
from action_recognition.dataset_tools.checking.media_report import Fault, MediaReport, look_faults
from action_recognition.errors import UserError

_EXTRACT = "extract the frames again, or leave its lines out"


def inspect_folder(folder: Path) -> MediaReport:
    """Read every image of a frame folder."""
    try:
        files = list_frame_files(folder)
    except UserError as error:
        return MediaReport((_listing_fault(folder, error),))
    places = set(np.linspace(0, len(files) - 1, SAMPLED_FRAMES).round().astype(int).tolist())
    small, unreadable, digest = [], [], hashlib.sha256()
    sizes: Counter[tuple[int, int]] = Counter()
    for number, file in enumerate(files):
        try:
            picture = read_image(file)
        except UserError:
            unreadable.append(file.name)
            continue
        digest.update(hashlib.sha256(file.read_bytes()).digest()[:16])
        sizes[picture.shape[1], picture.shape[0]] += 1
        if number in places:
            small.append(
                cv2.resize(picture, (SMALL_SIDE, SMALL_SIDE), interpolation=cv2.INTER_AREA)
            )
    faults = _image_faults(folder, unreadable, sizes)
    look = look_at(np.stack(small)) if small else None
    faults += look_faults(look, len(files)) if look else []
    (width, height), _ = sizes.most_common(1)[0] if sizes else ((0, 0), 0)
    return MediaReport(
        tuple(faults),
        len(files),
        None,
        width,
        height,
        b"" if unreadable else digest.digest()[:16],
        look,
    )


def _listing_fault(folder: Path, error: UserError) -> Fault:
    found = error.problems[0].found
    kind = (
        "frame-number-twice"
        if "same number" in found
        else "frame-gap"
        if "missing" in found
        else "frame-folder-empty"
    )
    return Fault(kind, f"{folder.name}: {found}", _EXTRACT, fatal=True)


def _image_faults(
    folder: Path, unreadable: list[str], sizes: Counter[tuple[int, int]]
) -> list[Fault]:
    faults = []
    if unreadable:
        more = f" and {len(unreadable) - 1} more" if unreadable[1:] else ""
        faults.append(
            Fault(
                "image-unreadable",
                f"{folder.name}/{unreadable[0]}{more} cannot be read",
                _EXTRACT,
                fatal=True,
            )
        )
    if len(sizes) > 1:
        found = ", ".join(
            f"{count} of {width} x {height}" for (width, height), count in sizes.most_common()
        )
        faults.append(
            Fault(
                "frame-sizes",
                f"images of {folder.name} differ in size: {found}",
                _EXTRACT,
                fatal=True,
            )
        )
    return faults
