"""Accuracy over the number of training clips a class: whether recording more would help."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.console import say
from action_recognition.data.annotations import read_annotations
from action_recognition.data.labels import training_labels
from action_recognition.data.listed_clips import listed_clips
from action_recognition.metrics import wilson_interval
from action_recognition.plots import draw_learning_curve
from action_recognition.template import load_template_dir
from action_recognition.training.options import TrainOptions
from action_recognition.training.reporting.compare import with_head_alone
from action_recognition.training.reporting.head_result import HEAD_RESULT_FILE
from action_recognition.training.studies.folds import TrainOne
from action_recognition.training.studies.subsets import nested_subset, write_annotations

CURVE_FILE = "learning_curve.csv"
CURVE_PICTURE = "learning_curve.png"
_HELPS_FROM = 2.0  # points of top-1 per doubling; less is hardly worth twice the recording


@dataclass(frozen=True)
class CurvePoint:
    """A run on a subset: clips in all and per class on average, best val top-1 and its top-5 in % (nan when the run gave none)."""

    clips_per_class: float
    num_clips: int
    accuracy: float
    top5: float
    seconds: float
    folder: Path


def train_learning_curve(
    work_dir: Path, options: TrainOptions, sizes: Sequence[int | None], train_one: TrainOne
) -> list[CurvePoint]:
    """One run per size (clips a class; None takes all) into `clips_3`, ..., `clips_all`; writes learning_curve.csv and .png.

    Subsets follow from the seed and are nested. The files are written anew after every run, so that a run that is stopped leaves
    what it measured.
    """
    template, _ = load_template_dir(work_dir)
    labels, labels_from = training_labels(
        options.train_ann_files, options.classes, template.labels, options.train_data_roots
    )
    say(f"{labels_from} ({len(labels)} classes)")
    clips, _ = listed_clips(options.train_ann_files, options.train_data_roots, labels)
    num_val = len(read_annotations(options.val_ann_files, options.val_data_roots, labels))
    truth = [clip.record.label for clip in clips]
    points: list[CurvePoint] = []
    previous: list[int] = []
    for size in sorted(sizes, key=lambda size: math.inf if size is None else size):
        chosen = nested_subset(truth, size, options.seed)
        if chosen == previous:
            say(
                f"learning curve: no class has more clips, so {size or 'all'} a class is the run before"
            )
            continue
        previous = chosen
        folder = options.save_checkpoints_to / f"clips_{size or 'all'}"
        say(f"learning curve: {size or 'all'} clips a class, {len(chosen)} clips")
        files, roots = write_annotations([clips[place] for place in chosen], folder, "train")
        (folder / HEAD_RESULT_FILE).unlink(missing_ok=True)  # of an earlier run
        train_one(work_dir, _subset_options(options, files, roots, folder, labels))
        run = with_head_alone(folder)
        accuracy, top5, seconds = (
            math.nan if value is None else value
            for value in (run.best_top1, run.best_top5, run.seconds)
        )
        points.append(
            CurvePoint(len(chosen) / len(set(truth)), len(chosen), accuracy, top5, seconds, folder)
        )
        write_points(options.save_checkpoints_to, points, num_val)
    for point in points:
        say(f"{point.clips_per_class:g} clips a class: val top-1 {point.accuracy:.1f} %")
    say(verdict(points, num_val))
    return points


def verdict(points: Sequence[CurvePoint], num_val_clips: int) -> str:
    """One sentence from the slope between the last two points, in points of top-1 per doubling of the clips.

    >>> steep = [CurvePoint(5, 85, 40.0, 70.0, 60.0, Path()), CurvePoint(10, 170, 52.0, 80.0, 90.0, Path())]
    >>> verdict(steep, 100)
    'more clips would help: the last doubling gave about 12.0 points of top-1 (95 % interval of one point: 9.6 wide to each side)'
    """
    usable = [point for point in points if not math.isnan(point.accuracy)]
    if len(usable) < 2:
        return "whether more clips would help takes two sizes at least"
    before, last = usable[-2:]
    gain = (last.accuracy - before.accuracy) / math.log2(
        last.clips_per_class / before.clips_per_class
    )
    low, high = wilson_interval(last.accuracy / 100, max(1, num_val_clips))
    noise = f"95 % interval of one point: {50 * (high - low):.1f} wide to each side"
    if gain >= _HELPS_FROM:
        return f"more clips would help: the last doubling gave about {gain:.1f} points of top-1 ({noise})"
    return f"more clips like these would hardly help: the last doubling gave about {gain:.1f} points of top-1 ({noise})"


def write_points(folder: Path, points: Sequence[CurvePoint], num_val_clips: int) -> None:
    """learning_curve.csv, a row per run, and its picture."""
    path = folder / CURVE_FILE
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["clips_per_class", "clips", "best_val_top1", "val_top5", "seconds", "run"])
        for point in points:
            numbers = [
                point.clips_per_class,
                point.num_clips,
                point.accuracy,
                point.top5,
                point.seconds,
            ]
            writer.writerow(
                ["" if math.isnan(number) else f"{number:.6g}" for number in numbers]
                + [point.folder.name]
            )
    partial.replace(path)
    drawn = [point for point in points if not math.isnan(point.accuracy)]
    if drawn:
        intervals = [
            wilson_interval(point.accuracy / 100, max(1, num_val_clips)) for point in drawn
        ]
        draw_learning_curve(
            folder / CURVE_PICTURE,
            [round(point.clips_per_class, 1) for point in drawn],
            [point.accuracy for point in drawn],
            [(100 * low, 100 * high) for low, high in intervals],
        )


def _subset_options(
    options: TrainOptions, files: list[Path], roots: list[Path], folder: Path, labels: list[str]
) -> TrainOptions:
    return dataclasses.replace(
        options,
        train_ann_files=files,
        train_data_roots=roots,
        save_checkpoints_to=folder,
        tensorboard_dir=None
        if options.tensorboard_dir is None
        else options.tensorboard_dir / folder.name,
        classes=labels,
    )
