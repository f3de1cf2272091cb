"""`tools/data/stats.py`: show the contents of a data set as a table."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from action_recognition.commands.data.common_flags import (
    add_jobs_flag,
    add_list_flags,
    add_people_flags,
    files_of_lists,
)
from action_recognition.console import counted
from action_recognition.files import check_picture_name, check_result_places
from action_recognition.program import program

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from action_recognition.data.listed_clips import ListedClip

# Further people and values are counted, but not shown.
_PEOPLE_SHOWN = 30
_VALUES_SHOWN = 8

_DESCRIPTION = "Show clips per class and person, lengths, frame rates and sizes of a data set."


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/stats.py`."""
    parser = argparse.ArgumentParser(prog=program("stats.py"), description=_DESCRIPTION)
    add_list_flags(parser)
    add_people_flags(parser)

    # Outputs beside the tables.
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="Write all figures to this file as JSON."
    )
    parser.add_argument(
        "--histogram",
        type=Path,
        metavar="PNG",
        help="Draw lengths, frame rates and clips per class into this picture.",
    )

    parser.add_argument(
        "--hands",
        action="store_true",
        help="Track the hands of all clips, and count how often they are seen.",
    )
    add_jobs_flag(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, open the clips, print and write the figures."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.data.dataset_files import write_together
    from action_recognition.data.listed_clips import listed_clips
    from action_recognition.dataset_tools import clip_statistics

    histogram = {"--histogram": arguments.histogram}
    check_result_places({"--json": arguments.json}, files_of_lists(arguments), histogram)
    check_picture_name("--histogram", arguments.histogram)
    clips, labels = listed_clips(arguments.ann_files, arguments.data_roots, arguments.classes)
    people = _people(clips, arguments)
    with shown_progress("opening clips") as progress:
        facts, unreadable = clip_statistics.gather_facts(clips, people, arguments.jobs, progress)
    # Clips that cannot be opened are listed apart.
    summary = clip_statistics.summarise(facts, labels) | {
        "unreadable": [{"line": line, "reason": reason} for line, reason in unreadable]
    }

    _print(summary)
    if not summary["people"] and arguments.person_regex is None:
        print(_how_people_are_told(people, arguments.metadata))
    if arguments.hands:
        from action_recognition.dataset_tools.hand_statistics import hand_statistics

        summary |= {"hands": hand_statistics(clips, people, arguments.jobs)}
        _print_hands(summary["hands"])
    if arguments.json:
        text = json.dumps(summary, ensure_ascii=False, indent=1) + "\n"
        write_together(arguments.json.parent, {arguments.json.name: text})
        print(f"wrote {arguments.json}")
    if arguments.histogram and facts:
        clip_statistics.draw_histograms(facts, arguments.histogram)
        print(f"wrote {arguments.histogram}")
    return 0


def _people(clips: Sequence[ListedClip], arguments: argparse.Namespace) -> Mapping[str, str]:
    """Return the person of each path, empty where no flag finds persons."""
    from action_recognition.data.people import people_by_regex, people_by_table

    if arguments.person_regex is not None:
        return people_by_regex((clip.path for clip in clips), arguments.person_regex)
    if arguments.metadata is not None:
        return people_by_table(arguments.metadata)
    return {}


def _console() -> Console:
    """Return a console that prints names of classes as they are, whatever is in them."""
    from rich.console import Console

    # A pipe has no width. Long lines there are wrapped at 120 columns.
    width = None if os.isatty(1) else 120
    return Console(width=width, markup=False, highlight=False, emoji=False)


def _print(summary: Mapping[str, Any]) -> None:
    console = _console()
    console.print(_class_table(summary))
    _print_people(console, summary["people"])
    console.print(f"{counted(summary['clips'], 'clip')}, {_known_people(summary['people'])}")
    for name in ("rates_fps", "sizes"):
        console.print(f"{name.replace('_', ' ')}: {_first_counts(summary[name])}")
    for item in summary["unreadable"]:
        console.print(f"cannot be read: {item['line']}: {item['reason']}")


def _known_people(people: Mapping[str, Any]) -> str:
    if not people:
        return "people unknown"
    num_shared = sum(len(row["splits"]) > 1 for row in people.values())
    return f"{len(people)} people known, {num_shared} of them in more than one file"


def _how_people_are_told(people: Mapping[str, str], table: Path | None) -> str:
    """Return what to do where no clip has a person."""
    if table is None:
        return "--person-regex or --metadata tells who is in the clips"
    if not people:
        return f"{table} names no person"
    found = f"it has paths such as {next(iter(people))!r}"
    return f"{table} has none of these clips: {found}, the annotation files have other ones"


def _class_table(summary: Mapping[str, Any]) -> Table:
    """Return the table with a row for each class, then one for each split."""
    splits = list(summary["splits"])
    table = _table("class", *splits, "people", "s: min", "median", "max")
    for name, row in summary["classes"].items():
        by_split = (str(row["by_split"].get(split, 0)) for split in splits)
        table.add_row(name, *by_split, *_cells(row))
    for split, row in summary["splits"].items():
        own_column = (str(row["clips"]) if split == own else "" for own in splits)
        table.add_row(f"all of {split}", *own_column, *_cells(row))
    return table


def _print_people(console: Console, people: Mapping[str, Any]) -> None:
    """Print the people with the most clips."""
    table = _table("person", "clips", "in", left=("person", "in"))
    # The most clips first, then by name.
    most = sorted(people.items(), key=lambda item: (-item[1]["clips"], item[0]))
    shown, others = most[:_PEOPLE_SHOWN], most[_PEOPLE_SHOWN:]
    for person, row in shown:
        table.add_row(person, str(row["clips"]), ", ".join(row["splits"]))

    if others:
        num_clips = sum(row["clips"] for _, row in others)
        table.add_row(f"and {len(others)} more", str(num_clips), "")
    if most:
        console.print(table)


def _print_hands(hands: Mapping[str, Mapping[str, Any]]) -> None:
    """Print how often hands are seen, the class and the person with the fewest first."""
    console = _console()
    for title, heading in (("classes", "class"), ("people", "person")):
        table = _table(heading, "clips", "no hand", "seen, %", "both, %", left=(heading,))
        for name, row in sorted(hands[title].items(), key=lambda item: item[1]["seen_share"]):
            shares = (f"{100 * row[key]:.0f}" for key in ("seen_share", "both_share"))
            table.add_row(name, str(row["clips"]), str(row["without_hand"]), *shares)
        if hands[title]:
            console.print(table)


def _table(*headings: str, left: Sequence[str] = ("class",)) -> Table:
    """Return an empty table. Columns are aligned to the right, but for those named in `left`."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in left else "right")
    return table


def _first_counts(counts: Mapping[str, int]) -> str:
    """Return the first values with their numbers, and how many others there are."""
    pairs = [f"{value} ({count})" for value, count in counts.items()]
    num_others = len(pairs) - _VALUES_SHOWN
    more = f" and {num_others} others" if num_others > 0 else ""
    return ", ".join(pairs[:_VALUES_SHOWN]) + more


def _cells(row: Mapping[str, Any]) -> list[str]:
    """Return the cells of a row: people, then the shortest, median and longest clip in seconds."""
    seconds = row["seconds"]
    lengths = (f"{seconds[name]:.2f}" if seconds else "" for name in ("min", "median", "max"))
    return [str(row["people"] or ""), *lengths]
