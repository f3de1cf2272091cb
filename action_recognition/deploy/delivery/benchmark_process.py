"""One measurement in a process of its own, so that start and memory are those of the model alone: prints JSON.

python -m action_recognition.deploy.delivery.benchmark_process MODEL THREADS PRECISION ROUNDS
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np

_CLIPS_IN_FLIGHT: Final = 4
_COMPUTING: Final = ("Convolution", "FullyConnected", "MatMul")
_FLOATS: Final = ("f32", "bf16", "f16")


def measure(path: Path, threads: int, precision: str, rounds: int) -> dict[str, Any]:
    """Seconds to open, milliseconds of the first and of later clips, clips a second with several in flight, peak memory."""
    start = time.perf_counter()
    from action_recognition.deploy.backends import load_backend

    backend = load_backend(path, threads, "default" if precision == "default" else "f32")
    opened = time.perf_counter()
    clip = np.random.default_rng(0).integers(0, 256, (1, *backend.metadata.clip_shape), np.uint8)
    backend.scores(clip)
    first = time.perf_counter()
    milliseconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        backend.scores(clip)
        milliseconds.append(1e3 * (time.perf_counter() - began))
    memory = _peak_memory_mb()
    return {
        "runs_as": backend.runs_as,
        "computes_in": computes_in(backend),
        "open_s": opened - start,
        "first_ms": 1e3 * (first - opened),
        "p50_ms": float(np.percentile(milliseconds, 50)),
        "p95_ms": float(np.percentile(milliseconds, 95)),
        "memory_mb": memory,
        "clips_per_s": _throughput(path, threads, precision, clip, rounds),
    }


def computes_in(backend: Any) -> str:
    """The precisions that the layers with weights really run in, the most frequent first: `u8 50, f32 1`; for other engines `f32`."""
    compiled = getattr(backend, "compiled", None)
    if compiled is None:
        return "f32"
    found: Counter[str] = Counter()
    for node in compiled.get_runtime_model().get_ops():
        info = node.get_rt_info()
        if "layerType" in info and str(info["layerType"].astype(str)).endswith(_COMPUTING):
            # What it takes, which of an IR with weights in f16 is f16; its kernel's name ends in what that computes in.
            taken, kernel = (
                str(info[key].astype(str)).lower() if key in info else ""
                for key in ("runtimePrecision", "primitiveType")
            )
            computed = kernel.rpartition("_")[2]
            found[computed if computed in _FLOATS else taken] += 1
    return ", ".join(f"{precision} {count}" for precision, count in found.most_common())


def _throughput(path: Path, threads: int, precision: str, clip: Any, rounds: int) -> float:
    """Clips a second, as `Predictor.submit` gives them with the hint `throughput`."""
    from action_recognition.deploy.backends import load_backend

    backend = load_backend(
        path, threads, "default" if precision == "default" else "f32", hint="throughput"
    )
    for future in [backend.submit(clip[0]) for _ in range(_CLIPS_IN_FLIGHT)]:
        future.result()
    began = time.perf_counter()
    for future in [backend.submit(clip[0]) for _ in range(rounds)]:
        future.result()
    return rounds / (time.perf_counter() - began)


def _peak_memory_mb() -> float:
    """Of this process, in 10^6 bytes; Linux says it, elsewhere it is 0."""
    try:
        match = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))
    except OSError:
        return 0.0
    return int(match[1]) * 1024 / 1e6 if match else 0.0


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
