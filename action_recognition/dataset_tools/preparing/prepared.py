"""Result of a preparation, and the settings beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from action_recognition.data.dataset_files import SPLITS, Split, write_together
from action_recognition.dataset_tools.importing.found import FoundClip, Remark
from action_recognition.errors import user_error
from action_recognition.json_files import parse_json

CROPS_FOLDER = "global_crops"  # the original's name


class PreparedClip(NamedTuple):
    """Result of a clip: path below the data root and annotation line, or why there is none."""

    path: str = ""
    line: str = ""
    reason: str = ""


@dataclass
class Prepared:
    """Clips with their lines, by split.

    `wanted` has split and class of every clip that the data set names. `negative_label` is the
    class that means no gesture, None if there is none.
    """

    data_root: Path
    classes: list[str]
    clips: dict[Split, list[tuple[FoundClip, str]]] = field(
        default_factory=lambda: {split: [] for split in SPLITS}
    )
    wanted: list[tuple[Split, str]] = field(default_factory=list)
    left_out: list[Remark] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    negative_label: str | None = None

    def leave_out(self, where: str, path: str, reason: str) -> None:
        """Note that a clip is left out, and why."""
        self.left_out.append(Remark(where, path, reason))

    def sort(self) -> None:
        """Sort clips by path, and remarks. Processes finish clips in any order."""
        for clips in self.clips.values():
            clips.sort(key=lambda item: item[0].path)
        self.left_out.sort()

    @property
    def num_clips(self) -> int:
        """Number of clips of all splits."""
        return sum(map(len, self.clips.values()))


def check_settings(file: Path, settings: Mapping[str, Any]) -> None:
    """Write settings beside the clips, or compare them with those that are already there.

    Raises UserError: the clips there were made with other settings.
    """
    # Without clips there is nothing that could contradict the settings.
    if not (file.exists() and (file.parent / CROPS_FOLDER).exists()):
        write_together(file.parent, {file.name: json.dumps(dict(settings), indent=1) + "\n"})
        return

    # Clips made with other settings would end up in one data set with the new ones.
    other = _differences(_stated(file), settings)
    if other:
        raise user_error(
            str(file),
            f"the clips there were made with {'; '.join(other)}",
            "the same settings",
            "name another --output",
        )


def _differences(stated: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """Return a phrase for every setting that has another value in the file."""
    return [
        f"{name} {stated.get(name)}, not {value}"
        for name, value in settings.items()
        if stated.get(name) != value
    ]


def _stated(file: Path) -> dict[str, Any]:
    """Return the settings in a file. A file that is not a JSON object has none."""
    try:
        stated = parse_json(file.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return stated if isinstance(stated, dict) else {}
