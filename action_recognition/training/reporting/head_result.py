"""The result of the head alone, which the preset for few clips writes beside `head.pth`."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from action_recognition.errors import user_error
from action_recognition.files import write_text
from action_recognition.json_files import read_json

HEAD_FILE = "head.pth"
HEAD_RESULT_FILE = "head.json"


@dataclass(frozen=True)
class HeadResult:
    """Validation top-1 (mean over classes) and top-5 of the best epoch, in %."""

    accuracy: float
    top5: float
    epoch: int

    def write(self, folder: Path) -> None:
        """Write the result into a run's folder."""
        write_text(folder / HEAD_RESULT_FILE, json.dumps(dataclasses.asdict(self)) + "\n")


def read_head_result(folder: Path) -> HeadResult | None:
    """Read the result from a run's folder, or return None if no head was trained by itself."""
    path = folder / HEAD_RESULT_FILE
    if not path.is_file():
        return None
    found, names = read_json(path), [item.name for item in dataclasses.fields(HeadResult)]
    numbers = found.values() if isinstance(found, dict) and set(found) == set(names) else [None]
    if not all(isinstance(number, int | float) for number in numbers):
        fix = "remove it, or run the preset again"
        raise user_error(str(path), "is no result of a head", ", ".join(names), fix)
    return HeadResult(**found)
