"""`tools/benchmark.py`: the flags. Heavy packages are imported when the measuring starts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import count_or_all, path_list, positive_int
from action_recognition.console import say
from action_recognition.errors import user_error
from action_recognition.files import (
    check_picture_name,
    check_result_places,
    sha256_of,
    write_json,
    write_text,
)
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.deploy.delivery.benchmarking import Measured

_DESCRIPTION = (
    "Measure models in any form: latency, throughput, start, memory, size, and the precision that "
    "they compute in."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/benchmark.py`."""
    parser = argparse.ArgumentParser(prog=program("benchmark.py"), description=_DESCRIPTION)
    parser.add_argument(
        "models",
        type=Path,
        nargs="+",
        metavar="MODEL",
        help="Models to measure: .xml, .onnx or .pth.",
    )
    _add_measuring_flags(parser)
    _add_rounds_flag(parser)
    _add_output_flags(parser)
    _add_plot_flag(parser)
    return parser


def _add_measuring_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads",
        type=thread_counts,
        default=[1, 2, None],
        metavar="N,N,...",
        help="Numbers of CPU threads, 1 or more, or all (default: 1,2,all).",
    )
    # Only an IR can compute in another precision than f32.
    parser.add_argument(
        "--precision",
        choices=("f32", "default", "both"),
        default="both",
        help="Compute in f32, in the precision that OpenVINO chooses (default), or in both, "
        "one after the other (default: both).",
    )


def _add_rounds_flag(parser: argparse.ArgumentParser) -> None:
    # One round times one clip.
    parser.add_argument(
        "--rounds",
        type=positive_int,
        default=30,
        metavar="N",
        help="Number of clips to time, 1 or more (default: 30).",
    )


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    # This command measures speed, eval.py measures accuracy.
    parser.add_argument(
        "--evaluations",
        type=path_list,
        default=[],
        metavar="FILES",
        help="Take the accuracies from these evaluation.json files of eval.py, "
        "separated by commas.",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="Also write the table to this file as JSON."
    )

    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="Also write the table as Markdown."
    )


def _add_plot_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="Draw accuracy over latency into this picture. Needs --evaluations.",
    )


def thread_counts(text: str) -> list[int | None]:
    """Return numbers of threads of a list separated by commas, one at least. None is `all`.

    >>> thread_counts("1,all")
    [1, None]
    """
    counts = [count_or_all(part) for part in text.split(",") if part.strip()]
    if not counts:
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: 1,2,all and the like")
    return counts


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, measure one model after the other, print and write the table."""
    arguments = build_parser().parse_args(argv)
    if arguments.plot and not arguments.evaluations:
        raise user_error(
            "--plot",
            "there is no accuracy to draw",
            fix="measure with eval.py and name its files with --evaluations",
        )
    from action_recognition.deploy.delivery import benchmarking
    from action_recognition.deploy.delivery.folder import DELIVERED_FILES
    from action_recognition.deploy.delivery.timing import cpu_name

    # Wrong files end the command before the first measurement.
    delivered = [model.parent / name for model in arguments.models for name in DELIVERED_FILES]
    weights = [model.with_suffix(".bin") for model in arguments.models]
    check_result_places(
        {"--json": arguments.json},
        [*arguments.evaluations, *arguments.models, *weights, *delivered],
        {"--markdown": arguments.markdown, "--plot": arguments.plot},
    )
    check_picture_name("--plot", arguments.plot)
    benchmarking.check_models(arguments.models)
    rows = list(_measure(arguments))

    table = benchmarking.to_markdown(rows, cpu_name())
    print(table)
    _write_results(arguments, rows, table)
    return 0


def _measure(arguments: argparse.Namespace) -> Iterator[Measured]:
    """Measure every model in every precision with every number of threads. Print each result."""
    from action_recognition.deploy.delivery import benchmarking
    from action_recognition.deploy.delivery.timing import num_cores

    # The checksum of a model file leads to its accuracy.
    accuracies = benchmarking.read_accuracies(arguments.evaluations)
    threads = sorted({count or num_cores() for count in arguments.threads})
    for path in arguments.models:
        accuracy = accuracies.get(sha256_of(path))
        for precision in _precisions(arguments.precision, path):
            for count in threads:
                row = benchmarking.measure_model(path, count, precision, arguments.rounds, accuracy)
                say(f"{row.model}, {count} threads, {row.computes_in}: {row.p50_ms:.1f} ms")
                yield row


def _precisions(asked: str, path: Path) -> tuple[str, ...]:
    """Return the precisions to measure a model in. Only an IR has another one than f32."""
    if asked != "both":
        return (asked,)
    return ("f32", "default") if path.suffix in (".xml", ".bin") else ("f32",)


def _write_results(arguments: argparse.Namespace, rows: Sequence[Measured], table: str) -> None:
    """Write the files that the flags ask for."""
    from action_recognition.deploy.delivery.timing import cpu_name

    if arguments.json:
        models = [row.as_plain() for row in rows]
        write_json(
            arguments.json, {"cpu": cpu_name(), "rounds": arguments.rounds, "models": models}
        )
    if arguments.markdown:
        write_text(arguments.markdown, table)

    if arguments.plot:
        _draw_plot(arguments.plot, rows)


def _draw_plot(path: Path, rows: Sequence[Measured]) -> None:
    """Draw accuracy over latency. Rows without an accuracy have no place in the picture."""
    from action_recognition.plots import draw_accuracy_over_latency

    points = [
        (f"{row.model}, {row.threads} threads", row.p50_ms, row.accuracy)
        for row in rows
        if row.accuracy is not None
    ]
    draw_accuracy_over_latency(path, points)
