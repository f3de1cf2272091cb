"""Read LSA64: videos named for sign, signer and repetition, 001_004_002.mp4.

Source: F. Ronchetti et al., "LSA64: An Argentinian Sign Language Dataset" (2016), and
facundoq.github.io/datasets/lsa64: 64 signs by 10 people, 5 times each, numbered from 001.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from action_recognition.dataset_tools.importing.found import Found, FoundClip
from action_recognition.dataset_tools.importing.media_walk import walk_media
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import user_error

_NAME = re.compile(r"(\d{3})_(\d{3})_(\d{3})")
_ALLOWED = "SIGN_SIGNER_REPETITION.mp4, as 001_004_002.mp4"


def is_lsa64(source: Path) -> bool:
    """Return True where all videos are named so."""
    if not source.is_dir():
        return False
    are_named_so = False
    for path, problem in walk_media(source):
        if not problem:
            are_named_so = _NAME.fullmatch(PurePosixPath(path).stem) is not None
            if not are_named_so:
                return False
    return are_named_so


def read_lsa64(source: Path, options: SourceOptions) -> Found:
    """Read the videos. Classes are the numbers of the signs, or names given with --classes.

    Raises UserError: a sign has a number above that of the names.
    """
    found = Found(options.clips or source)
    for path, problem in walk_media(found.data_root):
        match = None if problem else _NAME.fullmatch(PurePosixPath(path).stem)
        if match:
            clip = FoundClip(path=path, label=match[1], where=path, person=f"signer{match[2]}")
            found.clips.append(clip)
        else:
            found.leave_out(path, path, problem or f"is not named so: {_ALLOWED}")
    if not found.clips:
        raise user_error(str(source), "holds no video of LSA64", _ALLOWED)

    if options.classes:
        found.clips = [_named(clip, options.classes) for clip in found.clips]
    return found


def _named(clip: FoundClip, classes: Sequence[str]) -> FoundClip:
    """Return a clip with the name of its sign. Signs count from 1."""
    number = int(clip.label)
    if clip.label in classes:
        return clip
    if not 1 <= number <= len(classes):
        found = f"names {len(classes)} signs, and {clip.path} is sign {number}"
        raise user_error("--classes", found, "a name for each sign, in the order of the numbers")
    return dataclasses.replace(clip, label=classes[number - 1])
