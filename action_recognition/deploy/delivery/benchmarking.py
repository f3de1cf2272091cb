"""Times, memory and size of models side by side, each in a process of its own; and accuracy over latency."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from action_recognition.deploy.backends import MODEL_SUFFIXES
from action_recognition.errors import Problem, UserError, user_error

_MB: Final = 1e6


@dataclass(frozen=True)
class Measured:
    """One model with one number of threads; sizes and memory in 10^6 bytes, `accuracy` in % (None: not known)."""

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
        return asdict(self)


def check_models(paths: Sequence[Path]) -> None:
    """A `UserError` names every path that is no model."""
    problems = []
    for path in paths:
        if path.suffix not in MODEL_SUFFIXES:
            problems.append(
                Problem(
                    str(path),
                    f"the suffix {path.suffix!r} says no model",
                    ", ".join(MODEL_SUFFIXES),
                )
            )
        elif not path.is_file():
            problems.append(Problem(str(path), "there is no such model file"))
    if problems:
        raise UserError(problems)


def measure_model(
    path: Path, threads: int, precision: str, rounds: int, accuracy: float | None = None
) -> Measured:
    """Start a process that opens the model and times it. Errors: the model cannot be opened; the process's own message is given."""
    command = [
        sys.executable,
        "-m",
        "action_recognition.deploy.delivery.benchmark_process",
        str(path),
        str(threads),
        precision,
        str(rounds),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own module, no shell
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise user_error(
            str(path),
            f"could not be measured ({lines[-1].rpartition('UserError: ')[2]})",
            fix="see what eval.py says of it",
        )
    found = json.loads(done.stdout.splitlines()[-1])
    values = {
        key: found[key]
        for key in (
            "computes_in",
            "p50_ms",
            "p95_ms",
            "clips_per_s",
            "first_ms",
            "open_s",
            "memory_mb",
        )
    }
    return Measured(
        model=_name(path),
        threads=threads,
        asked=precision,
        size_mb=model_size_mb(path),
        accuracy=accuracy,
        **values,
    )


def model_size_mb(path: Path) -> float:
    """What has to be delivered: an IR's .xml and .bin, any other file itself."""
    files = (
        [path.with_suffix(".xml"), path.with_suffix(".bin")]
        if path.suffix in (".xml", ".bin")
        else [path]
    )
    return sum(item.stat().st_size for item in files) / _MB


def read_accuracies(files: Sequence[Path]) -> dict[str, float]:
    """Accuracy in % (mean over classes) by the sha256 of the model file, from what eval.py wrote."""
    accuracies = {}
    for path in files:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            accuracies[str(found["model_sha256"])] = float(found["accuracy"])
        except (OSError, ValueError, KeyError, TypeError):
            raise user_error(
                str(path), "is no result of eval.py", "the evaluation.json that it writes"
            ) from None
    return accuracies


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def to_markdown(rows: Sequence[Measured], cpu: str) -> str:
    """The table, as docs/deploy.md holds it."""
    lines = [
        "| model | threads | computed in | p50 ms | p95 ms | clips/s | first ms | memory MB | size MB | accuracy |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        accuracy = "" if row.accuracy is None else f"{row.accuracy:.2f} %"
        times = f"{row.p50_ms:.1f} | {row.p95_ms:.1f} | {row.clips_per_s:.1f} | {row.first_ms:.0f}"
        lines.append(
            f"| {row.model} | {row.threads} | {row.computes_in} | {times} | {row.memory_mb:.0f} | {row.size_mb:.1f} | {accuracy} |"
        )
    return "\n".join([*lines, "", f"{cpu}."]) + "\n"


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
