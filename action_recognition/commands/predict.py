"""`predict.py` of a work dir: what a model of photos says of a file, a folder or a camera."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_float, positive_int
from action_recognition.errors import UserError, user_error

if TYPE_CHECKING:
    from action_recognition.deploy.predictor import Predictor
    from action_recognition.photos.photo_report import PhotoResult


def build_parser() -> argparse.ArgumentParser:
    """The flags of `predict.py`."""
    parser = argparse.ArgumentParser(
        prog="predict.py", description="Classify photos: a file, a folder, or what a camera sees."
    )
    parser.add_argument(
        "source",
        metavar="FILE|FOLDER|CAMERA",
        help="a photo, a folder of photos, a camera's number, or a video",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a .xml or .onnx of export.py, or a .pth of train.py (default: export/model.xml here)",
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write photo, label, reason and the probability of each label",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same as JSON")
    parser.add_argument(
        "--square",
        type=_share,
        metavar="SHARE",
        help="look at the square in the middle: of this share of the short side",
    )
    parser.add_argument(
        "--hand-detector",
        type=Path,
        metavar="FILE",
        help="cut out the hand that this detector finds; for models of train.py --crop hand",
    )
    parser.add_argument("--mirror", action="store_true", help="exchange left and right first")
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="FOLDER",
        help="write heat maps: where the most probable label comes from",
    )
    parser.add_argument(
        "--threads",
        type=positive_int,
        metavar="N",
        help="CPU threads of the inference (default: all)",
    )
    camera = parser.add_argument_group("cameras and videos")
    camera.add_argument(
        "--live", action="store_true", help="classify every frame (default: one on the key y)"
    )
    camera.add_argument("--no-show", action="store_true", help="open no window; needs --live")
    return parser


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and classify. Paths are taken from where the command is typed, but for the default of --model."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.data.photo import PHOTO_SUFFIXES
    from action_recognition.deploy.predictor import Predictor
    from action_recognition.photos.photo_models import check_takes_photos

    model = arguments.model or work_dir / "export" / "model.xml"
    source = Path(arguments.source)
    is_photos = source.is_dir() or source.suffix.lower() in PHOTO_SUFFIXES
    if not is_photos and arguments.no_show and not arguments.live:
        raise user_error(
            "--no-show", "without a window there is no key y to press", fix="add --live"
        )
    if not is_photos and arguments.explain:
        raise user_error(
            "--explain",
            f"explains photos, {arguments.source} is none",
            fix="name a file or a folder of photos",
        )
    predictor = Predictor.from_path(model, num_threads=arguments.threads)
    check_takes_photos(predictor.backend.metadata, str(model))
    if (
        predictor.backend.metadata.crop == "hand"
        and arguments.square is None
        and (arguments.hand_detector is None or not is_photos)
    ):
        fix = "add --square SHARE and hold the hand there" + (
            ", or --hand-detector FILE" if is_photos else ""
        )
        raise user_error(str(model), "sees nothing but a hand, which has to be cut out", fix=fix)
    return _files(predictor, arguments) if is_photos else _camera(predictor, arguments)


def _files(predictor: Predictor, arguments: argparse.Namespace) -> int:
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.photos.photo_files import PhotoOptions, classify_files, list_photos
    from action_recognition.photos.photo_report import table

    files = list_photos(Path(arguments.source))
    options = PhotoOptions(
        arguments.square, arguments.mirror, arguments.explain, arguments.hand_detector
    )
    with shown_progress("classifying") as progress:
        results, problems = classify_files(predictor, files, options, progress)
    if results:
        print(table(results))
    _write(results, predictor, arguments)
    if problems:
        raise UserError(problems)
    return 0


def _camera(predictor: Predictor, arguments: argparse.Namespace) -> int:
    from action_recognition.live.sources.frame_sources import open_source
    from action_recognition.photos.photo_camera import CameraView, classify_camera

    view = CameraView(
        arguments.square or CameraView.share,
        arguments.mirror,
        arguments.live,
        not arguments.no_show,
    )
    source = open_source(arguments.source, predictor.backend.metadata.frame_rate_fps, print)
    _write(classify_camera(predictor, source, view), predictor, arguments)
    return 0


def _write(results: list[PhotoResult], predictor: Predictor, arguments: argparse.Namespace) -> None:
    from action_recognition.photos.photo_report import csv_text, json_text, write_text

    for file, text in ((arguments.csv, csv_text), (arguments.json, json_text)):
        if file is not None:
            write_text(file, text(results, predictor.labels))
            print(f"wrote {file}")


def _share(text: str) -> float:
    share = positive_float(text)
    if share > 1.0:
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: above 0, up to 1")
    return share
