"""Projects of 20bn's SenseStudio: recordings in a folder per split and class, and tags of moments in them."""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from action_recognition.data.dataset_files import Split
from action_recognition.dataset_tools.importing.class_folders import add_class_folder
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Remark, Share
from action_recognition.dataset_tools.importing.json_items import json_document
from action_recognition.errors import UserError

CONFIG_FILE = "project_config.json"
_SPLITS: tuple[tuple[str, Split], ...] = (("train", "train"), ("valid", "val"), ("test", "test"))


class ProjectConfig(BaseModel):
    """Of project_config.json: every class, with the names of its tags (or their numbers, in later versions).

    Source: tools/sense_studio/project_utils.py of github.com/TwentyBN/sense.
    """

    model_config = ConfigDict(extra="allow")
    name: str
    classes: dict[str, Any]


class Tags(BaseModel):
    """Of tags_SPLIT/CLASS/VIDEO.json: a number for each shown picture, 0 is background; the pictures are evenly spread over the video.

    Source: tools/sense_studio/annotation.py of github.com/TwentyBN/sense.
    """

    model_config = ConfigDict(extra="allow")
    file: str
    fps: float = Field(gt=0)
    time_annotation: list[int] = Field(min_length=1)

    def share(self) -> Share | None:
        """From the first to behind the last picture that has a tag, as parts of the video; None when none has."""
        tagged = [place for place, tag in enumerate(self.time_annotation) if tag > 0]
        length = len(self.time_annotation)
        return Share(tagged[0] / length, (tagged[-1] + 1) / length) if tagged else None


def read_sense(source: Path) -> Found:
    """Clips of a project, with its split: `videos_train` and `videos_valid`. What is tagged in a recording is its gesture."""
    folder = source if source.is_dir() else source.parent
    config = json_document(folder / CONFIG_FILE, ProjectConfig)
    found = Found(folder, classes=list(config.classes))
    for word, split in _SPLITS:
        videos = folder / f"videos_{word}"
        if not videos.is_dir():
            continue
        for name in sorted(
            entry.name
            for entry in videos.iterdir()
            if entry.is_dir() and not entry.name.startswith(".")
        ):
            path = f"videos_{word}/{name}"
            if name in config.classes:
                add_class_folder(found, path, name, split)
            else:
                found.leave_out(
                    path,
                    path,
                    f"its class is not in {CONFIG_FILE}: it was removed from the project, its recordings stay",
                )
    found.clips = [_with_tags(found, clip) for clip in found.clips]
    return found


def _with_tags(found: Found, clip: FoundClip) -> FoundClip:
    path = PurePosixPath(clip.path.replace("videos_", "tags_", 1)).with_suffix(".json")
    if not (found.data_root / path).is_file():
        return clip
    try:
        tags = json_document(found.data_root / path, Tags)
    except UserError as error:
        found.changed.append(
            Remark(str(path), clip.path, f"its tags are not used: {error.problems[0].found}")
        )
        return clip
    return dataclasses.replace(clip, span=tags.share())
