"""Pictures of measured models: errors, confidence, rejection and speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from action_recognition.plots.figure import new_figure, save_figure
from action_recognition.plots.texts import axis_texts, plain

# With more classes the cells are too small for numbers.
_COUNTS_SHOWN_UP_TO = 30
_CELL_INCHES, _SMALL_CELL_INCHES = 0.33, 0.14
_POINTS, _SMALL_POINTS = 10.0, 7.0
_LETTER_WIDTH = 0.6  # of the font's size, on average
# A shade rises quickly, so that a single clip can be seen among many.
_SHADE_POWER = 0.6


def draw_confusion_matrix(
    path: Path, counts: npt.NDArray[np.int64], labels: Sequence[str], title: str
) -> None:
    """Draw the confusion matrix (C, C), whose rows are labels.

    The shade is the share of the row, the number is the count.
    """
    from matplotlib.colors import PowerNorm

    is_small = len(labels) > _COUNTS_SHOWN_UP_TO
    cell, points = (_SMALL_CELL_INCHES, _SMALL_POINTS) if is_small else (_CELL_INCHES, _POINTS)
    texts, fonts = axis_texts(labels)
    # The names need their room beside the cells.
    names = max(map(len, texts)) * points * _LETTER_WIDTH / 72
    side = max(2.0, cell * len(labels)) + names + 1.0
    figure = new_figure(max(5.5, side + 1.5), side + 0.3)
    axes = figure.add_subplot()

    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", norm=PowerNorm(_SHADE_POWER, vmin=0.0, vmax=1.0))
    if not is_small:
        _write_counts(axes, counts, share)

    axes.set_xticks(range(len(labels)), texts, rotation=90, fontsize=points, **fonts)
    axes.set_yticks(range(len(labels)), texts, fontsize=points, **fonts)
    axes.set(xlabel="predicted", ylabel="label")
    # Over the whole picture: a small matrix is narrower than its title.
    figure.suptitle(plain(title), fontsize=11)
    bar = {"shrink": 0.8, "aspect": 30, "fraction": 0.04, "pad": 0.02}
    figure.colorbar(image, ax=axes, label="share of the label's clips", **bar)
    save_figure(figure, path)


def _write_counts(axes: Any, counts: npt.NDArray[np.int64], share: npt.NDArray[np.float64]) -> None:
    """Write every count that is not 0 into its cell."""
    centred = {"ha": "center", "va": "center", "fontsize": 8}
    for row, column in zip(*np.nonzero(counts), strict=True):
        # White can be read on the darker half of the shades.
        color = "white" if share[row, column] > 0.4 else "black"
        axes.text(column, row, str(counts[row, column]), color=color, **centred)


def draw_reliability_diagram(
    path: Path, tables: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[int]]]
) -> None:
    """Draw a panel for each name: the share of right clips over the mean confidence of each bin.

    A table is (confidence, accuracy, number of clips) by bin. Empty bins are nan.
    Source: DeGroot and Fienberg, The Statistician 32 (1983), 12-22.
    """
    figure = new_figure(4.0 * len(tables), 4.2)
    for place, (title, table) in enumerate(tables.items(), start=1):
        axes = figure.add_subplot(1, len(tables), place)
        # A calibrated model lies on the diagonal.
        axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
        _draw_bins(axes, *table)
        axes.set(title=plain(title), xlim=(0, 1), ylim=(0, 1))
        axes.set(xlabel="confidence (number: clips)", ylabel="share that is right")
        axes.grid(alpha=0.3)
    save_figure(figure, path)


def _draw_bins(
    axes: Any, confidence: Sequence[float], accuracy: Sequence[float], counts: Sequence[int]
) -> None:
    """Draw a line through the bins that have clips, each with its number of clips."""
    filled = [number for number, count in enumerate(counts) if count]
    points = [(confidence[number], accuracy[number]) for number in filled]
    axes.plot(*zip(*points, strict=True), marker="o")

    below = {"textcoords": "offset points", "xytext": (5, -10), "fontsize": 8}
    for point, number in zip(points, filled, strict=True):
        axes.annotate(str(counts[number]), point, **below)


def draw_risk_coverage(
    path: Path, lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> None:
    """Draw a line (coverage, risk) for each name.

    It is the share of wrong clips among the accepted ones over the share that is accepted.
    """
    figure = new_figure(5.4, 3.8)
    axes = figure.add_subplot()
    for name, (coverage, risk) in lines.items():
        axes.plot(coverage, risk, drawstyle="steps-post", label=plain(name))

    axes.set(xlabel="coverage: share of clips accepted", xlim=(0, 1))
    axes.set(ylabel="risk: share of those that is wrong", ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def draw_false_alarms(path: Path, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Draw a line for each name: false alarms an hour over recall (0..1)."""
    figure = new_figure(6, 4.5)
    axes = figure.add_subplot()
    for name, points in lines.items():
        recalls, alarms = [recall for recall, _ in points], [alarms for _, alarms in points]
        axes.plot(recalls, alarms, marker=".", label=plain(name))

    axes.set(xlabel="recall: share of gestures recognised", xlim=(0, 1))
    axes.set(ylabel="false alarms per hour without gestures")
    # A symmetric logarithmic scale has a place for 0.
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def draw_accuracy_over_latency(path: Path, points: Sequence[tuple[str, float, float]]) -> None:
    """Draw a named point for each (name, latency in ms, accuracy in %)."""
    figure = new_figure(7.0, 4.2)
    axes = figure.add_subplot()
    for name, latency_ms, accuracy in points:
        axes.plot([latency_ms], [accuracy], marker="o", linestyle="", label=plain(name))

    axes.set(xlabel="ms for a clip, median", ylabel="top-1, % (mean over classes)", xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    save_figure(figure, path)
