"""Classification of photos in files and folders.

Every file is tried. The problems of all files are reported together at the end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from action_recognition.data.photo import PHOTO_SUFFIXES, Photo, is_photo_file, read_photo
from action_recognition.deploy.predictor import Prediction, Predictor
from action_recognition.detection.hand_finder import HandFinder
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.files import write_bytes
from action_recognition.photos.explain import explained_picture, heat_picture, occlusion_heat
from action_recognition.photos.photo_models import centre_square, predict_photo
from action_recognition.photos.photo_report import PhotoResult

_HEAT_SUFFIX = "_heat.jpg"


@dataclass(frozen=True)
class PhotoOptions:
    """Options of one classification.

    `share` keeps the square in the middle, whose side is that fraction (0..1] of the short side.
    `hand_detector` then keeps the hand that it finds, if it finds one. `explain` is a folder for
    heat maps.
    """

    share: float | None = None
    mirror: bool = False
    explain: Path | None = None
    hand_detector: Path | None = None


def list_photos(path: Path) -> tuple[list[Path], list[Path]]:
    """Return the file, or the photos below a folder, and the files there that are none.

    A photo is known by its content. Both are in the order of names. Hidden files and links to
    folders are skipped. Raises UserError: a folder without photos.
    """
    if not path.is_dir():
        return [path], []
    found: list[Path] = []
    for folder, subfolders, names in os.walk(path):
        # os.walk enters only the folders that are left in this list.
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".")]

    photos = sorted(filter(is_photo_file, found))
    if not photos:
        raise user_error(str(path), "the folder holds no photo", ", ".join(sorted(PHOTO_SUFFIXES)))
    return photos, sorted(set(found) - set(photos))


def classify_files(
    predictor: Predictor,
    files: Sequence[Path],
    options: PhotoOptions,
    progress: Callable[[int, int], None],
) -> tuple[list[PhotoResult], list[Problem]]:
    """Return the results of the files that can be read, and the problems of the others.

    Heat maps are written on the way. `progress` gets the number of files done and of all files.
    """
    results: list[PhotoResult] = []
    problems: list[Problem] = []
    finder = HandFinder(options.hand_detector) if options.hand_detector else None

    for number, file in enumerate(files):
        try:
            photo = _seen(read_photo(file), options, finder)
            found = predict_photo(predictor, photo)
            if options.explain:
                heat_file = _heat_file(options.explain, file, files)
                _explain(predictor, photo, found, file.name, heat_file)
            results.append(PhotoResult(str(file), found))
        except UserError as error:
            problems.extend(error.problems)
        progress(number + 1, len(files))
    return results, problems


def _seen(photo: Photo, options: PhotoOptions, finder: HandFinder | None) -> Photo:
    """Return the part of a photo that the model gets: square, hand, mirrored, in this order."""
    chosen = photo if options.share is None else centre_square(photo, options.share).cut(photo)
    chosen = chosen if finder is None else finder.cut(chosen)
    return np.ascontiguousarray(chosen[:, ::-1]) if options.mirror else chosen


def _explain(predictor: Predictor, photo: Photo, found: Prediction, name: str, file: Path) -> None:
    """Write the heat map of the most probable label as a JPEG file."""
    heat = occlusion_heat(predictor, photo, found.labels[0])
    picture = explained_picture(heat_picture(predictor, photo, heat), heat, found, name)
    written, data = cv2.imencode(".jpg", picture[:, :, ::-1])
    assert written
    write_bytes(file, data.tobytes())


def _heat_file(folder: Path, file: Path, files: Sequence[Path]) -> Path:
    """Return the place of a heat map: in `folder`, below the sub-folders of its photo.

    Sub-folders count from the folder that all photos share.
    """
    # Photos of the same name in two folders must not overwrite each other's heat map.
    shared = Path(os.path.commonpath([item.parent for item in files]))
    return folder / file.parent.relative_to(shared) / f"{file.stem}{_HEAT_SUFFIX}"
