"""`export.py` of a work dir: the flags; everything heavy is imported when the export starts."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import frame_counts, path_list, positive_int
from action_recognition.deploy.delivery.card import NOT_STATED
from action_recognition.errors import user_error
from action_recognition.template import OutputFormat, load_template_dir


def build_parser(output_format: OutputFormat) -> argparse.ArgumentParser:
    """The flags, with the template's choices in the help."""
    parser = argparse.ArgumentParser(
        prog="export.py",
        description="Write a trained model as ONNX and OpenVINO IR, labels and preprocessing inside, and check both against PyTorch.",
    )
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="a checkpoint of train.py, or one of the original toolkit",
    )
    parser.add_argument(
        "--save-model-to",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of model.xml, model.bin, model.onnx, classes.json",
    )
    formats = parser.add_argument_group(
        "formats (naming one leaves the others out; without any: what template.yaml says)"
    )
    formats.add_argument(
        "--onnx",
        action=argparse.BooleanOptionalAction,
        default=None,
        help=f"(template: {_yes(output_format.onnx.default)})",
    )
    formats.add_argument(
        "--openvino",
        action=argparse.BooleanOptionalAction,
        default=None,
        help=f"(template: {_yes(output_format.openvino.default)})",
    )
    formats.add_argument(
        "--fp16",
        action="store_true",
        help="write model_fp16.xml too, an IR of half the size with weights stored as FP16",
    )
    graph = parser.add_argument_group("graph")
    graph.add_argument(
        "--no-embed-normalization",
        action="store_true",
        help="expect normalised frames instead of pixels 0..255",
    )
    graph.add_argument(
        "--stream-frames",
        type=frame_counts,
        metavar="4,8",
        help="of a causal network: models that keep the past as a state and take so many frames a call (default: 4, or 1 below 12 fps)",
    )
    input_format = output_format.openvino.input_format
    graph.add_argument(
        "--openvino-input-format",
        choices=("RGB", "BGR"),
        default=input_format,
        help=f"colour order of both formats (template: {input_format})",
    )
    card = parser.add_argument_group("model card (what is not given stands there as not stated)")
    card.add_argument(
        "--evaluations",
        type=path_list,
        default=[],
        metavar="FILES",
        help="evaluation.json files of eval.py, by commas",
    )
    card.add_argument(
        "--intended-use", default=NOT_STATED, metavar="TEXT", help="what the model is for"
    )
    card.add_argument(
        "--data-licence",
        default=NOT_STATED,
        metavar="TEXT",
        help="the licence of the training clips",
    )
    card.add_argument(
        "--weights-licence",
        default=NOT_STATED,
        metavar="TEXT",
        help="the licence of the trained weights",
    )
    parser.add_argument(
        "--check-clips",
        type=positive_int,
        default=6,
        metavar="N",
        help="made clips to compare on, beside a black and a white one (default: 6)",
    )
    parser.add_argument("--openvino-mo-args", metavar="...", help=argparse.SUPPRESS)
    parser.add_argument("--config", help=argparse.SUPPRESS)
    return parser


def chosen_formats(
    onnx: bool | None, openvino: bool | None, output_format: OutputFormat
) -> tuple[bool, bool]:
    """Whether to write ONNX and OpenVINO, from the two flags (None: not given) and the template.

    A format that is named switches the other off unless that is named as well; `--no-X` only takes X away.
    """
    if onnx or openvino:
        return bool(onnx), bool(openvino)
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
    """Parse the flags, export and say what was written."""
    template, model = load_template_dir(work_dir)
    arguments = build_parser(template.output_format).parse_args(argv)
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
    onnx, openvino = chosen_formats(arguments.onnx, arguments.openvino, template.output_format)

    from action_recognition.export.export_model import ExportOptions, export_model
    from action_recognition.models.weights import load_for_inference

    trained = load_for_inference(arguments.load_weights, template, model)
    options = ExportOptions(
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
        command=shlex.join(["export.py", *(sys.argv[1:] if argv is None else argv)]),
    )
    print(
        f"exporting {trained.template.name}, {len(trained.labels)} classes, from {arguments.load_weights}"
    )
    for path in export_model(trained, arguments.save_model_to, options):
        print(f"wrote {path} ({path.stat().st_size / 1e6:.2f} MB)")
    return 0


def _yes(value: bool) -> str:
    return "on" if value else "off"
