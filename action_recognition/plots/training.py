"""Pictures of training runs: curves, sweeps and shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from action_recognition.plots.figure import new_figure, save_figure

# Longer runs are drawn without a marker on every epoch.
_EPOCHS_WITH_MARKERS = 39


def draw_training_curves(
    path: Path,
    epochs: Sequence[int],
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    chance: Mapping[str, float],
) -> None:
    """Draw one panel beside another, each with its lines by name over the epochs.

    nan leaves a gap in a line. `chance` has the value of a guess in percent, for panels of
    accuracies: these reach from 0 to 100.
    """
    width_inches, height_inches = 4.6 * len(panels), 3.4
    # The picture is drawn often, and an automatic layout takes longer than the drawing.
    figure = new_figure(width_inches, height_inches, layout=None)
    figure.subplots_adjust(
        0.65 / width_inches,
        0.5 / height_inches,
        1 - 0.15 / width_inches,
        1 - 0.35 / height_inches,
        wspace=0.22,
    )

    for place, (title, lines) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        _draw_lines(axes, epochs, lines)
        if title in chance:
            _draw_chance(axes, chance[title])
            axes.set_ylim(-2, 102)
        # Without a given height, matplotlib looks for one among all labels.
        axes.set_title(title, y=1.0)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(fontsize=8)
    save_figure(figure, path)


def _draw_chance(axes: Any, percent: float) -> None:
    """Draw the accuracy of a guess."""
    axes.axhline(percent, color="grey", linestyle="--", label=f"top-1 of a guess, {percent:.3g} %")


def _draw_lines(axes: Any, epochs: Sequence[int], lines: Mapping[str, Sequence[float]]) -> None:
    marker = "." if len(epochs) <= _EPOCHS_WITH_MARKERS else None
    for name, values in lines.items():
        if not np.isnan(values).all():
            axes.plot(epochs, values, marker=marker, label=name)


def draw_learning_curve(
    path: Path,
    clips_per_class: Sequence[float],
    accuracy: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    num_val_clips: int,
    num_classes: int,
) -> None:
    """Draw validation top-1 (%) over training clips per class, on a logarithmic axis.

    Each point has its 95 % interval (%).
    """
    figure = new_figure(6.4, 4.2)
    axes = figure.add_subplot()
    errors = np.abs(np.array(intervals, dtype=float).T - np.array(accuracy, dtype=float))
    validated = f"top-1 of {num_val_clips} validation clips, 95 % interval"
    axes.errorbar(clips_per_class, accuracy, yerr=errors, marker="o", capsize=3, label=validated)
    _draw_chance(axes, 100.0 / num_classes)

    # Ticks at the measured numbers only.
    axes.set_xscale("log")
    axes.set_xticks(list(clips_per_class), [f"{count:g}" for count in clips_per_class])
    axes.minorticks_off()
    axes.set(xlabel="training clips per class", ylabel="validation top-1, %", ylim=(0, 102))
    axes.set_title("Accuracy over the number of clips")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save_figure(figure, path)


def draw_rate_sweep(
    path: Path,
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed_losses: Sequence[float],
    found: float | None,
) -> None:
    """Draw the loss over the learning rate, on a logarithmic axis, with the rate that was found."""
    figure = new_figure(6.0, 3.8)
    axes = figure.add_subplot()
    axes.plot(rates, losses, color="lightgrey", label="loss of the step")
    axes.plot(rates, smoothed_losses, label="smoothed")
    if found is not None:
        axes.axvline(found, color="grey", linestyle="--", label=f"steepest: {found:.2g}")

    axes.set(xscale="log", xlabel="base learning rate", ylabel="training loss")
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def draw_shares(path: Path, shares: Mapping[str, float], title: str) -> None:
    """Draw a bar for each name, the largest on top."""
    figure = new_figure(6.4, 1.2 + 0.35 * len(shares))
    axes = figure.add_subplot()
    # matplotlib draws the first bar at the bottom.
    names = sorted(shares, key=lambda name: shares[name])
    axes.barh(names, [shares[name] for name in names])

    axes.set_title(title)
    axes.grid(alpha=0.3, axis="x")
    save_figure(figure, path)
