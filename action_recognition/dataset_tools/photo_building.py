"""A smaller copy of photos, made once.

Training would otherwise spend most of its time decoding 12 megapixels in every epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.annotation_lines import annotation_line
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.dataset_files import state_settings
from action_recognition.data.photo import Photo, encoded_picture, read_photo
from action_recognition.data.video import is_photo
from action_recognition.dataset_tools.photo_boxes import Boxes, Corners
from action_recognition.detection.hand_finder import HAND_MARGIN, HandFinder, square_around
from action_recognition.errors import UserError, user_error
from action_recognition.files import write_bytes

SETTINGS_FILE = "build.json"
_JPEG_QUALITY = 95  # of 100


@dataclass(frozen=True)
class BuildSettings:
    """Settings of the new pictures.

    `size` is the largest longer side in pixels, and nothing is enlarged. `crop` says what is cut
    out: nothing, the boxes of an annotation, or the hand that a detector finds.
    """

    size: int = 320
    image_extension: Literal["jpg", "png"] = "jpg"
    crop: Literal["none", "boxes", "hand"] = "none"


class _Part(NamedTuple):
    """One picture to write. `corners` is an annotated box, or None."""

    record: ClipRecord
    path: str  # below the output, with '/'
    label: int
    corners: Corners | None


class Built(NamedTuple):
    """New lines by the name of their file, and (line, reason) of what was left out."""

    lines: dict[str, list[str]]
    left_out: list[tuple[str, str]]

    def add(self, name: str, part: _Part, reason: str) -> None:
        """Add the line of a picture to the file `name`, or leave it out for a reason."""
        line = annotation_line(part.path, str(part.label), None)
        if reason or line is None:
            reason = reason or "its name cannot be written in an annotation line"
            self.left_out.append((part.record.line, reason))
        else:
            self.lines[name].append(line)


class PhotoBuilder:
    """Writer of the photos of annotation files below `output`.

    A picture that is already there is kept, so that an interrupted run can resume. `boxes` belong
    to crop `boxes` and `finder` to crop `hand`. A photo in which the finder sees no hand is kept
    whole.
    Raises UserError: the output was made with other settings.
    """

    def __init__(
        self,
        output: Path,
        settings: BuildSettings,
        boxes: Boxes | None = None,
        finder: HandFinder | None = None,
    ) -> None:
        self.output, self.settings, self.boxes, self.finder = output, settings, boxes, finder
        state_settings(output / SETTINGS_FILE, asdict(settings))

    def build(
        self,
        pairs: Sequence[tuple[Path, Path]],
        labels: Sequence[str],
        jobs: int,
        progress: Callable[[int, int], None],
    ) -> Built:
        """Write the photos of annotation files and return the new lines.

        A photo that cannot be read is left out.

        Args:
            pairs: each annotation file with its data root.
            labels: the class names.
            jobs: how many photos are written at a time.
            progress: called with (done, total) after each picture.

        """
        built = _nothing_built([file.name for file, _ in pairs])
        parts = [
            (file.name, part)
            for file, root in pairs
            for part in self._parts(file, root, labels, built)
        ]

        # A detector takes one picture at a time.
        with ThreadPoolExecutor(1 if self.finder else jobs) as pool:
            reasons = pool.map(self._write, [part for _, part in parts])
            for number, ((name, part), reason) in enumerate(zip(parts, reasons, strict=True), 1):
                built.add(name, part, reason)
                progress(number, len(parts))
        return built

    def _parts(
        self, file: Path, root: Path, labels: Sequence[str], built: Built
    ) -> Iterator[_Part]:
        """Yield the pictures to write for an annotation file.

        Lines without a picture go to `built.left_out`.
        """
        seen: dict[str, Path] = {}
        for record in read_annotations([file], [root], labels):
            if not isinstance(record.path, Path) or not is_photo(record.path):
                built.left_out.append((record.line, f"{record.path} is not a photo"))
                continue

            stem = _own_stem(record.path, root, seen)
            parts = self._parts_of_photo(record, stem, record.path.stem, labels)
            if not parts:
                reason = f"the annotation has no box of a known class for {record.path.stem}"
                built.left_out.append((record.line, reason))
            yield from parts

    def _parts_of_photo(
        self, record: ClipRecord, stem: str, name: str, labels: Sequence[str]
    ) -> list[_Part]:
        """Return the pictures to write for a photo: all of it, or each box of a known class.

        `stem` is the path of the new picture without suffix. `name` is the photo in the annotation.
        """
        suffix = f".{self.settings.image_extension}"
        if self.boxes is None:
            return [_Part(record, f"{stem}{suffix}", record.label, None)]

        # The first hand has the name of the photo, the others have a number behind it.
        stated = [
            (labels.index(label), corners)
            for label, corners in self.boxes.get(name, ())
            if label in labels
        ]
        return [
            _Part(record, f"{stem}{f'_{number}' if number else ''}{suffix}", label, corners)
            for number, (label, corners) in enumerate(stated)
        ]

    def _write(self, part: _Part) -> str:
        """Write one picture. Return why it was not written, or an empty string."""
        target = self.output / part.path
        if target.exists():
            return ""
        assert isinstance(part.record.path, Path)
        try:
            photo = self._cut(read_photo(part.record.path), part)
        except UserError as error:
            return str(error)

        picture = encoded_picture(_shrunk(photo, self.settings.size), target.suffix, _JPEG_QUALITY)
        write_bytes(target, picture)
        return ""

    def _cut(self, photo: Photo, part: _Part) -> Photo:
        """Cut a photo (H, W, 3) to the found hand or the annotated box, or return it whole."""
        if self.finder is not None:
            return self.finder.cut(photo)
        if part.corners is None:
            return photo

        # The annotation states corners in parts of the picture.
        height, width = photo.shape[:2]
        corners = np.array(part.corners) * (width, height, width, height)
        square = square_around(corners, HAND_MARGIN, height, width)
        return np.asarray(square.cut(photo[None])[0], np.uint8)


def _nothing_built(names: Sequence[str]) -> Built:
    """Return the new files without lines as yet. Raises UserError: two have one name."""
    built = Built({name: [] for name in names}, [])
    if len(built.lines) < len(names):
        raise user_error(
            "--ann-files",
            "two annotation files have the same name",
            "different names, since the new files get them too",
        )
    return built


def _own_stem(path: Path, root: Path, seen: dict[str, Path]) -> str:
    """Return the path of a new picture below the output, without suffix.

    `seen` has the photo of each path so far and is updated.
    """
    pure = PurePosixPath(path.relative_to(root).as_posix())
    stem = str(pure.with_suffix(""))
    # a.jpg beside a.png: the second gets its suffix into its name.
    if seen.setdefault(stem, path) != path:
        return f"{stem}_{pure.suffix[1:].lower()}"
    return stem


def _shrunk(photo: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return a photo (H, W, 3) whose longer side is at most `size` pixels."""
    height, width = photo.shape[:2]
    whole = np.ascontiguousarray(photo)
    factor = size / max(height, width)
    if factor >= 1:
        return whole

    new = (max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5)))
    return np.asarray(cv2.resize(whole, new, interpolation=cv2.INTER_AREA), np.uint8)
