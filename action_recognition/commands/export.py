"""`export.py` of a work dir: the flags. Heavy packages are imported when the export starts."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import frame_counts, path_list, positive_int
from action_recognition.console import size_text
from action_recognition.deploy.delivery.card import NOT_STATED
from action_recognition.errors import user_error
from action_recognition.program import program
from action_recognition.template import OutputFormat, Template, load_template_dir

if TYPE_CHECKING:
    from action_recognition.checkpoint import TrainedModel
    from action_recognition.export.export_model import ExportOptions

_DESCRIPTION = (
    "Write a trained model as ONNX and OpenVINO IR, with labels and preprocessing inside, and "
    "compare both with PyTorch."
)


def build_parser(output_format: OutputFormat) -> argparse.ArgumentParser:
    """Return the parser of `export.py`. Its help shows the formats that the template chooses."""
    parser = argparse.ArgumentParser(prog=program("export.py"), description=_DESCRIPTION)
    _add_file_flags(parser)
    _add_format_flags(parser, output_format)
    _add_graph_flags(parser, output_format.openvino.input_format)
    _add_card_flags(parser)
    _add_check_flags(parser)

    # Flags of the original toolkit, accepted to say what replaces them.
    parser.add_argument("--openvino-mo-args", metavar="...", help=argparse.SUPPRESS)
    parser.add_argument("--config", help=argparse.SUPPRESS)
    return parser


def _add_file_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="A checkpoint of train.py, or one of the original toolkit.",
    )

    parser.add_argument(
        "--save-model-to",
        type=Path,
        required=True,
        metavar="DIR",
        help="Folder for model.xml, model.bin, model.onnx and classes.json.",
    )


def _add_format_flags(parser: argparse.ArgumentParser, output_format: OutputFormat) -> None:
    formats = parser.add_argument_group(
        "formats (one that is named leaves the others out; without any, template.yaml decides)"
    )
    # None stands for a flag that is not given.
    of_template = {"onnx": output_format.onnx, "openvino": output_format.openvino}

    for name, title in (("onnx", "ONNX"), ("openvino", "OpenVINO IR")):
        formats.add_argument(
            f"--{name}",
            action=argparse.BooleanOptionalAction,
            default=None,
            help=f"Write {title} (template: {'on' if of_template[name].default else 'off'}).",
        )
    _add_fp16_flag(formats)


def _add_fp16_flag(formats: argparse._ArgumentGroup) -> None:
    formats.add_argument(
        "--fp16",
        action="store_true",
        help="Also write model_fp16.xml, an IR of half the size with weights stored as FP16.",
    )


def _add_graph_flags(parser: argparse.ArgumentParser, input_format: str) -> None:
    graph = parser.add_argument_group("graph")
    graph.add_argument(
        "--no-embed-normalization",
        action="store_true",
        help="Write models that expect normalised frames instead of pixels 0 to 255.",
    )

    graph.add_argument(
        "--openvino-input-format",
        choices=("RGB", "BGR"),
        default=input_format,
        help=f"Colour order of both formats (template: {input_format}).",
    )
    _add_stream_flag(graph)


def _add_stream_flag(graph: argparse._ArgumentGroup) -> None:
    """Add the flag of causal networks."""
    graph.add_argument(
        "--stream-frames",
        type=frame_counts,
        metavar="4,8",
        help="Frames per call of the stateful models of a causal network, each 1 or more, "
        "separated by commas (default: 4, or 1 below 12 fps).",
    )


def _add_card_flags(parser: argparse.ArgumentParser) -> None:
    card = parser.add_argument_group("model card (a value that is not given appears as not stated)")
    # Free texts, which the card shows as they are.
    texts = (
        ("--intended-use", "Purpose of the model."),
        ("--data-licence", "Licence of the training clips."),
        ("--weights-licence", "Licence of the trained weights."),
    )

    for flag, content in texts:
        card.add_argument(flag, default=NOT_STATED, metavar="TEXT", help=content)
    _add_evaluations_flag(card)


def _add_evaluations_flag(card: argparse._ArgumentGroup) -> None:
    card.add_argument(
        "--evaluations",
        type=path_list,
        default=[],
        metavar="FILES",
        help="Show the figures of these evaluation.json files, separated by commas (default: that "
        "of the work dir or beside the weights, where it measured these weights).",
    )


def _add_check_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check-clips",
        type=positive_int,
        default=6,
        metavar="N",
        help="Number of synthetic clips to compare on, 1 or more, beside a black and a white one "
        "(default: 6).",
    )


def chosen_formats(
    onnx: bool | None, openvino: bool | None, output_format: OutputFormat
) -> tuple[bool, bool]:
    """Choose the formats to write (ONNX, OpenVINO) from the two flags and the template.

    None stands for a flag that is not given. A format that is named switches the other one off
    unless that is named as well. `--no-X` only takes X away.
    """
    if onnx or openvino:
        return bool(onnx), bool(openvino)
    # Flags can only take formats away from those of the template here.
    chosen = (
        output_format.onnx.default and onnx is None,
        output_format.openvino.default and openvino is None,
    )
    if not any(chosen):
        raise user_error(
            "--onnx, --openvino", "no format is left to write", fix="name one: --onnx or --openvino"
        )
    return chosen


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags, export and print the files that were written."""
    template, model = load_template_dir(work_dir)
    arguments = build_parser(template.output_format).parse_args(argv)
    # Wrong flags end the command before PyTorch is imported.
    _check(arguments, template)
    formats = chosen_formats(arguments.onnx, arguments.openvino, template.output_format)
    command = shlex.join(["export.py", *(sys.argv[1:] if argv is None else argv)])

    from action_recognition.export.export_model import export_model
    from action_recognition.models.weights import load_for_inference

    weights = arguments.load_weights
    trained = load_for_inference(weights, template, model)
    if not arguments.evaluations:
        arguments.evaluations = _measured_before(trained, (work_dir, weights.parent))
    options = _options(arguments, formats, command)

    print(f"exporting {trained.template.name}, {len(trained.labels)} classes, from {weights}")
    for path in export_model(trained, arguments.save_model_to, options):
        print(f"wrote {path} ({size_text(path.stat().st_size)})")
    return 0


def _measured_before(trained: TrainedModel, folders: Sequence[Path]) -> list[Path]:
    """Return the evaluation.json of these weights in one of the folders, if there is one."""
    from action_recognition.export.record import is_of

    for folder in folders:
        path = folder / "evaluation.json"
        if path.is_file() and is_of(path, trained):
            print(f"model card: the accuracy that {path} states")
            return [path]
    print("model card: no accuracy, since eval.py has not measured these weights")
    return []


def _options(
    arguments: argparse.Namespace, formats: tuple[bool, bool], command: str
) -> ExportOptions:
    from action_recognition.export.export_model import ExportOptions

    onnx, openvino = formats
    return ExportOptions(
        onnx=onnx,
        openvino=openvino,
        fp16=arguments.fp16,
        embed_normalization=not arguments.no_embed_normalization,
        color_order=arguments.openvino_input_format,
        check_clips=arguments.check_clips,
        stream_frames=arguments.stream_frames,
        evaluations=arguments.evaluations,
        intended_use=arguments.intended_use,
        data_licence=arguments.data_licence,
        weights_licence=arguments.weights_licence,
        command=command,
    )


def _check(arguments: argparse.Namespace, template: Template) -> None:
    """Raise UserError for flags of the original toolkit that have no effect any more."""
    if arguments.openvino_mo_args is not None:
        raise user_error(
            "--openvino-mo-args",
            "Model Optimizer is not used any more, its arguments have no effect",
            fix="leave it out",
        )
    if arguments.config not in (None, template.config):
        raise user_error(
            "--config", "is not used any more", template.config, "edit it in the work dir"
        )
