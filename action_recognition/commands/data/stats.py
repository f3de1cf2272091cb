"""`tools/data/stats.py`: what a data set holds, as a table."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from action_recognition.commands.arguments import class_list, path_list, positive_int

if TYPE_CHECKING:
    from rich.console import Console

_PEOPLE_SHOWN = 30


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stats.py",
        description="Clips per class and person, lengths, frame rates and sizes of a data set.",
    )
    parser.add_argument(
        "--ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help="annotation files, separated by commas",
    )
    parser.add_argument(
        "--data-roots",
        type=path_list,
        required=True,
        metavar="DIRS",
        help="where their paths start: one, or one a file",
    )
    parser.add_argument(
        "--classes",
        type=class_list,
        metavar="A,B,...",
        help="class names (default: classes.json beside the annotation)",
    )
    people = parser.add_mutually_exclusive_group()
    people.add_argument(
        "--person-regex",
        metavar="REGEX",
        help=r"its first group is the person in a clip's path, as in '(p\d+)_'",
    )
    people.add_argument(
        "--metadata",
        type=Path,
        metavar="CSV",
        help="a table with a column file and a column person (or signer)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything here")
    parser.add_argument(
        "--histogram", type=Path, metavar="PNG", help="draw lengths, rates and clips per class"
    )
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--jobs",
        type=positive_int,
        default=cores,
        metavar="N",
        help=f"files opened at a time (default: {cores})",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.data.dataset_files import write_together
    from action_recognition.data.listed_clips import listed_clips
    from action_recognition.data.people import people_by_regex, people_by_table
    from action_recognition.dataset_tools.clip_statistics import (
        draw_histograms,
        gather_facts,
        summarise,
    )

    clips, labels = listed_clips(arguments.ann_files, arguments.data_roots, arguments.classes)
    people: Mapping[str, str] = {}
    if arguments.person_regex is not None:
        people = people_by_regex((clip.path for clip in clips), arguments.person_regex)
    elif arguments.metadata is not None:
        people = people_by_table(arguments.metadata)
    with shown_progress("opening clips") as progress:
        facts, unreadable = gather_facts(clips, people, arguments.jobs, progress)
    summary = summarise(facts, labels) | {
        "unreadable": [{"line": line, "reason": reason} for line, reason in unreadable]
    }
    _print(summary)
    if arguments.json:
        write_together(
            arguments.json.parent,
            {arguments.json.name: json.dumps(summary, ensure_ascii=False, indent=1) + "\n"},
        )
    if arguments.histogram and facts:
        draw_histograms(facts, arguments.histogram)
    return 0


def _print(summary: Mapping[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    splits = list(summary["splits"])
    table = Table(box=box.SIMPLE)
    for heading in ("class", *splits, "people", "s: min", "median", "max"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for name, row in summary["classes"].items():
        table.add_row(name, *(str(row["by_split"].get(split, 0)) for split in splits), *_cells(row))
    for split, row in summary["splits"].items():
        table.add_row(
            f"all of {split}",
            *(str(row["clips"]) if split == own else "" for own in splits),
            *_cells(row),
        )
    console = Console(width=None if os.isatty(1) else 120, markup=False, highlight=False)
    console.print(table)
    _print_people(console, summary["people"])
    shared = [person for person, row in summary["people"].items() if len(row["splits"]) > 1]
    console.print(
        f"{summary['clips']} clips, {len(summary['people'])} people known, {len(shared)} of them in more than one file"
    )
    for name in ("rates_fps", "sizes"):
        counts = list(summary[name].items())
        more = f" and {len(counts) - 8} others" if counts[8:] else ""
        console.print(
            f"{name.replace('_', ' ')}: "
            + ", ".join(f"{value} ({count})" for value, count in counts[:8])
            + more
        )
    for item in summary["unreadable"]:
        console.print(f"cannot be read: {item['line']}: {item['reason']}")


def _print_people(console: Console, people: Mapping[str, Any]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for heading in ("person", "clips", "in"):
        table.add_column(heading, justify="right" if heading == "clips" else "left")
    most = sorted(people.items(), key=lambda item: (-item[1]["clips"], item[0]))
    for person, row in most[:_PEOPLE_SHOWN]:
        table.add_row(person, str(row["clips"]), ", ".join(row["splits"]))
    if most[_PEOPLE_SHOWN:]:
        table.add_row(
            f"and {len(most) - _PEOPLE_SHOWN} more",
            str(sum(row["clips"] for _, row in most[_PEOPLE_SHOWN:])),
            "",
        )
    if most:
        console.print(table)


def _cells(row: Mapping[str, Any]) -> list[str]:
    seconds = row["seconds"]
    return [
        str(row["people"] or ""),
        *(f"{seconds[name]:.2f}" if seconds else "" for name in ("min", "median", "max")),
    ]
