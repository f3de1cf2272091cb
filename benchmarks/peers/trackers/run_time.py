"""Two trackers of hands on the same films: each in a process of its own, in turns on one core.

Frame by frame one tracker works while the other waits, so a slow moment of the machine hits both.
What is measured is the CPU time of the tracker's process. Sending the frame to it does not count.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from action_recognition.hands.networks import Picture
from benchmarks.harness import Figure
from benchmarks.peers.extraction import peer_command
from benchmarks.peers.trackers.frame_pipe import Answer, TrackerProcess
from benchmarks.predictor_start import runtime_packages

OURS, PEER = "ours, f32", "MediaPipe HandLandmarker"
_CROP: Final = 224
_SIDE_OVER_BOX: Final = 2.0
# Prints the sizes of an installed package and all that it needs.
_INSTALLED: Final = """
import importlib.metadata as m, pathlib, re, sys
todo, seen, total = sys.argv[1:], set(), 0
while todo:
    name = re.sub("[-_.]+", "-", todo.pop()).lower()
    if name in seen: continue
    seen.add(name)
    try: found = m.distribution(name)
    except m.PackageNotFoundError: continue
    files = [pathlib.Path(f.locate()) for f in found.files or ()]
    total += sum(p.stat().st_size for p in files if p.is_file())
    todo += [re.split("[ ;<>=!~\\\\[(]", r)[0] for r in found.requires or () if "extra ==" not in r]
print(total / 1e6)
"""

Film = Sequence[tuple[float, Picture]]
"""Times in seconds and pictures (H, W, 3) uint8 RGB."""


@dataclass
class Measured:
    """One tracker: CPU seconds of every frame by film, and what it found."""

    frame_s: list[list[float]] = field(default_factory=list)
    new_film_s: list[float] = field(default_factory=list)
    ready_s: float = 0.0
    peak_mb: float = 0.0
    hands: list[list[list[dict[str, Any]]]] = field(default_factory=list)

    def row(self) -> dict[str, float]:
        """Return the figures of a table's row, in ms and MB."""
        every = 1000.0 * np.concatenate([np.array(film) for film in self.frame_s])
        return {
            "median_ms": float(np.median(every)),
            "p95_ms": float(np.percentile(every, 95)),
            "first_frame_ms": 1000.0 * self.frame_s[0][0],
            "ready_s": self.ready_s,
            "peak_mb": self.peak_mb,
        }


def compare(films: Sequence[Film], commands: dict[str, list[str]]) -> dict[str, Measured]:
    """Give every film to all trackers, frame by frame in turns, on one core."""
    cores = sorted(os.sched_getaffinity(0))
    found = {name: Measured() for name in commands}
    running: dict[str, TrackerProcess] = {}
    try:
        for name, command in commands.items():
            running[name] = TrackerProcess(command, cores[-1])
            found[name].ready_s = running[name].ready_s
        for film in films:
            _play(film, running, found)
        for name, process in running.items():
            found[name].peak_mb = process.peak_mb
    finally:
        for process in running.values():
            process.close()
    return found


def _play(film: Film, running: dict[str, TrackerProcess], found: dict[str, Measured]) -> None:
    names = list(running)
    for name, process in running.items():
        found[name].new_film_s.append(process.new_film().cpu_s)
        found[name].frame_s.append([])
        found[name].hands.append([])
    for number, (time_s, picture) in enumerate(film):
        # Who begins changes with every frame.
        for name in names[:: 1 if number % 2 else -1]:
            answer: Answer = running[name].track(picture, round(1000.0 * time_s))
            found[name].frame_s[-1].append(answer.cpu_s)
            found[name].hands[-1].append(answer.hands)


def our_command(folder: Path | None = None) -> list[str]:
    """Return the command of our tracker."""
    worker = [sys.executable, "-m", "benchmarks.peers.trackers.our_tracker"]
    return worker if folder is None else [*worker, str(folder)]


def figures_of(found: dict[str, Measured]) -> dict[str, Figure]:
    """Return the ratio of CPU times, and how far the landmarks are apart."""
    ours, peer = found[OURS], found[PEER]
    ratios = [
        sum(theirs) / sum(mine) for theirs, mine in zip(peer.frame_s, ours.frame_s, strict=True)
    ]
    apart, same_number, frames = _apart(ours, peer)
    if not apart:
        raise ValueError("no frame shows a hand to both trackers")
    median, p95 = np.percentile(apart, (50, 95)).tolist()
    return {
        "hands_cpu_time_under_mediapipe_f32": Figure(
            float(np.mean(ratios)), float(min(ratios)), float(max(ratios))
        ),
        "landmarks_median_px": Figure(median),
        "landmarks_p95_px": Figure(p95),
        "same_number_of_hands": Figure(same_number / max(1, frames)),
    }


def _apart(ours: Measured, peer: Measured) -> tuple[list[float], int, int]:
    """Return distances of points in pixels of 224, frames with as many hands, and frames.

    A hand is compared with the nearest of the other tracker.
    """
    apart: list[float] = []
    same = frames = 0
    for mine, theirs in zip(ours.hands, peer.hands, strict=True):
        for hands, others in zip(mine, theirs, strict=True):
            frames += 1
            same += len(hands) == len(others)
            if not others:
                continue
            points = np.array([hand["points"] for hand in others]).reshape(-1, 21, 3)[..., :2]
            for hand in hands:
                here = np.array(hand["points"]).reshape(21, 3)[:, :2]
                ways = np.linalg.norm(points - here, axis=-1)
                side = _SIDE_OVER_BOX * np.ptp(here, axis=0).max()
                apart += (ways[ways.mean(-1).argmin()] / side * _CROP).tolist()
    return apart, same, frames


def installed_mb(python: str, packages: Sequence[str]) -> float:
    """Return what packages and all that they need take on disk, in MB of 10^6 bytes."""
    done = subprocess.run(
        [python, "-c", _INSTALLED, *packages], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def measured(films: Sequence[Film], peer_python: str | None) -> dict[str, Any]:
    """Return rows and figures, ready for JSON. Without a peer ours is alone."""
    commands = {OURS: our_command()}
    if peer_python:
        commands[PEER] = peer_command(peer_python)
    found = compare(films, commands)
    rows = {name: one.row() for name, one in found.items()}
    rows[OURS]["installed_mb"] = installed_mb(sys.executable, runtime_packages())
    if not peer_python:
        return {"rows": rows, "figures": {}, "films": [len(film) for film in films]}
    rows[PEER]["installed_mb"] = installed_mb(peer_python, ["mediapipe"])
    figures = {
        name: [figure.value, figure.low, figure.high] for name, figure in figures_of(found).items()
    }
    version = subprocess.run(
        [peer_python, "-c", "import importlib.metadata as m; print(m.version('mediapipe'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    versions = {"mediapipe": version, "openvino": importlib.metadata.version("openvino")}
    films_used = [len(film) for film in films]
    return {"rows": rows, "figures": figures, "films": films_used, "versions": versions}
