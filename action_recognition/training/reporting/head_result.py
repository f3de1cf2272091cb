"""The result of the head alone, which the preset for few clips writes beside `head.pth`."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from action_recognition.files import write_text

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
    return HeadResult(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
