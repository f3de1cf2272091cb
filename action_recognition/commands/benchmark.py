"""`tools/benchmark.py`: the flags; everything heavy is imported when the measuring starts."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import path_list, positive_int
from action_recognition.errors import user_error


def build_parser() -> argparse.ArgumentParser:
    """The flags of `tools/benchmark.py`."""
    parser = argparse.ArgumentParser(
        prog="benchmark.py",
        description="Latency, throughput, start, memory, size and the precision that was really computed in, of models in any form.",
    )
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=".xml, .onnx or .pth")
    parser.add_argument(
        "--threads",
        type=thread_counts,
        default=[1, 2, None],
        metavar="N,N,...",
        help="numbers, or all (default: 1,2,all)",
    )
    parser.add_argument(
        "--precision",
        choices=("f32", "default", "both"),
        default="both",
        help="f32, or what OpenVINO takes by itself (default: both)",
    )
    parser.add_argument(
        "--rounds", type=positive_int, default=30, metavar="N", help="clips to time (default: 30)"
    )
    parser.add_argument(
        "--evaluations",
        type=path_list,
        default=[],
        metavar="FILES",
        help="evaluation.json files of eval.py, by commas",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write it as Markdown")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="accuracy over latency as a picture; takes --evaluations",
    )
    return parser


def thread_counts(text: str) -> list[int | None]:
    """`1,2,all` as numbers, None for all.

    >>> thread_counts("1,all")
    [1, None]
    """
    return [
        None if part.strip() == "all" else positive_int(part.strip())
        for part in text.split(",")
        if part.strip()
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, measure one after the other, print and write the table."""
    arguments = build_parser().parse_args(argv)
    if arguments.plot and not arguments.evaluations:
        raise user_error(
            "--plot",
            "there is no accuracy to draw",
            fix="measure with eval.py and name its files with --evaluations",
        )
    from action_recognition.deploy.delivery import benchmarking
    from action_recognition.deploy.delivery.timing import cpu_name, num_cores

    benchmarking.check_models(arguments.models)
    accuracies = benchmarking.read_accuracies(arguments.evaluations)
    threads = sorted({count or num_cores() for count in arguments.threads})
    rows = []
    for path in arguments.models:
        accuracy = accuracies.get(benchmarking.file_sha256(path))
        asked = (
            ("f32", "default")
            if arguments.precision == "both" and path.suffix in (".xml", ".bin")
            else ("f32",)
        )
        for precision in (arguments.precision,) if arguments.precision != "both" else asked:
            for count in threads:
                rows.append(
                    benchmarking.measure_model(path, count, precision, arguments.rounds, accuracy)
                )
                print(
                    f"{rows[-1].model}, {count} threads, {rows[-1].computes_in}: {rows[-1].p50_ms:.1f} ms",
                    flush=True,
                )
    table = benchmarking.to_markdown(rows, cpu_name())
    print(table)
    if arguments.json:
        plain = {
            "cpu": cpu_name(),
            "rounds": arguments.rounds,
            "models": [row.as_plain() for row in rows],
        }
        _write(arguments.json, json.dumps(plain, indent=1) + "\n")
    if arguments.markdown:
        _write(arguments.markdown, table)
    if arguments.plot:
        from action_recognition.plots import draw_accuracy_over_latency

        points = [
            (f"{row.model}, {row.threads} threads", row.p50_ms, row.accuracy)
            for row in rows
            if row.accuracy is not None
        ]
        draw_accuracy_over_latency(arguments.plot, points)
    return 0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
