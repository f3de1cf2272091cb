"""Pictures of data sets: lengths, frame rates, and clips of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from action_recognition.plots.figure import new_figure, save_figure
from action_recognition.plots.texts import axis_texts, plain

_MOST_CLASSES = 100
_BAR_INCHES = 0.17
_ROW_INCHES = 2.4  # of the histograms


def draw_clip_statistics(
    path: Path,
    seconds: Sequence[float],
    rates_fps: Sequence[float],
    clips: Mapping[str, Mapping[str, int]],
) -> None:
    """Draw histograms of lengths and rates, and beside them the clips of each class.

    `clips` has the number of clips by split and class. Of more than 100 classes those with the
    fewest clips are shown.
    """
    totals = {name: 0 for of_split in clips.values() for name in of_split}
    for of_split in clips.values():
        for name, count in of_split.items():
            totals[name] += count
    names = sorted(totals, key=lambda name: (-totals[name], name))
    shown = names[-_MOST_CLASSES:]

    height_inches = max(2 * _ROW_INCHES, 1.2 + _BAR_INCHES * len(shown))
    figure = new_figure(11, height_inches)
    figure.suptitle(_title(sum(totals.values()), len(names)))
    left, right = figure.subfigures(1, 2)
    # Beside many classes the histograms keep their height.
    rest = max(0.01, height_inches / _ROW_INCHES - 2)
    grid = left.add_gridspec(3, 1, height_ratios=(1, 1, rest))
    for row, (values, text) in enumerate(
        ((seconds, "length of the gesture, s"), (rates_fps, "frame rate, fps"))
    ):
        axes = left.add_subplot(grid[row])
        axes.hist(values, bins=30)
        axes.set(xlabel=text, ylabel="clips")
    _draw_classes(right.add_subplot(), clips, shown)
    right.legend(loc="outside lower center", ncols=len(clips), fontsize=8)
    save_figure(figure, path)


def _title(num_clips: int, num_classes: int) -> str:
    title = f"{num_clips} clips of {num_classes} classes"
    fewest = f"; at the right the {_MOST_CLASSES} with the fewest clips"
    return title + (fewest if num_classes > _MOST_CLASSES else "")


def _draw_classes(axes: Any, clips: Mapping[str, Mapping[str, int]], names: Sequence[str]) -> None:
    """Draw a bar for each class, the first on top, with a part for each split."""
    reached = np.zeros(len(names))
    for split, of_split in clips.items():
        widths = np.array([of_split.get(name, 0) for name in names])
        axes.barh(range(len(names)), widths, left=reached, label=plain(split))
        reached += widths

    texts, fonts = axis_texts(names)
    axes.set_yticks(range(len(names)), texts, fontsize=8, **fonts)
    axes.set(xlabel="clips", ylim=(len(names) - 0.5, -0.5))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3, axis="x")
