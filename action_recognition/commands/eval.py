"""`eval.py` of a work dir: the flags. Heavy packages are imported when the run starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from action_recognition.commands.arguments import class_list, positive_float
from action_recognition.commands.flags import (
    add_decoding_flags,
    add_folds_flag,
    add_hand_detector_flag,
    add_person_flag,
    add_split_flags,
    check_clips_or_folds,
)
from action_recognition.errors import user_error
from action_recognition.program import program

# Flags that only streams have, and those that streams share with clips.
_OF_STREAMS = ("decision", "choose_decision", "max_false_alarms_per_hour", "tolerance")
_OF_BOTH = (
    "load_weights",
    "test_ann_files",
    "test_data_roots",
    "save_metrics_to",
    "save_output_to",
    "hand_detector",
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `eval.py`."""
    parser = argparse.ArgumentParser(
        prog=program("eval.py"),
        description="Measure a model on annotated clips, one centre clip each.",
    )
    _add_model_flags(parser)
    clips = 'the clips to measure on ("": size and complexity only)'
    add_split_flags(parser, "test", clips, is_required=False)
    parser.set_defaults(test_ann_files=None, test_data_roots=None)
    add_folds_flag(
        parser, "Measure the held-out clips of all folds, each by the model of its fold."
    )
    add_person_flag(parser, "evaluation.json and the model card then say on whom it was measured.")
    _add_output_flags(parser)

    _add_comparison_flags(parser)
    add_hand_detector_flag(parser)
    add_decoding_flags(parser)

    # Streams are measured by their events instead of by clips.
    streams = parser.add_argument_group(
        "streams: long videos with gestures in them, measured by events (docs/live.md)"
    )
    _add_stream_flags(streams)
    _add_threshold_flags(streams)
    _add_choice_flags(streams)
    return parser


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="A checkpoint (.pth), an .onnx, or an IR (.xml or its .bin).",
    )

    parser.add_argument(
        "--classes",
        type=class_list,
        metavar="A,B,...",
        help="Class names in label order, to check against the labels of the model.",
    )


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--save-metrics-to",
        type=Path,
        required=True,
        metavar="FILE",
        help="Write the metrics to this metrics.yaml. Other metrics in it are kept.",
    )

    parser.add_argument(
        "--save-output-to",
        type=Path,
        metavar="DIR",
        help="Folder for confusion_matrix.png, predictions.csv and evaluation.json "
        "(default: beside the metrics).",
    )


def _add_comparison_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--compare-to",
        type=Path,
        metavar="FILE",
        help="Report the difference of every clip to another form of the model, such as its "
        "checkpoint.",
    )

    parser.add_argument(
        "--precision",
        choices=("f32", "default"),
        default="f32",
        help="Compute in f32, or in the precision that OpenVINO chooses (default): bf16 on CPUs "
        "that have it (default: f32).",
    )


def _add_stream_flags(streams: argparse._ArgumentGroup) -> None:
    streams.add_argument(
        "--stream",
        action="store_true",
        help="Measure streams: the files are streams.json of compose_streams.py, or lines whose "
        "clips are parts of long videos.",
    )

    streams.add_argument(
        "--tolerance",
        type=positive_float,
        default=1.0,
        metavar="S",
        help="Seconds around a gesture in which its event may come, above 0 (default: 1).",
    )


def _add_threshold_flags(streams: argparse._ArgumentGroup) -> None:
    streams.add_argument(
        "--decision",
        type=Path,
        metavar="FILE",
        help="Take the rules from this decision.json (default: those of the demo).",
    )


def _add_choice_flags(streams: argparse._ArgumentGroup) -> None:
    streams.add_argument(
        "--choose-decision",
        type=Path,
        metavar="FILE",
        help="Choose all rules on these streams, which must be validation streams, and write them "
        "to this decision.json.",
    )

    streams.add_argument(
        "--max-false-alarms-per-hour",
        type=positive_float,
        metavar="N",
        help="Choose rules with at most N false alarms per hour, above 0 (default: any number).",
    )


def _refuse_folds(arguments: dict[str, Any]) -> None:
    """Raise UserError for flags of clips beside --stream."""
    for name in ("folds", "person_regex"):
        if arguments[name] is not None:
            flag = f"--{name.replace('_', '-')}"
            raise user_error(flag, "is about clips", fix="leave it or --stream out")


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and evaluate."""
    parsed = build_parser().parse_args(argv)
    check_clips_or_folds(parsed, "test")
    if parsed.folds is not None and parsed.compare_to is not None:
        found = "compares two models on the same clips, and folds have many models"
        raise user_error("--compare-to", found, fix="leave it or --folds out")
    arguments = vars(parsed)
    # Without --stream the flags of streams have no effect.
    of_streams = {name: arguments.pop(name) for name in _OF_STREAMS}
    if arguments.pop("stream"):
        from action_recognition.evaluation.evaluate_streams import (
            StreamEvalOptions,
            evaluate_streams,
        )

        _refuse_folds(arguments)
        shared = {name: arguments[name] for name in _OF_BOTH}
        evaluate_streams(StreamEvalOptions(**shared, **of_streams))
        return 0

    from action_recognition.evaluation.evaluate_clips import EvalOptions, evaluate

    evaluate(work_dir, EvalOptions(**arguments))
    return 0
