"""Side by side with what people use today, on the same clips, people and films.

    python -m benchmarks.peers --data-root DATA --cache CACHE [--peer-python PYTHON]

It tracks hands, chooses values on val, learns from every draw, measures trackers and prints the
tables. Each step is kept below CACHE, so that an interrupted run goes on. docs/results/peers.md
says what is compared. PYTHON is that of an environment with mediapipe. Without it all landmarks
come from our tracker, and it alone is timed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from action_recognition.data.landmarks.tracked_video import tracked_pictures
from benchmarks import harness
from benchmarks.peers.accuracy import RECIPES, measure
from benchmarks.peers.clips import SEEDS, SIZES, DataSet, listed, load_data_set
from benchmarks.peers.extraction import our_store, peer_store, track_ours, track_peer
from benchmarks.peers.product import train_and_evaluate
from benchmarks.peers.quick import made_data_set
from benchmarks.peers.recipe import Recipe
from benchmarks.peers.report import PRODUCT, draw, run_time_table, tables
from benchmarks.peers.results import once, result_file, stored
from benchmarks.peers.trackers.run_time import Film, measured

_FILMS = 5
_STEPS = ("accuracy", "product", "run-time", "report")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the flags."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data-root", type=Path, help="holds a folder for each data set")
    parser.add_argument("--cache", type=Path, help="landmarks, runs and results")
    parser.add_argument("--peer-python", help="Python of an environment with mediapipe")
    parser.add_argument("--peer-landmarks", action="store_true", help="(a) to (c) learn from its")
    parser.add_argument("--data", default="smarthome_gestures,asl_words")
    names = ",".join([*(recipe.name for recipe in RECIPES), *PRODUCT])
    parser.add_argument("--competitors", default=names, help="default: %(default)s")
    parser.add_argument("--sizes", default=",".join(str(size or "all") for size in SIZES))
    parser.add_argument("--steps", default=",".join(_STEPS), help="default: %(default)s")
    parser.add_argument("--picture", type=Path, help="write the picture there")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--quick", action="store_true", help="made clips: does it run")
    options = parser.parse_args(argv)
    if not options.quick and not (options.data_root and options.cache):
        parser.error("--data-root and --cache are needed, or --quick")
    if options.peer_landmarks and not options.peer_python:
        parser.error("--peer-landmarks needs --peer-python")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps."""
    options = parse(argv)
    torch.set_num_threads(1)
    if options.quick:
        return _quick(options)

    options.cache = options.cache.resolve()
    options.data_root = options.data_root.resolve()
    sizes = [None if size == "all" else int(size) for size in options.sizes.split(",")]
    steps, names = options.steps.split(","), options.competitors.split(",")
    for name in options.data.split(","):
        if "accuracy" in steps:
            _accuracy(options, name, [one for one in RECIPES if one.name in names], sizes)
        if "product" in steps:
            _product(options, name, [one for one in PRODUCT if one in names], sizes)
    if "run-time" in steps:
        found = measured(_films(options), options.peer_python)
        _write(options.cache / "run_time.json", found | {"commit": harness.git_commit()})
    if "report" in steps:
        _report(options)
    return 0


def _accuracy(
    options: argparse.Namespace, name: str, recipes: Sequence[Recipe], sizes: Sequence[int | None]
) -> None:
    """Track the hands of a data set, and measure what learns from them."""
    track_ours(options.data_root, name, options.cache)
    ours = load_data_set(options.data_root, name, our_store(options.cache))
    theirs: DataSet = ours
    if options.peer_landmarks:
        track_peer(options.data_root, name, options.cache, options.peer_python)
        theirs = load_data_set(options.data_root, name, peer_store(options.cache))
    for recipe in recipes:
        is_ours = recipe.title.startswith("(f)")
        folder = options.cache / ("results" if is_ours else _results_folder(options))
        measure(recipe, ours if is_ours else theirs, folder, sizes)


def _results_folder(options: argparse.Namespace) -> str:
    """Return the folder of what (a) to (c) reached: by whose landmarks they learned."""
    return "results_mediapipe" if options.peer_landmarks else "results"


def _product(
    options: argparse.Namespace, name: str, templates: Sequence[str], sizes: Sequence[int | None]
) -> None:
    our_store(options.cache)
    for template in templates:
        for size in sizes:
            for seed in SEEDS:
                file = result_file(options.cache / "results", name, template, size, seed)
                folder = options.cache / "runs" / name / f"{template}-{size or 'all'}-{seed}"
                once(
                    file,
                    lambda: train_and_evaluate(
                        template, options.data_root, name, size, seed, folder  # noqa: B023
                    ),
                )  # fmt: skip


def _films(options: argparse.Namespace) -> list[Film]:
    """Return films of the first data set, evenly chosen, at the rate of tracking."""
    name = options.data.split(",")[0]
    clips = listed(options.data_root, name, ["val", "test"])
    store = our_store(options.cache)
    films: list[Film] = []
    for place in np.linspace(0, len(clips) - 1, _FILMS).astype(int).tolist():
        _, video, _ = store.look_up(clips[place].record)
        films.append([(time_s, picture) for _, time_s, picture in tracked_pictures(video)])
    return films


def _report(options: argparse.Namespace) -> None:
    results = stored(options.cache / "results")
    if options.peer_landmarks:
        # (a) to (c) by MediaPipe's landmarks, in the place of those by ours.
        theirs = stored(options.cache / _results_folder(options))
        learned = {result.competitor for result in theirs}
        results = [one for one in results if one.competitor not in learned] + theirs
        print(f"{', '.join(sorted(learned))}: by the landmarks of MediaPipe")
    print("\n".join(tables(results)))
    document: dict[str, Any] = {"results": [vars(result) for result in results]}
    file = options.cache / "run_time.json"
    if file.is_file():
        run_time = json.loads(file.read_text(encoding="utf-8"))
        print("\n".join(run_time_table(run_time)))
        figures = {name: value for name, (value, _, _) in run_time["figures"].items()}
        document |= {"run_time": run_time, "figures": figures}
    machine = harness.machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}")
    print(f"commit {harness.git_commit()}")
    if options.picture:
        draw(options.picture, results, options.data.split(",")[0])
    if options.json:
        facts = {"name": "peers", "commit": harness.git_commit(), "machine": machine}
        _write(options.json, facts | document)


def _quick(options: argparse.Namespace) -> int:
    """Let every competitor learn from a few made clips."""
    data = made_data_set()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for recipe in RECIPES:
            measure(recipe.shortened(), data, folder, [3], seeds=[0])
        results = stored(folder)
        print("\n".join(tables(results)))
        draw(options.picture or folder / "peers.png", results, data.name)
    if options.json:
        _write(options.json, {"name": "peers", "quick": True, "figures": {}})
    return 0


def _write(path: Path, document: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
