"""What each competitor reached, one file a training, so that an interrupted run goes on."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import git_commit


@dataclass(frozen=True)
class Result:
    """Top-1 of one training, in % of the clips, and the CPU seconds from landmarks to a model."""

    data: str
    competitor: str
    size: int | None
    seed: int
    val: float
    test: float
    num_val: int
    num_test: int
    cpu_s: float
    values: dict[str, Any] = field(default_factory=dict)
    commit: str = ""

    @property
    def together(self) -> float:
        """The share of right clips of val and test together, in %."""
        right = self.val * self.num_val + self.test * self.num_test
        return right / (self.num_val + self.num_test)


def result_file(folder: Path, data: str, competitor: str, size: int | None, seed: int) -> Path:
    """Return where a result is, or will be."""
    return folder / data / f"{competitor}-{size or 'all'}-{seed}.json"


def once(file: Path, make: Callable[[], Result]) -> Result:
    """Return the stored result, or make and store it with the commit."""
    if file.is_file():
        return Result(**json.loads(file.read_text(encoding="utf-8")))
    result = dataclasses.replace(make(), commit=git_commit())
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + ".part")
    partial.write_text(json.dumps(dataclasses.asdict(result)) + "\n", encoding="utf-8")
    partial.replace(file)
    return result


def stored(folder: Path) -> list[Result]:
    """Return all results below a folder."""
    files = sorted(folder.glob("*/*.json"))
    return [Result(**json.loads(file.read_text(encoding="utf-8"))) for file in files]


def mean_and_all(values: Iterable[float]) -> str:
    """Return the mean, and the single values behind it where there are several.

    >>> mean_and_all([1.0, 2.0]), mean_and_all([3.0]), mean_and_all([])
    ('1.5 (1.0 2.0)', '3.0', '')
    """
    numbers = list(values)
    if len(numbers) < 2:
        return f"{numbers[0]:.1f}" if numbers else ""
    return f"{statistics.mean(numbers):.1f} ({' '.join(f'{number:.1f}' for number in numbers)})"
