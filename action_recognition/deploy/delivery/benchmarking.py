"""Time, memory and size of models side by side, each measured in a separate process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from action_recognition.deploy.backends import MODEL_SUFFIXES
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.files import check_plain_file
from action_recognition.json_files import parse_json

_MB: Final = 1e6
_PROCESS: Final = "action_recognition.deploy.delivery.benchmark_process"
# Figures that the process prints.
_MEASURED_THERE: Final = (
    "computes_in",
    "p50_ms",
    "p95_ms",
    "clips_per_s",
    "first_ms",
    "open_s",
    "memory_mb",
)
_COLUMNS: Final = (
    "model",
    "threads",
    "computed in",
    "p50 ms",
    "p95 ms",
    "clips/s",
    "first ms",
    "memory MB",
    "size MB",
    "accuracy",
)


@dataclass(frozen=True)
class Measured:
    """Figures of one model with one number of threads.

    Sizes and memory are in 10^6 bytes. `accuracy` is in %, None if it is not known.
    """

    model: str
    threads: int
    asked: str
    computes_in: str
    p50_ms: float
    p95_ms: float
    clips_per_s: float
    first_ms: float
    open_s: float
    memory_mb: float
    size_mb: float
    accuracy: float | None = None

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name, for JSON."""
        return asdict(self)


def check_models(paths: Sequence[Path]) -> None:
    """Refuse paths that are no models. Raises UserError: names all of them."""
    problems = []
    for path in paths:
        if path.suffix not in MODEL_SUFFIXES:
            found = f"the suffix {path.suffix!r} is not that of a model"
            problems.append(Problem(str(path), found, ", ".join(MODEL_SUFFIXES)))
        elif not path.is_file():
            problems.append(Problem(str(path), "there is no such model file"))

    if problems:
        raise UserError(problems)


def measure_model(
    path: Path, threads: int, precision: str, rounds: int, accuracy: float | None = None
) -> Measured:
    """Start a process that opens the model and times it.

    Raises UserError: the model cannot be opened, with the message of the process.
    """
    command = [sys.executable, "-m", _PROCESS, str(path), str(threads), precision, str(rounds)]
    # The command is our own module, run without a shell.
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        # The last line names the error, those before it are its traceback.
        lines = done.stderr.strip().splitlines() or ["it ended without a message"]
        found = f"could not be measured ({lines[-1].rpartition('UserError: ')[2]})"
        raise user_error(str(path), found, fix="open it with eval.py and repair what that names")

    # The figures are the last line that the process prints.
    figures = parse_json(done.stdout.splitlines()[-1])
    return Measured(
        model=f"{path.parent.name}/{path.name}",
        threads=threads,
        asked=precision,
        size_mb=model_size_mb(path),
        accuracy=accuracy,
        **{key: figures[key] for key in _MEASURED_THERE},
    )


def model_size_mb(path: Path) -> float:
    """Return the size of the files to deliver in 10^6 bytes: .xml and .bin for an IR."""
    files = [path]
    if path.suffix in (".xml", ".bin"):
        files = [path.with_suffix(".xml"), path.with_suffix(".bin")]
    return sum(item.stat().st_size for item in files) / _MB


def read_accuracies(files: Sequence[Path]) -> dict[str, float]:
    """Return accuracy in % (mean over classes) by the SHA-256 of the model file.

    `files` are those that eval.py wrote. Raises UserError: one of them is not.
    """
    accuracies = {}
    for path in files:
        check_plain_file(path)
        try:
            found = parse_json(path.read_text(encoding="utf-8"))
            accuracies[str(found["model_sha256"])] = float(found["accuracy"])
        except (OSError, ValueError, KeyError, TypeError):
            allowed = "the evaluation.json that it writes"
            raise user_error(str(path), "is not a result of eval.py", allowed) from None
    return accuracies


def to_markdown(rows: Sequence[Measured], cpu: str) -> str:
    """Write the table of docs/results/deploy.md."""
    lines = [_row(_COLUMNS), "|---" * len(_COLUMNS) + "|"]

    for row in rows:
        accuracy = "" if row.accuracy is None else f"{row.accuracy:.2f} %"
        times = (f"{row.p50_ms:.1f}", f"{row.p95_ms:.1f}", f"{row.clips_per_s:.1f}")
        start = (f"{row.first_ms:.0f}", f"{row.memory_mb:.0f}", f"{row.size_mb:.1f}")
        cells = (row.model, str(row.threads), row.computes_in, *times, *start, accuracy)
        lines.append(_row(cells))
    return "\n".join([*lines, "", f"{cpu}."]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
