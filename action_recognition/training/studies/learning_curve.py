"""Accuracy over the number of training clips a class: an answer to whether more would help."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.console import say
from action_recognition.data.listed_clips import ListedClip, listed_clips
from action_recognition.files import write_csv
from action_recognition.metrics import wilson_interval
from action_recognition.plots import draw_learning_curve
from action_recognition.training.machine.run_lock import sole_run
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import PreparedRun, prepare
from action_recognition.training.reporting.head_result import HEAD_RESULT_FILE
from action_recognition.training.reporting.run_summary import with_head_alone
from action_recognition.training.studies.folds import TrainOne
from action_recognition.training.studies.subsets import (
    nested_subset,
    options_of_part,
    write_annotations,
)

CURVE_FILE = "learning_curve.csv"
CURVE_PICTURE = "learning_curve.png"
_HELPS_FROM = 2.0  # points of top-1 per doubling; less is hardly worth twice the recording


@dataclass(frozen=True)
class CurvePoint:
    """A run on a subset: clips per class on average and in all, best val top-1 and its top-5 in %.

    Accuracies are nan where the run gave none.
    """

    clips_per_class: float
    num_clips: int
    accuracy: float
    top5: float
    seconds: float
    folder: Path


def train_learning_curve(
    run: PreparedRun, sizes: Sequence[int | None], train_one: TrainOne
) -> list[CurvePoint]:
    """Train one run per size (clips a class, None takes all) into `clips_3`, ..., `clips_all`.

    Writes learning_curve.csv and .png after every run, so that a stopped study leaves what it
    measured. Subsets follow from the seed and are nested.
    """
    assert run.val is not None
    options, num_val = run.options, len(run.val)
    clips, _ = listed_clips(options.train_ann_files, options.train_data_roots, run.labels)

    # Another run in this folder is refused before anything of the first one is replaced.
    with sole_run(options.save_checkpoints_to):
        points = _train_sizes(run, clips, sizes, train_one)

    # The answer: a line per point, then whether more clips would help.
    for point in points:
        say(f"{point.clips_per_class:g} clips a class: val top-1 {point.accuracy:.1f} %")
    say(verdict(points, num_val))
    return points


def _train_sizes(
    run: PreparedRun,
    clips: Sequence[ListedClip],
    sizes: Sequence[int | None],
    train_one: TrainOne,
) -> list[CurvePoint]:
    """Train on one subset after the other, and write the points after each."""
    options, num_val = run.options, len(run.val or ())
    truth = [clip.record.label for clip in clips]
    points: list[CurvePoint] = []

    # Small subsets first: they are quick, and each is part of the next.
    previous: list[int] = []
    for size in sorted(sizes, key=lambda size: math.inf if size is None else size):
        name = str(size or "all")
        chosen = nested_subset(truth, size, options.seed)
        if chosen == previous:
            same = f"no class has more clips, so {name} a class is the run before"
            say(f"learning curve: {same}")
            continue
        previous = chosen
        say(f"learning curve: {name} clips a class, {len(chosen)} clips")
        folder = options.save_checkpoints_to / f"clips_{name}"
        part_clips = [clips[place] for place in chosen]

        # The subset's folder is held too, before the result of an earlier run goes.
        with sole_run(folder):
            (folder / HEAD_RESULT_FILE).unlink(missing_ok=True)
            train_one(prepare(run.work_dir, _subset_options(run, part_clips, folder)))
        points.append(_point(folder, len(chosen), len(set(truth))))
        write_points(options.save_checkpoints_to, points, num_val, len(run.labels))
    return points


def _point(folder: Path, num_clips: int, num_classes: int) -> CurvePoint:
    """Read what a run on a subset reached."""
    run = with_head_alone(folder)
    accuracy, top5, seconds = (
        math.nan if value is None else value
        for value in (run.best_top1, run.best_top5, run.seconds)
    )
    return CurvePoint(num_clips / num_classes, num_clips, accuracy, top5, seconds, folder)


def verdict(points: Sequence[CurvePoint], num_val_clips: int) -> str:
    """Say whether more clips would help, from the last two points and their 95 % intervals.

    Where the intervals overlap, the difference may be chance, and nothing is promised.

    >>> few = CurvePoint(5, 85, 40.0, 70.0, 60.0, Path())
    >>> many = CurvePoint(10, 170, 60.0, 80.0, 90.0, Path())
    >>> said, intervals = verdict([few, many], 200).split(" (")
    >>> said
    'more clips would help: the last doubling gave about 20.0 points of top-1'
    >>> intervals
    '95 % intervals: 33 to 47 %, 53 to 67 %)'
    >>> verdict([few, many], 20).split(":")[0]
    'whether more clips would help cannot be told from 20 validation clips'
    """
    usable = [point for point in points if not math.isnan(point.accuracy)]
    if len(usable) < 2:
        return "whether more clips would help takes two sizes at least"

    before, last = usable[-2:]
    spans = [_interval(point, num_val_clips) for point in (before, last)]
    shown = ", ".join(f"{low:.0f} to {high:.0f} %" for low, high in spans)
    intervals = f"(95 % intervals: {shown})"
    if _overlap(*spans):
        unknown = f"cannot be told from {num_val_clips} validation clips"
        step = f"{before.accuracy:.1f} and {last.accuracy:.1f} % may differ by chance {intervals}"
        since = _rise_since(usable[0], last, num_val_clips)
        return f"whether more clips would help {unknown}: {step}{since}"

    doublings = math.log2(last.clips_per_class / before.clips_per_class)
    gain = (last.accuracy - before.accuracy) / doublings
    helps = gain >= _HELPS_FROM
    found = "more clips would help" if helps else "more clips like these would hardly help"
    return f"{found}: the last doubling gave about {gain:.1f} points of top-1 {intervals}"


def _rise_since(first: CurvePoint, last: CurvePoint, num_val_clips: int) -> str:
    """Return what the whole curve says beyond chance, or nothing."""
    if _overlap(_interval(first, num_val_clips), _interval(last, num_val_clips)):
        return ""
    sizes = f"from {first.clips_per_class:g} to {last.clips_per_class:g} clips a class"
    values = f"from {first.accuracy:.1f} to {last.accuracy:.1f} %"
    return f"; {sizes} it changed {values}, more than by chance"


def _interval(point: CurvePoint, num_val_clips: int) -> tuple[float, float]:
    """Return the 95 % interval of a point's accuracy, in %."""
    low, high = wilson_interval(point.accuracy / 100, max(1, num_val_clips))
    return 100 * low, 100 * high


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def write_points(
    folder: Path, points: Sequence[CurvePoint], num_val_clips: int, num_classes: int
) -> None:
    """Write learning_curve.csv, a row per run, and its picture."""
    rows = [["clips_per_class", "clips", "best_val_top1", "val_top5", "seconds", "run"]]
    for point in points:
        numbers = (
            point.clips_per_class, point.num_clips, point.accuracy, point.top5, point.seconds
        )  # fmt: skip
        cells = ["" if math.isnan(number) else f"{number:.6g}" for number in numbers]
        rows.append([*cells, point.folder.name])
    write_csv(folder / CURVE_FILE, rows)

    # A run that gave no accuracy has a row, but no place in the picture.
    drawn = [point for point in points if not math.isnan(point.accuracy)]
    if drawn:
        draw_learning_curve(
            folder / CURVE_PICTURE,
            [round(point.clips_per_class, 1) for point in drawn],
            [point.accuracy for point in drawn],
            [_interval(point, num_val_clips) for point in drawn],
            num_val_clips,
            num_classes,
        )


def _subset_options(run: PreparedRun, clips: Sequence[ListedClip], folder: Path) -> TrainOptions:
    """Write the annotation files of a subset, and return the options of its run."""
    files, roots = write_annotations(clips, folder, "train")
    part = options_of_part(run, folder)
    return dataclasses.replace(part, train_ann_files=files, train_data_roots=roots)
