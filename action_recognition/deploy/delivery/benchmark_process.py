"""One measurement in a separate process, so that start and memory are those of the model alone.

Prints JSON:

    python -m action_recognition.deploy.delivery.benchmark_process MODEL THREADS PRECISION ROUNDS
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from action_recognition.peak_memory import peak_memory_bytes

if TYPE_CHECKING:
    from action_recognition.deploy.backends.protocol import Precision

# Clips of the round that warms up the throughput.
_CLIPS_IN_FLIGHT: Final = 4
# Layers with weights, by the end of their type's name.
_COMPUTING: Final = ("Convolution", "FullyConnected", "MatMul")
# Precisions in which a kernel's name can end.
_FLOATS: Final = ("f32", "bf16", "f16")


def measure(path: Path, threads: int, precision: str, rounds: int) -> dict[str, Any]:
    """Measure one model: seconds to open, milliseconds per clip, clips a second, peak memory.

    The first clip is measured apart. Clips a second are those with several in flight.
    """
    # The import of the engine is part of the time to open.
    start = time.perf_counter()
    from action_recognition.deploy.backends import load_backend

    backend = load_backend(path, threads, _asked(precision))
    opened = time.perf_counter()

    from action_recognition.deploy.delivery.made_clips import made_clips

    clip = made_clips(backend.metadata, 1)[:1]
    asked = time.perf_counter()
    backend.scores(clip)
    first = time.perf_counter()
    milliseconds = _milliseconds(backend, clip, rounds)
    # Before the throughput, which opens the model a second time.
    memory = peak_memory_bytes() / 1e6
    return {
        "runs_as": backend.runs_as,
        "computes_in": computes_in(backend),
        "open_s": opened - start,
        "first_ms": 1e3 * (first - asked),
        "p50_ms": float(np.percentile(milliseconds, 50)),
        "p95_ms": float(np.percentile(milliseconds, 95)),
        "memory_mb": memory,
        "clips_per_s": _throughput(path, threads, precision, clip, rounds),
    }


def computes_in(backend: Any) -> str:
    """Return the precisions that the layers with weights run in, the most frequent first.

    The form is `u8 50, f32 1`. Engines other than OpenVINO have `f32`.
    """
    compiled = getattr(backend, "compiled", None)
    if compiled is None:
        return "f32"

    infos = (node.get_rt_info() for node in compiled.get_runtime_model().get_ops())
    found = Counter(
        _layer_precision(info) for info in infos if _text(info, "layerType").endswith(_COMPUTING)
    )
    return ", ".join(f"{precision} {count}" for precision, count in found.most_common())


def _asked(precision: str) -> Precision:
    return "default" if precision == "default" else "f32"


def _layer_precision(info: Any) -> str:
    """Return the precision of one layer by OpenVINO's notes on it."""
    # A layer of an IR with f16 weights takes f16 even where it computes in another precision. The
    # name of its kernel ends in that.
    computed = _text(info, "primitiveType").lower().rpartition("_")[2]
    return computed if computed in _FLOATS else _text(info, "runtimePrecision").lower()


def _text(info: Any, key: str) -> str:
    return str(info[key].astype(str)) if key in info else ""


def _milliseconds(backend: Any, clip: Any, rounds: int) -> list[float]:
    """Time so many calls, one after another."""
    milliseconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        backend.scores(clip)
        milliseconds.append(1e3 * (time.perf_counter() - began))
    return milliseconds


def _throughput(path: Path, threads: int, precision: str, clip: Any, rounds: int) -> float:
    """Return clips a second, as `Predictor.submit` gives them with the hint `throughput`."""
    from action_recognition.deploy.backends import load_backend

    backend = load_backend(path, threads, _asked(precision), hint="throughput")
    # A first round without the clock: it makes the requests and the threads.
    for future in [backend.submit(clip[0]) for _ in range(_CLIPS_IN_FLIGHT)]:
        future.result()

    began = time.perf_counter()
    for future in [backend.submit(clip[0]) for _ in range(rounds)]:
        future.result()
    return rounds / (time.perf_counter() - began)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
