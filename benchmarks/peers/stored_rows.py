"""Rows that were measured before by the product's commands: they are not trained here again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class StoredRow:
    """Means over seeds of top-1 in % by training clips a class. `all` is None."""

    data: str
    name: str
    title: str
    page: str
    val: dict[int | None, float]
    together: dict[int | None, float]
    commits: str


STORED: Final = (
    StoredRow(
        "smarthome_gestures",
        "pixels",
        "(e) ours: pixels",
        "training.md",
        val={3: 44.1, 5: 57.4, 10: 61.8, None: 77.8},
        together={None: 69.3},
        commits="159be67, one seed; all: bff4785, three",
    ),
    StoredRow(
        "smarthome_gestures",
        "hand-landmarks-clips",
        "(f) ours: landmarks, trained",
        "landmarks.md",
        val={3: 65.7, 5: 85.0, 10: 89.4, None: 90.8},
        together={3: 63.1, 5: 77.0, 10: 83.5, None: 86.3},
        commits="e241942",
    ),
    StoredRow(
        "asl_words",
        "pixels",
        "(e) ours: pixels",
        "training.md",
        val={None: 20.9},
        together={None: 20.1},
        commits="8ccf705",
    ),
    StoredRow(
        "asl_words",
        "hand-landmarks-clips",
        "(f) ours: landmarks, trained",
        "landmarks.md",
        val={None: 75.2},
        together={None: 68.4},
        commits="e241942",
    ),
)
