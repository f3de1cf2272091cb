"""Read projects of 20bn's SenseStudio.

They have recordings in a folder per split and class, and tags of moments in them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from action_recognition.data.dataset_files import Split
from action_recognition.dataset_tools.importing.formats.class_folders import add_class_folder
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Remark, Share
from action_recognition.dataset_tools.importing.json_items import json_document
from action_recognition.errors import UserError

CONFIG_FILE = "project_config.json"
# The words in names of folders, with their splits.
_SPLITS: tuple[tuple[str, Split], ...] = (("train", "train"), ("valid", "val"), ("test", "test"))


class ProjectConfig(BaseModel):
    """The content of project_config.json: every class with the names of its tags.

    Later versions have their numbers.

    Source: tools/sense_studio/project_utils.py of github.com/TwentyBN/sense.
    """

    model_config = ConfigDict(extra="allow")
    name: str
    classes: dict[str, Any]


class Tags(BaseModel):
    """The content of tags_SPLIT/CLASS/VIDEO.json: a number for each shown picture.

    0 is background. The pictures are evenly spread over the video.

    Source: tools/sense_studio/annotation.py of github.com/TwentyBN/sense.
    """

    model_config = ConfigDict(extra="allow")
    file: str
    fps: float = Field(gt=0)
    time_annotation: list[int] = Field(min_length=1)

    def share(self) -> Share | None:
        """Return the part of the video from the first picture with a tag to the end of the last.

        It is None when no picture has one.
        """
        tagged = [place for place, tag in enumerate(self.time_annotation) if tag > 0]
        if not tagged:
            return None
        length = len(self.time_annotation)
        return Share(tagged[0] / length, (tagged[-1] + 1) / length)


def read_sense(source: Path) -> Found:
    """Read the clips of a project, with its split: `videos_train` and `videos_valid`.

    The tagged part of a recording is its gesture.
    """
    folder = source if source.is_dir() else source.parent
    config = json_document(folder / CONFIG_FILE, ProjectConfig)
    found = Found(folder, classes=list(config.classes))
    for word, split in _SPLITS:
        for name in _folders_in(folder / f"videos_{word}"):
            path = f"videos_{word}/{name}"
            if name in config.classes:
                add_class_folder(found, path, name, split)
            else:
                removed = "it was removed from the project, its recordings stay"
                found.leave_out(path, path, f"its class is not in {CONFIG_FILE}: {removed}")

    # Tags are beside the recordings, in folders of the same names.
    found.clips = [_with_tags(found, clip) for clip in found.clips]
    return found


def _folders_in(folder: Path) -> list[str]:
    """Return the sorted names of the folders in a folder, none where it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    )


def _with_tags(found: Found, clip: FoundClip) -> FoundClip:
    """Return the clip with the part of its video that has tags."""
    path = PurePosixPath(clip.path.replace("videos_", "tags_", 1)).with_suffix(".json")
    if not (found.data_root / path).is_file():
        return clip
    try:
        tags = json_document(found.data_root / path, Tags)
    except UserError as error:
        reason = f"its tags are not used: {error.problems[0].found}"
        found.changed.append(Remark(str(path), clip.path, reason))
        return clip
    return dataclasses.replace(clip, span=tags.share())
