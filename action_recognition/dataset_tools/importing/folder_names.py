"""Names of folders and files that are no classes: splits, and kinds of films of one clip."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from action_recognition.data.dataset_files import Split
from action_recognition.dataset_tools.importing.found import split_of

# Words beside a split in the name of a folder: train_videos, test-set.
_FILLERS = frozenset(
    [
        *("set", "sets", "data", "dataset", "videos", "video", "frames", "images", "clips"),
        *("split", "part", "folder", "rgb", "signs", "photos", "samples", "list"),
    ]
)
# Kinds of films and files that public sets have for each clip.
_MODALITIES = frozenset(
    [
        *("color", "colour", "rgb", "sk_color", "depth", "sk_depth", "ir", "infrared", "thermal"),
        *("flow", "flow_x", "flow_y", "optical_flow", "opticalflow", "tvl1", "tvl1_flow"),
        *("duo_left", "duo_right", "duo_disparity", "disparity", "stereo", "gray", "grayscale"),
        *("skeleton", "skeletons", "pose", "poses", "keypoints", "landmarks"),
        *("mask", "masks", "segment", "segmentation", "frames", "rawframes", "raw_frames"),
        *("videos", "video", "images", "image", "jpg", "jpegs", "photos", "audio", "features"),
        *("annotation", "annotations", "labels", "lists", "splits", "metadata"),
    ]
)
# Those that names of films end with: x_color.mp4, x_depth.mp4.
_ENDINGS = re.compile(
    r".+[_-](colou?r|rgb|depth|ir|infrared|thermal|flow(_[xy])?|skeleton|disparity|mask)",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[\s_\-.]+")


def folder_split(name: str) -> Split | None:
    """Return the split that a folder is named for.

    >>> folder_split("Train"), folder_split("test_videos"), folder_split("train a horse")
    ('train', 'test', None)
    """
    words = [word for word in _SEPARATORS.split(name.strip().lower()) if word not in _FILLERS]
    return split_of(words[0]) if len(words) == 1 else None


def is_modality(name: str) -> bool:
    """Return True for a folder that is named for a kind of films or files.

    >>> is_modality("RGB"), is_modality("optical-flow"), is_modality("wave")
    (True, True, False)
    """
    return _SEPARATORS.sub("_", name.strip().lower()) in _MODALITIES


def modality_of(path: str) -> str:
    """Return the kind of film that the end of a file's name, or one of its folders, tells.

    It is in lower case, and empty where none is told.

    >>> modality_of("signer0_sample1_Color.mp4"), modality_of("wave/depth/1.mp4"), modality_of("a")
    ('color', 'depth', '')
    """
    pure = PurePosixPath(path)
    match = _ENDINGS.fullmatch(pure.stem)
    if match:
        return match[1].lower()
    return next((part.lower() for part in reversed(pure.parts[:-1]) if is_modality(part)), "")
