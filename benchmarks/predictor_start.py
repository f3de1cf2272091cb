"""From the start of a process to the first prediction, with the runtime packages alone.

Figures:
    import_s, ready_s (import and model), first_prediction_s (all that, and one clip of a file)
    memory_mb: the peak of the process.
    installed_mb: the base package's dependencies and theirs.
The model is an IR in f32 with random weights, for 16 frames of 224x224.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/predictor_start.py` without an installed package

from benchmarks import harness
from benchmarks.window_inference import export_ours, random_model
from tests.synthetic import numbered_frames, write_video

TIMES = ("import_s", "ready_s", "first_prediction_s")
TRAINING_ONLY = ("torch", "lightning", "timm", "torchvision", "mmcv", "matplotlib")
PROGRAM = f"""
import json, re, sys, time
for name in {TRAINING_ONLY}:
    sys.modules[name] = None  # importing it now raises ImportError
start = time.perf_counter()
from action_recognition.deploy import Predictor
seconds = [time.perf_counter() - start]
predictor = Predictor.from_path(sys.argv[1], num_threads=int(sys.argv[3]))
seconds.append(time.perf_counter() - start)
predictor.predict_file(sys.argv[2])
seconds.append(time.perf_counter() - start)
# Linux. getrusage would tell the peak of the process that started this one.
status = open("/proc/self/status").read()
print(json.dumps([*seconds, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) * 1024 / 1e6]))
"""


def start(model: Path, video: Path, threads: int) -> list[float]:
    """Seconds of `TIMES` and the peak memory in MB (10^6 bytes) of a process of its own."""
    command = [sys.executable, "-c", PROGRAM, str(model), str(video), str(threads)]
    done = subprocess.run(
        command, cwd=harness.REPOSITORY, capture_output=True, text=True, check=True
    )
    values: list[float] = json.loads(done.stdout)
    return values


def runtime_packages() -> list[str]:
    """The packages that the base package of `setup.py` brings, theirs included."""
    text = (harness.REPOSITORY / "setup.py").read_text(encoding="utf-8")
    runtime = text[text.index("RUNTIME = [") : text.index("EVENTS = [")]
    waiting, found = re.findall(r'"([A-Za-z0-9-]+)>=', runtime), []
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.append(name)
            required = importlib.metadata.requires(name) or []
            waiting += [
                match[0]
                for line in required
                if ";" not in line and (match := re.match(r"[A-Za-z0-9._-]+", line))
            ]
    return sorted(found)


def installed_mb(packages: Sequence[str]) -> float:
    """What their files take, in MB of 10^6 bytes."""
    files = [
        Path(str(file.locate()))
        for name in packages
        for file in importlib.metadata.files(name) or []
    ]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def main(argv: Sequence[str] | None = None) -> None:
    options = harness.parse_arguments(__doc__ or "", argv)
    with tempfile.TemporaryDirectory() as temporary:
        model = export_ours(random_model("msasl"), Path(temporary) / "export")
        video = write_video(Path(temporary) / "clip.mp4", numbered_frames(90, 480, 640))
        start(model, video, options.threads)  # reads the files from the disk once
        rows = np.array([start(model, video, options.threads) for _ in range(options.rounds(10))])
    timings = {name: harness.Timing(rows[:, column]) for column, name in enumerate(TIMES)}
    figures = {name: _spread(rows[:, column]) for column, name in enumerate((*TIMES, "memory_mb"))}
    packages = runtime_packages()
    figures["installed_mb"] = harness.Figure(installed_mb(packages))
    harness.report(
        "predictor_start", options, timings, figures, notes=["installed: " + ", ".join(packages)]
    )


def _spread(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> harness.Figure:
    low, median, high = np.percentile(values, (25, 50, 75))
    return harness.Figure(float(median), float(low), float(high))


if __name__ == "__main__":
    main()
