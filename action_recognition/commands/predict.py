"""`predict.py` of a work dir: classify photos, clips, or a camera's pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import jobs, share
from action_recognition.commands.flags import add_hand_detector_flag
from action_recognition.console import counted
from action_recognition.errors import UserError, user_error
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.deploy.predictor import Predictor
    from action_recognition.photos.photo_report import PhotoResult

_DESCRIPTION = (
    "Classify photos (a file, a folder, or the pictures of a camera), or with a model of clips "
    "the clips in a file or folder."
)

# Flags, by their name in the arguments, that a model of clips cannot follow.
_ONLY_FOR_PHOTOS = ("explain", "square", "hand_detector", "mirror", "live", "no_show")
# Files of a folder that are named where they are passed over.
_NAMED = 5


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `predict.py`."""
    parser = argparse.ArgumentParser(prog=program("predict.py"), description=_DESCRIPTION)
    parser.add_argument(
        "source",
        metavar="FILE|FOLDER|CAMERA",
        help="A photo, a folder of photos, a camera's number, or a video. With a model of clips: a "
        "video, or a folder of videos and folders of frames.",
    )
    _add_model_flags(parser)
    _add_output_flags(parser)
    _add_picture_flags(parser)
    _add_camera_flags(parser)
    return parser


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="A .xml or .onnx of export.py, its folder, or a .pth of train.py "
        "(default: export/model.xml in the work dir).",
    )

    parser.add_argument(
        "--threads",
        type=jobs,
        metavar="N",
        help="CPU threads of the inference, 1 or more (default: all).",
    )


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="Write photo or clip, label, reason and the probability of each label as CSV.",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write the same as JSON.")

    parser.add_argument(
        "--explain",
        type=Path,
        metavar="FOLDER",
        help="Write heat maps that show which parts speak for the most probable label.",
    )


def _add_picture_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--square",
        type=share,
        metavar="SHARE",
        help="Look at the square in the middle only. Its side is this share of the short side "
        "(above 0, up to 1).",
    )
    add_hand_detector_flag(parser)

    parser.add_argument("--mirror", action="store_true", help="Exchange left and right first.")


def _add_camera_flags(parser: argparse.ArgumentParser) -> None:
    camera = parser.add_argument_group("cameras and videos")
    camera.add_argument(
        "--live",
        action="store_true",
        help="Classify every frame (default: one frame when the key y is pressed).",
    )
    camera.add_argument("--no-show", action="store_true", help="Open no window. Needs --live.")


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and classify.

    Paths start where the command is typed. The default of --model starts in `work_dir`.
    """
    arguments = build_parser().parse_args(argv)
    from action_recognition.data.photo import is_photo_file
    from action_recognition.deploy.predictor import Predictor
    from action_recognition.photos.photo_models import check_takes_photos

    # Anything else is a camera's number, an address or a video.
    source = Path(arguments.source)
    is_photos = source.is_dir() or is_photo_file(source)
    model = arguments.model = arguments.model or work_dir / "export" / "model.xml"
    predictor = Predictor.from_path(model, num_threads=arguments.threads)
    if predictor.backend.metadata.clip_len != 1:
        # One photo is no clip. A moving GIF is.
        if source.is_file() and is_photos and source.suffix.lower() != ".gif":
            check_takes_photos(predictor.backend.metadata, str(model))
        return _clips(predictor, arguments)

    if not is_photos:
        _check_camera_flags(arguments)
    _check_model(predictor, model, arguments, is_photos)
    return _files(predictor, arguments) if is_photos else _camera(predictor, arguments)


def _check_camera_flags(arguments: argparse.Namespace) -> None:
    """Raise UserError for flags that a camera or video cannot follow."""
    if arguments.no_show and not arguments.live:
        raise user_error(
            "--no-show", "without a window there is no key y to press", fix="add --live"
        )
    if arguments.explain:
        raise user_error(
            "--explain",
            f"explains photos, {arguments.source} is none",
            fix="name a file or a folder of photos",
        )


def _check_model(
    predictor: Predictor, model: Path, arguments: argparse.Namespace, is_photos: bool
) -> None:
    """Raise UserError where no hand is cut out for a model of hands."""
    from action_recognition.photos.photo_models import check_takes_pixels

    if arguments.explain:
        check_takes_pixels(predictor.backend.metadata, "--explain")

    # Detectors cut hands out of photos only.
    finds_hands = arguments.hand_detector is not None and is_photos
    takes_hands = predictor.backend.metadata.crop == "hand"
    if takes_hands and arguments.square is None and not finds_hands:
        detector = ", or --hand-detector FILE" if is_photos else ""
        fix = f"add --square SHARE and hold the hand there{detector}"
        raise user_error(str(model), "sees nothing but a hand, which has to be cut out", fix=fix)


def _clips(predictor: Predictor, arguments: argparse.Namespace) -> int:
    """Classify clips, print and write the results, then raise UserError for broken files."""
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.photos.clip_files import classify_clips, list_clips
    from action_recognition.photos.photo_report import table

    flags = [name for name in _ONLY_FOR_PHOTOS if getattr(arguments, name)]
    if flags:
        found = f"is for photos, and the model takes clips of {_clip_len(predictor)} frames"
        raise user_error(f"--{flags[0].replace('_', '-')}", found, fix="leave it out")
    files, others = list_clips(Path(arguments.source))
    _check_results(arguments, files)
    notes: list[str] = []
    with shown_progress("classifying") as progress:
        results, problems = classify_clips(predictor, files, progress, notes.append)

    if results:
        print(table(results, "clip"))
    if notes:
        print("\n".join(notes), file=sys.stderr)
    _say_passed_over([f"{medium.path} ({medium.problem})" for medium in others])
    _write(results, predictor, arguments, "clip")
    if problems:
        raise UserError(problems)
    return 0


def _check_results(arguments: argparse.Namespace, files: Sequence[Path]) -> None:
    """Raise UserError where a table would replace what is classified, or a file of the model."""
    from action_recognition.deploy.delivery.folder import DELIVERED_FILES
    from action_recognition.files import check_result_places

    model = arguments.model
    folder = model if model.is_dir() else model.parent
    delivered = [folder / name for name in DELIVERED_FILES]
    places = {"--csv": arguments.csv, "--json": arguments.json}
    check_result_places(places, [*files, *delivered])


def _clip_len(predictor: Predictor) -> int:
    return predictor.backend.metadata.clip_len


def _say_passed_over(files: Sequence[str]) -> None:
    """Say how many files of a folder were not classified, and name the first ones."""
    if files:
        more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
        print(f"passed over {len(files)}: {', '.join(files[:_NAMED])}{more}", file=sys.stderr)


def _files(predictor: Predictor, arguments: argparse.Namespace) -> int:
    """Classify the photos, print and write the results, then raise UserError for broken files."""
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.photos.photo_files import PhotoOptions, classify_files, list_photos
    from action_recognition.photos.photo_report import table

    files, others = list_photos(Path(arguments.source))
    _check_results(arguments, files)
    options = PhotoOptions(
        arguments.square, arguments.mirror, arguments.explain, arguments.hand_detector
    )
    with shown_progress("classifying") as progress:
        results, problems = classify_files(predictor, files, options, progress)

    # The results first: one broken photo must not hide the others.
    if results:
        print(table(results))
    _say_passed_over([f"{file.name} (no photo by its content)" for file in others])
    _write(results, predictor, arguments)
    if results and arguments.explain:
        print(f"wrote {counted(len(results), 'heat map')} into {arguments.explain}")
    if problems:
        raise UserError(problems)
    return 0


def _camera(predictor: Predictor, arguments: argparse.Namespace) -> int:
    """Classify the frames of a camera or video, and write the results."""
    from action_recognition.live.sources.frame_sources import open_source
    from action_recognition.photos.photo_camera import CameraView, classify_camera

    _check_results(arguments, [])
    view = CameraView(
        arguments.square or CameraView.share,
        arguments.mirror,
        arguments.live,
        not arguments.no_show,
    )
    source = open_source(arguments.source, predictor.backend.metadata.frame_rate_fps, print)
    _write(classify_camera(predictor, source, view), predictor, arguments)
    return 0


def _write(
    results: list[PhotoResult],
    predictor: Predictor,
    arguments: argparse.Namespace,
    kind: str = "photo",
) -> None:
    from action_recognition.files import write_text
    from action_recognition.photos.photo_report import csv_text, json_text

    for file, text in ((arguments.csv, csv_text), (arguments.json, json_text)):
        if file is not None:
            write_text(file, text(results, predictor.labels, kind), newline="")
            print(f"wrote {file}")
