#!/usr/bin/env python3
"""Put measured tables into docs/results/deploy.md.

Each is between its marks there, `<!-- NAME -->` and `<!-- end of NAME -->`.

    python tools/benchmark.py export/model.xml export/model_fp16.xml export/model_int8.xml \\
        export/model.onnx --json benchmark.json
    python experiments/deploy_forms.py --checkpoint outputs/latest.pth --export export \\
        --data DATA/smarthome_gestures --json forms.json
    python experiments/deploy_tables.py --benchmark benchmark.json \\
        --compression lite0=export/compression.json,... --forms forms.json,other.json

A name and = before a file become the heading of its table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_recognition.commands.arguments import path_list
from action_recognition.deploy.delivery.benchmarking import Measured
from action_recognition.deploy.delivery.benchmarking import to_markdown as benchmark_table
from action_recognition.errors import run_command, user_error

PAGE = Path(__file__).resolve().parents[1] / "docs" / "results" / "deploy.md"
_FORM_COLUMNS: Final = (
    "form",
    "computed by",
    "top-1 of val",
    "of test",
    "of both (95 %)",
    "drop, points (95 %)",
    "same answer",
    "largest difference",
)


def times(document: Mapping[str, Any]) -> str:
    """The table of `tools/benchmark.py --json`."""
    return benchmark_table(
        [Measured(**row) for row in document["models"]], str(document["cpu"])
    ).strip()


def gate(document: Mapping[str, Any]) -> str:
    """The trials of a compression.json and what each layer ended in."""
    lines = [
        "| layers given back | clips | FP32 | INT8 | drop, points (95 %) | same answer |",
        "|---|---|---|---|---|---|",
    ]
    for row in document["cross_validated"]:
        drop = f"{row['points']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})"
        figures = (
            f"{row['before']:.2f} % | {row['after']:.2f} % | {drop} | {row['agreement']:.1f} %"
        )
        lines.append(f"| {row['layers_given_back']} | {row['num_clips']} | {figures} |")
    states = [row["computes_in"] for row in document["layers"]]
    counted = ", ".join(
        f"{states.count(state)} {state}" for state in ("int8", "given back", "float")
    )
    clips = f"{document['folds']} folds, quantised on {document['calibration_clips']} clips"
    return "\n".join([*lines, "", f"Operations: {counted}. {clips}."])


def accuracies(documents: Sequence[Mapping[str, Any]]) -> str:
    """A table for each result of deploy_forms.py."""
    return "\n\n".join(_of_one_network(document) for document in documents)


def _of_one_network(found: Mapping[str, Any]) -> str:
    clips = found["num_clips"]
    clips_of_both = f"{clips['val']} validation and {clips['test']} test clips"
    lines = [f"{found['name']}, {found['data']}, {clips_of_both}:", ""]
    lines += [f"| {' | '.join(_FORM_COLUMNS)} |", "|---" * len(_FORM_COLUMNS) + "|"]
    for row in found["forms"]:
        (low, high), (points, least, most) = row["interval"], row["drop"]
        both, drop = (
            f"{row['both']:.2f} % ({low:.1f} to {high:.1f})",
            f"{points:+.2f} ({least:+.2f} to {most:+.2f})",
        )
        figures = (
            f"{row['val']:.2f} %",
            f"{row['test']:.2f} %",
            both,
            drop,
            f"{row['agreement']:.1f} %",
            f"{row['max_probability_difference']:.1e}",
        )
        lines.append(f"| {' | '.join((row['form'], row['runs_as'], *figures))} |")
    return "\n".join(
        [
            *lines,
            "",
            "Drop, answer and the largest difference of a probability are against the first row.",
        ]
    )


def replace_table(page: str, name: str, table: str) -> str:
    """The page with another table between the marks of this name. Errors: it has no such marks."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if start not in page or end not in page:
        raise user_error("--page", f"has no marks {start} and {end}")
    before, rest = page.split(start, 1)
    return f"{before}{start}\n\n{table}\n\n{end}{rest.split(end, 1)[1]}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE")
    parser.add_argument(
        "--benchmark",
        type=_named_list,
        default=[],
        metavar="[NAME=]FILES",
        help="of tools/benchmark.py --json",
    )
    parser.add_argument(
        "--compression",
        type=_named_list,
        default=[],
        metavar="[NAME=]FILES",
        help="compression.json of compress.py",
    )
    parser.add_argument(
        "--forms",
        type=path_list,
        default=[],
        metavar="FILES",
        help="of deploy_forms.py --json, by commas",
    )
    options = parser.parse_args(argv)
    tables = {}
    if options.benchmark:
        tables["times of all forms"] = _under_headings(options.benchmark, times)
    if options.compression:
        tables["accuracy gate"] = _under_headings(options.compression, gate)
    if options.forms:
        tables["accuracy of all forms"] = accuracies([_read(path) for path in options.forms])
    page = options.page.read_text(encoding="utf-8")
    for name, table in tables.items():
        page = replace_table(page, name, table)
    partial = options.page.with_name(f".{options.page.name}.part")
    partial.write_text(page, encoding="utf-8")
    partial.replace(options.page)
    print(f"{options.page}: {', '.join(tables) or 'nothing'} written")
    return 0


def _named_list(text: str) -> list[tuple[str, Path]]:
    """(name, file) of each of `name=file` by commas; the name may be missing."""
    return [
        (name, Path(file)) for name, _, file in (item.rpartition("=") for item in text.split(","))
    ]


def _under_headings(
    files: Sequence[tuple[str, Path]], table: Callable[[dict[str, Any]], str]
) -> str:
    return "\n\n".join(
        (f"{name}:\n\n" if name else "") + table(_read(path)) for name, path in files
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise user_error(str(path), "is no JSON file of these tools") from None


if __name__ == "__main__":
    run_command(main)
