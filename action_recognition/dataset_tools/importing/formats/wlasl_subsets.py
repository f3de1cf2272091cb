"""Read the subsets of WLASL, nslt_100.json and its like, and the list of the glosses.

    {"05237": {"subset": "train", "action": [77, 1, 55]}, ...}    class from 0, first, last frame

Source: github.com/dxli94/WLASL, code/I3D/preprocess/nslt_{100,300,1000,2000}.json and
wlasl_class_list.txt. Frames are those of WLASL_v0.3.json: from 1, at 25 frames per second.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from action_recognition.data.labels import MAX_NUMBERED_LABELS
from action_recognition.data.tables import read_text
from action_recognition.dataset_tools.importing.class_numbers import (
    class_index_files,
    read_class_index,
)
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Seconds
from action_recognition.dataset_tools.importing.json_items import schema_problem
from action_recognition.dataset_tools.importing.media_index import MediaIndex
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import UserError, user_error
from action_recognition.json_files import parse_json

_RATE_FPS = 25.0
_LAST_FRAME = 10**8
_START = 200


class SubsetEntry(BaseModel):
    """A video of a subset: its part, and class, first frame and last frame."""

    subset: str
    action: tuple[int, int, int] = Field()


def subset_files(source: Path) -> list[Path]:
    """Return the JSON files that begin as subsets of WLASL do."""
    return [file for file in side_files(source, ".json") if _is_subset(file)]


def _is_subset(file: Path) -> bool:
    try:
        text = read_text(file)[0]
    except UserError:
        return False
    start = text[:_START].replace(" ", "").replace("\n", "")
    return start.startswith("{") and '"action":[' in start and '"subset":' in start


def read_wlasl_subset(source: Path, options: SourceOptions) -> Found:
    """Read the videos of a subset with its split, named by the list of glosses.

    Raises UserError: there is no subset or there are several, or the file cannot be read.
    """
    files = subset_files(source)
    if len(files) != 1:
        seen = ", ".join(file.name for file in files) or "no subset of WLASL"
        fix = "name the one to read as SOURCE"
        raise user_error(str(source), f"holds {seen}", "one, as nslt_100.json", fix)
    file = files[0]
    found = Found(options.clips or (source if source.is_dir() else source.parent))
    index = MediaIndex(found.data_root)
    names = next(map(read_class_index, class_index_files(file)), {})

    numbers: set[int] = set()
    for video, value in _document(file).items():
        _add(found, index, names, (f"{file}: {video}", video, value), options, numbers)
    if not names:
        found.warnings.append("no wlasl_class_list.txt: the classes are named by their numbers")
    found.classes = [names.get(number, str(number)) for number in sorted(numbers)]
    return found


def _document(file: Path) -> Mapping[str, object]:
    try:
        document = parse_json(read_text(file)[0])
    except (ValueError, RecursionError) as error:
        found = f"is not readable as JSON ({error})"
        raise user_error(str(file), found, fix="take the published file again") from None
    return document if isinstance(document, dict) else {}


def _add(
    found: Found,
    index: MediaIndex,
    names: Mapping[int, str],
    item: tuple[str, str, object],
    options: SourceOptions,
    numbers: set[int],
) -> None:
    """Add a video of a subset, or leave it out. Add the number of its class to `numbers`."""
    where, video, value = item
    try:
        entry = SubsetEntry.model_validate(value)
    except ValidationError as error:
        found.leave_out(where, video, schema_problem(error))
        return

    number, start, end = entry.action
    if not (0 <= number < MAX_NUMBERED_LABELS and 0 <= start < _LAST_FRAME and end < _LAST_FRAME):
        found.leave_out(where, video, f"its class and frames {entry.action} make no sense")
        return
    if options.num_classes is not None and number >= options.num_classes:
        return

    # The class counts although its file may be missing.
    numbers.add(number)
    match = index.find(("{id}",), id=video)
    if match.problem:
        found.leave_out(where, match.path, match.problem)
        return

    span = Seconds(max(0, start - 1) / _RATE_FPS, None if end < 0 else end / _RATE_FPS)
    label = names.get(number, str(number))
    split = named_split(Path(entry.subset))
    clip = FoundClip(
        path=match.path, label=label, where=where, split=split, span=span, frame_rate_fps=_RATE_FPS
    )
    found.clips.append(clip)
