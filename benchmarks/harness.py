"""Parts that all benchmarks share: flags, timing in turns, ratios with spread, table, JSON.

options = parse_arguments("Time of X", argv)
timings = interleaved({"ours": ours, "theirs": theirs}, rounds=options.rounds(20))
report("x", options, timings, {"time_over_theirs": ratio(timings["ours"], timings["theirs"])})
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = (
    "torch",
    "torchvision",
    "openvino",
    "onnxruntime",
    "opencv-python",
    "mmcv-lite",
    "av",
    "numpy",
)
QUICK_ROUNDS = 3


@dataclass(frozen=True)
class Options:
    """The flags of every benchmark."""

    json: Path | None
    threads: int
    quick: bool

    def rounds(self, full: int) -> int:
        """Rounds to time: `full`, or a few with --quick."""
        return min(full, QUICK_ROUNDS) if self.quick else full


@dataclass(frozen=True)
class Figure:
    """A number, with the quartiles of its spread where it was measured several times."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return (
            f"{self.value:.3f}"
            if self.low is None
            else f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"
        )


@dataclass(frozen=True)
class Timing:
    """Seconds of one callable, one entry per round."""

    seconds: NDArray[np.float64]

    def quartiles_ms(self) -> tuple[float, float, float]:
        """First quartile, median, third quartile in milliseconds."""
        first, median, third = np.percentile(self.seconds, (25, 50, 75)) * 1000
        return float(first), float(median), float(third)


def parse_arguments(description: str, argv: Sequence[str] | None = None) -> Options:
    """Parse `[--json FILE] [--threads N] [--quick]`; by default a thread for each core."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument(
        "--threads",
        type=int,
        default=num_cores(),
        metavar="N",
        help="threads to compute with (default: %(default)s)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rounds: does it run, not how fast"
    )
    options = Options(**vars(parser.parse_args(argv)))
    if options.threads < 1:
        parser.error(f"--threads {options.threads}: at least 1")
    return options


def interleaved(
    timed: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 1
) -> dict[str, Timing]:
    """Time every callable once per round, in a changing order: a slow moment hits all alike."""
    names = list(timed)
    for _ in range(warm_up):
        for function in timed.values():
            function()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                start = time.perf_counter()
                timed[name]()
                seconds[name].append(time.perf_counter() - start)
            gc.collect()
    finally:
        if was_collecting:
            gc.enable()
    return {name: Timing(np.array(values)) for name, values in seconds.items()}


def ratio(numerator: Timing, denominator: Timing) -> Figure:
    """Median and quartiles of the ratio round by round: what slowed a round as a whole cancels."""
    low, median, high = np.percentile(numerator.seconds / denominator.seconds, (25, 50, 75))
    return Figure(float(median), float(low), float(high))


def fastest(timings: Mapping[str, Timing]) -> str:
    """The name with the lowest median."""
    return min(timings, key=lambda name: float(np.median(timings[name].seconds)))


def report(
    name: str,
    options: Options,
    timings: Mapping[str, Timing],
    figures: Mapping[str, Figure],
    precision: str = "f32",
    notes: Sequence[str] = (),
) -> None:
    """Print the table, and write the JSON when --json asks for it."""
    machine_facts = machine()
    _print(
        name,
        timings,
        figures,
        machine_facts,
        [f"{options.threads} threads, computed in {precision}", *notes],
    )
    if options.json is None:
        return
    document = {
        "name": name,
        "commit": git_commit(),
        "machine": machine_facts,
        "figures": {key: figure.value for key, figure in figures.items()},
        "spreads": {
            key: [figure.low, figure.high]
            for key, figure in figures.items()
            if figure.low is not None
        },
        "times_ms": {
            key: dict(zip(("q1", "median", "q3"), timing.quartiles_ms(), strict=True))
            for key, timing in timings.items()
        },
        "threads": options.threads,
        "precision": precision,
        "quick": options.quick,
        "notes": list(notes),
    }
    beside = options.json.with_name(options.json.name + ".part")
    beside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    beside.replace(options.json)


def _print(
    name: str,
    timings: Mapping[str, Timing],
    figures: Mapping[str, Figure],
    machine_facts: Mapping[str, Any],
    notes: Sequence[str],
) -> None:
    console = Console(soft_wrap=True)
    table = Table("", "median ms", "q1", "q3", title=name, title_justify="left")
    for key, timing in timings.items():
        low, median, high = timing.quartiles_ms()
        table.add_row(key, f"{median:.2f}", f"{low:.2f}", f"{high:.2f}")
    console.print(table)
    for key, figure in figures.items():
        console.print(f"{key}: {figure}", highlight=False)
    for note in [
        *notes,
        f"{machine_facts['cpu']}, {machine_facts['cores']} cores, load {machine_facts['load']}",
        f"commit {git_commit()}",
    ]:
        console.print(note, highlight=False, style="dim")


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """CPU, cores, load and the versions that matter; no host name, no path."""
    flags = _cpu_info("flags").split()
    return {
        "cpu": _cpu_info("model name") or platform.processor() or platform.machine(),
        "cores": num_cores(),
        "cpu_flags": [
            flag
            for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
            if flag in flags
        ],
        "computes_bf16": "avx512_bf16" in flags
        or "amx_bf16" in flags,  # then OpenVINO takes bf16 unless told f32
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {package: version for package in PACKAGES if (version := _version(package))},
    }


def git_commit() -> str:
    """Return the measured commit, with `+changes` when tracked files differ, or `unknown`."""
    command = [
        "git",
        "-C",
        str(REPOSITORY),
        "describe",
        "--always",
        "--abbrev=12",
        "--exclude=*",
        "--dirty=+changes",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _cpu_info(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next(
        (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key),
        "",
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
