"""Time of one clip in an exported model, with the precision, threads and processor it holds for."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from action_recognition.deploy.backends import Backend, Clips, OpenVinoBackend, load_backend
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.openvino_core import openvino_core

ROUNDS: Final = 10
# Calls before the measured ones.
_WARM_UP: Final = 2


def measure_latency(path: Path, num_threads: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure the median and the 95th percentile of one clip's milliseconds in an IR for clips.

    The network runs in f32 on the CPU. The conversion from uint8 is included.
    """
    backend = load_backend(path, num_threads)
    assert isinstance(backend, OpenVinoBackend)
    clip = made_clips(backend.metadata, 1)[:1]

    seconds = _seconds(backend, clip, _WARM_UP + rounds)[_WARM_UP:]
    p50, p95 = np.percentile(np.array(seconds) * 1e3, (50, 95))
    return {
        "file": path.name,
        "precision": backend.precision,
        "threads": num_threads,
        "p50_ms": round(float(p50), 3),
        "p95_ms": round(float(p95), 3),
        "rounds": rounds,
        "cpu": cpu_name(),
    }


def _seconds(backend: Backend, clip: Clips, rounds: int) -> list[float]:
    """Time so many calls, one after another."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        backend.scores(clip)
        seconds.append(time.perf_counter() - start)
    return seconds


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    # Fewer than the machine has if the process is bound to some of them.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_name() -> str:
    """Return the name by which the processor calls itself."""
    return str(openvino_core().get_property("CPU", "FULL_DEVICE_NAME")).strip()
