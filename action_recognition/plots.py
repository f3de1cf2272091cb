"""Pictures of numbers, drawn without a screen; matplotlib is imported where it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

_COUNTS_SHOWN_UP_TO = 30  # classes; beyond that the cells are too small for numbers


def draw_confusion_matrix(
    path: Path, counts: npt.NDArray[np.int64], labels: Sequence[str], title: str
) -> None:
    """A picture of the confusion matrix (C, C), rows are labels: shade = share of the row, number = count."""
    number = len(labels)
    size = max(4.0, 0.33 * number + 2.0)
    figure = _figure(size + 1.0, size)
    axes = figure.add_subplot()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    if number <= _COUNTS_SHOWN_UP_TO:
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = share[row, column] > 0.5
            axes.text(
                column,
                row,
                str(counts[row, column]),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
    axes.set_xticks(range(number), labels, rotation=90)
    axes.set_yticks(range(number), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    axes.set_title(title)
    figure.colorbar(image, ax=axes, label="share of the label's clips", shrink=0.8)
    _save(figure, path)


def draw_training_curves(
    path: Path, epochs: Sequence[int], panels: Mapping[str, Mapping[str, Sequence[float]]]
) -> None:
    """One panel beside another, each with its lines by name over the epochs; nan leaves a gap."""
    width_inches, height_inches = 4.6 * len(panels), 3.4
    figure = _figure(
        width_inches, height_inches, layout=None
    )  # drawn often, and laying it out takes longer than drawing it
    figure.subplots_adjust(
        0.65 / width_inches,
        0.5 / height_inches,
        1 - 0.15 / width_inches,
        1 - 0.35 / height_inches,
        wspace=0.22,
    )
    for place, (title, lines) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        for name, values in lines.items():
            axes.plot(epochs, values, marker="." if len(epochs) < 40 else None, label=name)
        axes.set_title(
            title, y=1.0
        )  # a place of its own choice would be looked for among all labels
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend()
    _save(figure, path)


def draw_learning_curve(
    path: Path,
    clips_per_class: Sequence[float],
    accuracy: Sequence[float],
    intervals: Sequence[tuple[float, float]],
) -> None:
    """Validation top-1 (%) over training clips per class, on a logarithmic axis, with the 95 % interval (%) of each point."""
    figure = _figure(5.4, 3.8)
    axes = figure.add_subplot()
    errors = np.abs(np.array(intervals, dtype=float).T - np.array(accuracy, dtype=float))
    axes.errorbar(clips_per_class, accuracy, yerr=errors, marker="o", capsize=3)
    axes.set_xscale("log")
    axes.set_xticks(list(clips_per_class), [f"{count:g}" for count in clips_per_class])
    axes.minorticks_off()
    axes.set_xlabel("training clips per class")
    axes.set_ylabel("validation top-1, %")
    axes.grid(alpha=0.3)
    _save(figure, path)


def draw_rate_sweep(
    path: Path,
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed_losses: Sequence[float],
    found: float | None,
) -> None:
    """Loss over the learning rate, on a logarithmic axis, with the rate that was found."""
    figure = _figure(6.0, 3.8)
    axes = figure.add_subplot()
    axes.plot(rates, losses, color="lightgrey", label="loss of the step")
    axes.plot(rates, smoothed_losses, label="smoothed")
    if found is not None:
        axes.axvline(found, color="grey", linestyle="--", label=f"steepest: {found:.2g}")
    axes.set(xscale="log", xlabel="base learning rate", ylabel="training loss")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def draw_shares(path: Path, shares: Mapping[str, float], title: str) -> None:
    """A bar for each name, the largest on top."""
    figure = _figure(6.4, 1.2 + 0.35 * len(shares))
    axes = figure.add_subplot()
    names = sorted(shares, key=lambda name: shares[name])
    axes.barh(names, [shares[name] for name in names])
    axes.set_title(title)
    axes.grid(alpha=0.3, axis="x")
    _save(figure, path)


def draw_reliability_diagram(
    path: Path, tables: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[int]]]
) -> None:
    """One panel for each name: share of right clips over mean confidence of each bin, empty bins nan, with their numbers of clips.

    Source: DeGroot and Fienberg, The Statistician 32 (1983), 12-22.
    """
    figure = _figure(4.0 * len(tables), 4.2)
    for place, (title, (confidence, accuracy, counts)) in enumerate(tables.items(), start=1):
        axes = figure.add_subplot(1, len(tables), place)
        axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
        filled = [number for number, count in enumerate(counts) if count]
        points = [(confidence[number], accuracy[number]) for number in filled]
        axes.plot(*zip(*points, strict=True), marker="o")
        for point, number in zip(points, filled, strict=True):
            axes.annotate(
                str(counts[number]), point, textcoords="offset points", xytext=(5, -10), fontsize=8
            )
        axes.set(
            title=title,
            xlabel="confidence (number: clips)",
            ylabel="share that is right",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        axes.grid(alpha=0.3)
    _save(figure, path)


def draw_risk_coverage(
    path: Path, lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> None:
    """Share of wrong clips among the accepted ones over the share that is accepted, a line for each name (coverage, risk)."""
    figure = _figure(5.4, 3.8)
    axes = figure.add_subplot()
    for name, (coverage, risk) in lines.items():
        axes.plot(coverage, risk, drawstyle="steps-post", label=name)
    axes.set(
        xlabel="coverage: share of clips accepted",
        ylabel="risk: share of those that is wrong",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def draw_false_alarms(path: Path, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """False alarms an hour (symmetric log scale, so that 0 has a place) over recall (0..1); a line for each name."""
    figure = _figure(6, 4.5)
    axes = figure.add_subplot()
    for name, points in lines.items():
        axes.plot(
            [recall for recall, _ in points],
            [alarms for _, alarms in points],
            marker=".",
            label=name,
        )
    axes.set(
        xlabel="recall: share of gestures recognised",
        ylabel="false alarms per hour without gestures",
        xlim=(0, 1),
    )
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def draw_accuracy_over_latency(path: Path, points: Sequence[tuple[str, float, float]]) -> None:
    """Accuracy in % over the milliseconds of a clip, a named point for each (name, latency, accuracy)."""
    figure = _figure(7.0, 4.2)
    axes = figure.add_subplot()
    for name, latency_ms, accuracy in points:
        axes.plot([latency_ms], [accuracy], marker="o", linestyle="", label=name)
    axes.set(xlabel="ms for a clip, median", ylabel="top-1, % (mean over classes)", xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    _save(figure, path)


def save_picture(path: Path, picture_hwc: npt.NDArray[np.uint8]) -> None:
    """An RGB picture (H, W, 3) uint8 as PNG, written beside and renamed."""
    import cv2

    done, data = cv2.imencode(".png", np.ascontiguousarray(picture_hwc[..., ::-1]))
    if not done:
        raise OSError(f"{path}: the picture could not be encoded")
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(data.tobytes())
    partial.replace(path)


def _figure(
    width_inches: float, height_inches: float, layout: Literal["constrained"] | None = "constrained"
) -> Any:
    """A figure of its own: no state is shared with a window or with another thread's figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    figure.savefig(partial, dpi=100, format="png")
    partial.replace(path)
