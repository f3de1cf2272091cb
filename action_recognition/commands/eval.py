"""`eval.py` of a work dir: the flags; everything heavy is imported when the run starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import (
    class_list,
    path_list,
    positive_float,
    whole_number,
)

_OF_STREAMS = ("decision", "choose_decision", "max_false_alarms", "tolerance")
_OF_BOTH = (
    "load_weights",
    "test_ann_files",
    "test_data_roots",
    "save_metrics_to",
    "save_output_to",
    "hand_detector",
)


def build_parser(work_dir: Path) -> argparse.ArgumentParser:
    """The flags of `eval.py`."""
    parser = argparse.ArgumentParser(
        prog="eval.py", description="Measure a model on annotated clips, one centre clip each."
    )
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="a .pth checkpoint, a .onnx, or an IR (.xml or its .bin)",
    )
    parser.add_argument(
        "--test-ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help='annotation files, by commas; "" measures size and complexity only',
    )
    parser.add_argument(
        "--test-data-roots",
        type=path_list,
        required=True,
        metavar="DIRS",
        help="where their paths start: one for all, or one a file",
    )
    parser.add_argument(
        "--save-metrics-to",
        type=Path,
        required=True,
        metavar="FILE",
        help="metrics.yaml; what it holds already is kept",
    )
    parser.add_argument(
        "--save-output-to",
        type=Path,
        metavar="DIR",
        help="confusion_matrix.png, predictions.csv, evaluation.json (default: beside metrics)",
    )
    parser.add_argument(
        "--hand-detector",
        type=Path,
        metavar="FILE",
        help="cuts out the hand, for a model that was trained so (--crop hand)",
    )
    parser.add_argument(
        "--classes",
        type=class_list,
        metavar="A,B,...",
        help="checked against the model's own labels",
    )
    parser.add_argument(
        "--compare-to",
        type=Path,
        metavar="FILE",
        help="another form of the model, its checkpoint say: the difference of every clip",
    )
    parser.add_argument(
        "--precision",
        choices=("f32", "default"),
        default="f32",
        help="what OpenVINO computes in: f32, or what it takes by itself, bf16 on CPUs that have it (default: f32)",
    )
    parser.add_argument(
        "--num-workers",
        type=whole_number,
        default=2,
        metavar="N",
        help="processes that decode clips (default: 2)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first clip that cannot be read (default: name it, skip it, count it)",
    )
    streams = parser.add_argument_group(
        "streams: long videos with gestures in them, measured by events (docs/live.md)"
    )
    streams.add_argument(
        "--stream",
        action="store_true",
        help="the files are streams.json of compose_streams.py, or lines whose clips lie in long videos",
    )
    streams.add_argument(
        "--decision",
        type=Path,
        metavar="FILE",
        help="decision.json with thresholds (default: the demo's)",
    )
    streams.add_argument(
        "--choose-decision",
        type=Path,
        metavar="FILE",
        help="choose thresholds on these (val!) streams and write them",
    )
    streams.add_argument(
        "--max-false-alarms",
        type=positive_float,
        metavar="N",
        help="an hour, of what is chosen (default: any)",
    )
    streams.add_argument(
        "--tolerance",
        type=positive_float,
        default=1.0,
        metavar="S",
        help="around a gesture's ends (default: 1 second)",
    )
    return parser


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and evaluate."""
    arguments = vars(build_parser(work_dir).parse_args(argv))
    of_streams = {name: arguments.pop(name) for name in _OF_STREAMS}
    if arguments.pop("stream"):
        from action_recognition.evaluation.evaluate_streams import (
            StreamEvalOptions,
            evaluate_streams,
        )

        shared = {name: arguments[name] for name in _OF_BOTH}
        evaluate_streams(StreamEvalOptions(**shared, **of_streams))
        return 0
    from action_recognition.evaluation.evaluate_clips import EvalOptions, evaluate

    evaluate(work_dir, EvalOptions(**arguments))
    return 0
