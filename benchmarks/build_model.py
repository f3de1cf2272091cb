"""From a folder of 60 clips in 6 classes to an exported model that runs, by `tools/build_model.py`.

Figures, once with landmarks and once with pixels:
    landmarks_s, pixels_s: time from the command to the first prediction of `run.py` in the folder
        that it exported
    landmarks_cpu_s, pixels_cpu_s: CPU time of all its processes
The clips are drawn: a hand that the networks of hands see, two clips of each gesture by each of
five people, 480x360, about 1.6 s at 15 frames a second. Their hands are tracked anew in each run.
`--threads N` leaves the commands N cores. `--quick` trains one epoch.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/build_model.py` without an installed package

from action_recognition.download import CACHE_VARIABLE
from action_recognition.hands.network_files import fetch_hand_models
from benchmarks import harness
from benchmarks.harness import Figure, Timing
from tests.made_hand_films import GESTURES, MORE_GESTURES, REST, film, write_film

CLASSES = (*GESTURES, *MORE_GESTURES, REST)
PEOPLE = ("anna", "ben", "carl", "dora", "emil")
TAKES = 2


def write_clips(folder: Path) -> Path:
    """Write the clips of all people, a folder for each class. Return a clip of the first one."""
    seed = 0
    for gesture in CLASSES:
        for person in PEOPLE:
            for take in range(TAKES):
                file = folder / gesture / f"{person}_{take + 1}.mp4"
                file.parent.mkdir(parents=True, exist_ok=True)
                write_film(file, film(gesture, seed))
                seed += 1
    return folder / CLASSES[0] / f"{PEOPLE[0]}_1.mp4"


class Build:
    """The two commands of a reader: build, and run what was exported."""

    def __init__(self, clips: Path, clip: Path, output: Path, input_kind: str) -> None:
        self.output, self.clip = output, clip
        tool = str(harness.REPOSITORY / "tools" / "build_model.py")
        where = [str(clips), "--output", str(output), "--input-kind", input_kind]
        self.command = [sys.executable, tool, *where]

    def __call__(self, more: Sequence[str]) -> tuple[float, float]:
        """Return seconds and CPU seconds from the command to the first prediction."""
        began, cpu_began = time.perf_counter(), _cpu_of_children_s()
        _run([*self.command, *more], self.output.parent)
        said = _run([sys.executable, "run.py", "--clip", str(self.clip)], self.output / "export")
        if json.loads(said.splitlines()[-1])["scores"][0]["label"] not in CLASSES:
            raise RuntimeError("the exported model knows other labels")
        return time.perf_counter() - began, _cpu_of_children_s() - cpu_began

    def steps(self) -> str:
        """Return how long each step of the build took."""
        record = json.loads((self.output / "build.json").read_text(encoding="utf-8"))
        return ", ".join(f"{name} {step['seconds']:.0f}" for name, step in record["steps"].items())

    def accuracy(self) -> str:
        """Return what the build measured."""
        file = self.output / "measured" / "evaluation.json"
        found = json.loads(file.read_text(encoding="utf-8"))
        return f"{found['top1_of_clips']:.0f} % of {found['num_clips']} clips are right"


def _run(command: Sequence[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(harness.REPOSITORY)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _cpu_of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, and write the JSON."""
    options = harness.parse_arguments(str(__doc__).splitlines()[0], argv)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    networks = fetch_hand_models()
    more = ["--epochs", "1"] if options.quick else []

    timings: dict[str, Timing] = {}
    figures: dict[str, Figure] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clip = write_clips(folder / "my_clips")
        for kind in ("landmarks", "pixels"):
            # What an earlier run tracked is not found there.
            cache = folder / f"cache of {kind}"
            shutil.copytree(networks, cache / networks.name)
            os.environ[CACHE_VARIABLE] = str(cache)
            build = Build(folder / "my_clips", clip, folder / kind, kind)
            seconds, cpu_s = build(more)
            timings[f"build with {kind}"] = Timing(np.array([seconds]))
            figures |= {f"{kind}_s": Figure(seconds), f"{kind}_cpu_s": Figure(cpu_s)}
            notes.append(f"{kind}: {build.accuracy()}; s of each step: {build.steps()}")
    harness.report("build_model", options, timings, figures, notes=notes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
