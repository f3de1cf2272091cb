"""The tables in Markdown, and the picture of accuracy over examples."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from action_recognition.plots.figure import new_figure, save_figure
from benchmarks.peers.accuracy import RECIPES
from benchmarks.peers.clips import SIZES
from benchmarks.peers.results import Result, mean_and_all
from benchmarks.peers.stored_rows import STORED, StoredRow

PRODUCT: Final = {
    "hand-landmarks-clips": "(f) ours: landmarks, trained",
    "hand-landmarks-teachable": "(f) ours: landmarks and statistics",
}
"""Templates that the product's own commands train, with the titles of their rows."""
TITLES: Final = {recipe.name: recipe.title for recipe in RECIPES} | PRODUCT
# In the picture "all" is drawn behind the counted ones.
_PLACE_OF_ALL: Final = 25.0


def tables(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of all tables."""
    for data in sorted({result.data for result in results}, reverse=True):
        mine = [result for result in results if result.data == data]
        yield f"### {data}: top-1 of val and test together, %"
        yield ""
        yield from _accuracy(data, mine, ("together",))
        yield ""
        yield f"### {data}: val, then test"
        yield ""
        yield from _accuracy(data, mine, ("val", "test"))
        yield ""
        yield f"### {data}: CPU seconds from landmarks to a model"
        yield ""
        yield from _seconds(mine)
        yield ""


def _names(results: Sequence[Result]) -> list[str]:
    present = {result.competitor for result in results}
    return [name for name in TITLES if name in present]


def _measured_before(data: str, results: Sequence[Result]) -> list[StoredRow]:
    """Return the stored rows of a data set whose competitor was not measured again."""
    again = {result.competitor for result in results}
    return [row for row in STORED if row.data == data and row.name not in again]


def _header(first: str, last: str) -> Iterator[str]:
    sizes = [str(size or "all") for size in SIZES]
    yield f"| {first} | {' | '.join(sizes)} | {last} |"
    yield f"|---|{'---|' * (len(sizes) + 1)}"


def _accuracy(data: str, results: Sequence[Result], keys: Sequence[str]) -> Iterator[str]:
    yield from _header("clips a class", "commit")
    for name in _names(results):
        cells = []
        for size in SIZES:
            drawn = [row for row in results if row.competitor == name and row.size == size]
            means = [mean_and_all(getattr(row, key) for row in drawn) for key in keys]
            cells.append("; ".join(means) if drawn else "")
        commits = sorted({row.commit for row in results if row.competitor == name})
        yield f"| {TITLES[name]} | {' | '.join(cells)} | {', '.join(commits)} |"
    for row in _measured_before(data, results):
        if keys == ("together",):
            cells = [
                f"{row.together[size]:.1f}" if size in row.together
                else f"val {row.val[size]:.1f}" if size in row.val
                else ""
                for size in SIZES
            ]  # fmt: skip
            yield f"| {row.title} | {' | '.join(cells)} | {row.commits} |"


def _seconds(results: Sequence[Result]) -> Iterator[str]:
    yield from _header("clips a class", "values")
    for name in _names(results):
        cells, values = [], ""
        for size in SIZES:
            drawn = [row for row in results if row.competitor == name and row.size == size]
            cells.append(f"{statistics.median(row.cpu_s for row in drawn):.1f}" if drawn else "")
            values = str(drawn[0].values) if drawn and drawn[0].values else values
        yield f"| {TITLES[name]} | {' | '.join(cells)} | {f'`{values}`' if values else ''} |"


def run_time_table(measured: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table of trackers."""
    keys = ("median_ms", "p95_ms", "first_frame_ms", "ready_s", "peak_mb", "installed_mb")
    yield f"| tracker | {' | '.join(keys)} |"
    yield f"|---|{'---|' * len(keys)}"
    for name, row in measured["rows"].items():
        yield f"| {name} | {' | '.join(f'{row[key]:.1f}' for key in keys)} |"
    yield ""
    for name, (value, low, high) in measured["figures"].items():
        yield f"{name}: {value:.3f}" + ("" if low is None else f" ({low:.3f} to {high:.3f})")


def draw(path: Path, results: Sequence[Result], data: str) -> None:
    """Draw top-1 of val and test together over the clips a class, one line a competitor.

    Thin marks are the seeds. Rows that were measured before are dashed.
    """
    figure = new_figure(8.0, 5.0)
    axes = figure.add_subplot()
    mine = [result for result in results if result.data == data]
    for number, name in enumerate(_names(mine)):
        rows = [row for row in mine if row.competitor == name]
        sizes = [size for size in SIZES if any(row.size == size for row in rows)]
        means = [
            statistics.mean(row.together for row in rows if row.size == size) for size in sizes
        ]
        colour = f"C{number}"
        axes.plot([_place(size) for size in sizes], means, "o-", color=colour, label=TITLES[name])
        axes.plot(
            [_place(row.size) for row in rows], [row.together for row in rows], "_", color=colour
        )
    before = [row for row in _measured_before(data, mine) if row.together]
    for number, row in enumerate(before):
        places = [_place(size) for size in row.together]
        style = {"color": ("black", "grey")[number % 2], "label": f"{row.title}, measured before"}
        axes.plot(places, list(row.together.values()), "s--", **style)

    axes.set_xscale("log")
    axes.set_xticks([_place(size) for size in SIZES], [str(size or "all") for size in SIZES])
    axes.minorticks_off()
    axes.set(
        xlabel="training clips of each class",
        ylabel="top-1 of unseen people, %",
        title=f"{data}: the same clips and people for all",
        ylim=(0, 100),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    save_figure(figure, path)


def _place(size: int | None) -> float:
    return _PLACE_OF_ALL if size is None else float(size)
