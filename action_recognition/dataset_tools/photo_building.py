"""A copy of photos in the size that training wants, made once: decoding 12 megapixels in every epoch is what takes the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from action_recognition.data.hand_crops import HAND_MARGIN, HandFinder, square_around
from action_recognition.data.photo import Photo, read_photo
from action_recognition.data.video import is_photo
from action_recognition.dataset_tools.importing.photo_sets import hagrid_files, read_hagrid_file
from action_recognition.errors import UserError, user_error

SETTINGS_FILE = "build.json"
_JPEG_QUALITY = 95
Boxes = Mapping[str, Sequence[tuple[str, tuple[float, float, float, float]]]]
"""Label and corners x_min, y_min, x_max, y_max (in parts of the picture) of each hand, by the photo's name without suffix."""


@dataclass(frozen=True)
class BuildSettings:
    """Longer side in pixels at most (nothing is enlarged), suffix, and what is cut out: nothing, stated boxes, or found hands."""

    size: int = 320
    image_extension: Literal["jpg", "png"] = "jpg"
    crop: Literal["none", "boxes", "hand"] = "none"


class _Part(NamedTuple):
    """One picture to write: `corners` of a stated box, or None."""

    record: ClipRecord
    path: str  # below the output, with '/'
    label: int
    corners: tuple[float, float, float, float] | None


class Built(NamedTuple):
    """New lines by the name of their file, and (line, reason) of what was left out."""

    lines: dict[str, list[str]]
    left_out: list[tuple[str, str]]


class PhotoBuilder:
    """Writes the photos of annotation files below `output`; a picture that is there already is kept, so that a run can go on.

    `boxes` are for crop `boxes`, `finder` for crop `hand`: a photo in which it finds none is kept whole.
    Errors: an output that was made with other settings.
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
        """The annotation files with their roots, one by one; photos that cannot be read are left out and said."""
        built = Built({file.name: [] for file, _ in pairs}, [])
        if len(built.lines) < len(pairs):
            raise user_error(
                "--ann-files",
                "two annotation files have one name",
                "different names, since the new files get them too",
            )
        parts = [
            (file.name, part)
            for file, root in pairs
            for part in self._parts(file, root, labels, built)
        ]
        with ThreadPoolExecutor(
            1 if self.finder else jobs
        ) as pool:  # a detector takes one picture at a time
            for number, ((name, part), reason) in enumerate(
                zip(parts, pool.map(lambda item: self._write(item[1]), parts), strict=True), 1
            ):
                line = annotation_line(part.path, str(part.label), None)
                if reason or line is None:
                    built.left_out.append(
                        (part.record.line, reason or "its name cannot stand in a line")
                    )
                else:
                    built.lines[name].append(line)
                progress(number, len(parts))
        return built

    def _parts(
        self, file: Path, root: Path, labels: Sequence[str], built: Built
    ) -> Iterator[_Part]:
        seen: dict[str, Path | object] = {}
        for record in read_annotations([file], [root], labels):
            if not isinstance(record.path, Path) or not is_photo(record.path):
                built.left_out.append((record.line, f"{record.path} is no photo"))
                continue
            pure = PurePosixPath(record.path.relative_to(root).as_posix())
            stem = str(pure.with_suffix(""))
            if seen.setdefault(stem, record.path) != record.path:  # a.jpg beside a.png
                stem = f"{stem}_{pure.suffix[1:].lower()}"
            suffix = f".{self.settings.image_extension}"
            if self.boxes is None:
                yield _Part(record, f"{stem}{suffix}", record.label, None)
                continue
            stated = [
                (labels.index(name), corners)
                for name, corners in self.boxes.get(pure.stem, ())
                if name in labels
            ]
            if not stated:
                built.left_out.append(
                    (record.line, f"no box of a known class is stated for {pure.stem}")
                )
            for number, (label, corners) in enumerate(stated):
                yield _Part(
                    record, f"{stem}{f'_{number}' if number else ''}{suffix}", label, corners
                )

    def _write(self, part: _Part) -> str:
        """Write one picture; returns why not, or nothing."""
        target = self.output / part.path
        if target.exists():
            return ""
        assert isinstance(part.record.path, Path)
        try:
            photo = self._cut(read_photo(part.record.path), part)
        except UserError as error:
            return str(error)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.part{target.suffix}")
        cv2.imwrite(
            str(partial),
            _shrunk(photo, self.settings.size)[..., ::-1],
            [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY],
        )
        partial.replace(target)
        return ""

    def _cut(self, photo: Photo, part: _Part) -> Photo:
        if self.finder is not None:
            return self.finder.cut(photo)
        if part.corners is None:
            return photo
        height, width = photo.shape[:2]
        corners = np.array(part.corners) * (width, height, width, height)
        return np.asarray(
            square_around(corners, HAND_MARGIN, height, width).cut(photo[None])[0], np.uint8
        )


def read_boxes(source: Path) -> Boxes:
    """The hands of HaGRID's annotation (a JSON file, or a folder of them). Errors: none there, or an entry that makes no sense."""
    files = hagrid_files(source) if source.exists() else []
    if not files:
        raise user_error(
            f"--boxes {source}",
            "holds no annotation of HaGRID",
            "a JSON file with bboxes and labels, or a folder of them",
        )
    found: dict[str, list[tuple[str, tuple[float, float, float, float]]]] = {}
    for file in files:
        for picture, entry in read_hagrid_file(file).items():
            try:
                hands = [
                    (str(name), _corners(box))
                    for name, box in zip(entry["labels"], entry["bboxes"], strict=True)
                ]
            except (KeyError, TypeError, ValueError):
                raise user_error(
                    f"{file}: {picture}",
                    "has no bboxes with a label each",
                    "[[x, y, width, height]] in 0..1",
                ) from None
            found.setdefault(picture, []).extend(hands)
    return found


def _corners(box: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = (float(value) for value in box)
    if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < width <= 1 and 0 < height <= 1):
        raise ValueError(box)
    return x, y, x + width, y + height


def _shrunk(photo: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    height, width = photo.shape[:2]
    factor = size / max(height, width)
    if factor >= 1:
        return np.ascontiguousarray(photo)
    new = (max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5)))
    return np.asarray(
        cv2.resize(np.ascontiguousarray(photo), new, interpolation=cv2.INTER_AREA), np.uint8
    )
