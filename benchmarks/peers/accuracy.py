"""Every competitor on the same draws of the same people: values chosen on val, test looked at once.

Values are chosen with the draw of five clips a class and seed 0, for each data set. Every
competitor may try `NUM_CANDIDATES` of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from action_recognition.console import say
from benchmarks.peers.clips import SEEDS, ClipSet, DataSet
from benchmarks.peers.graph import GRAPH
from benchmarks.peers.kit import STACKED_LSTM, TWO_LAYERS
from benchmarks.peers.recipe import Recipe, Scores, Values
from benchmarks.peers.results import Result, once, result_file
from benchmarks.peers.statistics_fit import STATISTICS
from benchmarks.peers.time_warping import TIME_WARPING

RECIPES: Final = (TIME_WARPING, STATISTICS, TWO_LAYERS, STACKED_LSTM, GRAPH)
CHOSEN_AT: Final = 5
"""Training clips a class of the draw on which values are chosen."""


def top1(scores: Scores, clips: ClipSet) -> float:
    """Return the share of right clips in %. A clip without any hand counts, too."""
    return 100.0 * float(np.mean(scores(clips).argmax(1) == clips.labels))


def usable(clips: ClipSet) -> ClipSet:
    """Return the clips that show a hand: others teach nothing."""
    return clips.part([i for i, hands in enumerate(clips.hands) if hands[..., -1].any()])


def chosen_values(recipe: Recipe, data: DataSet, folder: Path) -> Values:
    """Return the values that are best on val. They are kept with all figures."""
    file = folder / data.name / f"{recipe.name}.chosen"
    if file.is_file():
        return dict(json.loads(file.read_text(encoding="utf-8"))["values"])
    train, val = usable(data.training_part(CHOSEN_AT, 0)), data.splits["val"]
    tried: list[dict[str, Any]] = []
    for values in recipe.candidates:
        found = top1(recipe.fit(train, len(data.classes), values, 0), val)
        tried.append({"values": dict(values), "val": found})
        say(f"{data.name} {recipe.name}: val {found:.1f} % with {dict(values)}")

    best = max(tried, key=lambda row: float(row["val"]))
    file.parent.mkdir(parents=True, exist_ok=True)
    document = {"values": best["values"], "tried": tried}
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return dict(best["values"])


def measure(
    recipe: Recipe,
    data: DataSet,
    folder: Path,
    sizes: Sequence[int | None],
    seeds: Sequence[int] = SEEDS,
) -> list[Result]:
    """Return the results of all draws. Those that are stored are not made again."""
    values = chosen_values(recipe, data, folder)
    results = []
    for size in sizes:
        for seed in seeds:
            file = result_file(folder, data.name, recipe.name, size, seed)
            result = once(file, lambda: _one(recipe, data, values, (size, seed)))  # noqa: B023
            results.append(result)
            say(
                f"{data.name} {recipe.name} {size or 'all'} clips, seed {seed}: val "
                f"{result.val:.1f}, test {result.test:.1f} %, {result.cpu_s:.1f} s"
            )
    return results


def _one(recipe: Recipe, data: DataSet, values: Values, draw: tuple[int | None, int]) -> Result:
    size, seed = draw
    train = usable(data.training_part(size, seed))
    before = time.process_time()
    scores = recipe.fit(train, len(data.classes), values, seed)
    cpu_s = time.process_time() - before
    val, test = data.splits["val"], data.splits["test"]
    return Result(
        data.name, recipe.name, size, seed, top1(scores, val), top1(scores, test),
        len(val), len(test), cpu_s, dict(values),
    )  # fmt: skip
