"""`tools/data/prepare_jester.py`: crop Jester's frame folders to the person and annotate them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.common_flags import add_output_flag
from action_recognition.commands.data.crop_flags import add_form_flags, clip_form, form_settings
from action_recognition.errors import user_error
from action_recognition.files import sha256_of
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.dataset_tools.preparing.clip_files import ClipForm
    from action_recognition.dataset_tools.preparing.prepared import Prepared

# Beside the clips: the settings with which they were made.
SETTINGS_FILE = "prepare_jester.json"
_DESCRIPTION = """\
Crop the clips of 20BN-Jester to the person, whom an OpenVINO detector finds, and write annotation
files. Without a detector whole pictures are resized. Started again, it resumes where it stopped.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/prepare_jester.py`."""
    parser = argparse.ArgumentParser(
        prog=program("prepare_jester.py"),
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_input_flag(parser)
    _add_annotation_flag(parser)
    add_output_flag(parser, "Folder for the clips and the annotation files.", "-o", "--output-dir")

    detector = parser.add_argument_group("detector")
    _add_detector_flags(detector)
    _add_detector_use_flags(detector)
    add_form_flags(parser)
    return parser


def _add_input_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-i",
        "--input",
        "--input-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="Folder that holds the folders of frames: 1, 2, ...",
    )


def _add_annotation_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-a",
        "--annotations",
        type=Path,
        metavar="DIR",
        help="Folder of jester-v1-{train,validation,labels}.csv (default: beside --input).",
    )


def _add_detector_flags(detector: argparse._ArgumentGroup) -> None:
    detector.add_argument(
        "-m",
        "--detector",
        "--model",
        type=Path,
        metavar="XML",
        help="OpenVINO model that finds persons, such as person-detection-asl-0001.xml.",
    )


def _add_detector_use_flags(detector: argparse._ArgumentGroup) -> None:
    """Add the flags that have no effect without a detector."""
    detector.add_argument(
        "-d", "--device", default="CPU", help="OpenVINO device of the detector (default: CPU)."
    )

    detector.add_argument(
        "--detector-frames",
        type=positive_int,
        default=10,
        metavar="N",
        help="Frames of each clip in which it looks for the person, 1 or more (default: 10).",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, crop the clips and write the annotation files."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data import reports
    from action_recognition.dataset_tools.preparing.prepared import CROPS_FOLDER
    from action_recognition.dataset_tools.preparing.writing import write_prepared

    annotations = arguments.annotations or arguments.input.absolute().parent
    _check_folders(arguments, annotations, CROPS_FOLDER)
    # The settings are kept beside the clips: a run with others would mix two forms.
    form = clip_form(arguments, "{:05d}")
    settings = form_settings(form) | _detector_settings(arguments)

    prepared = _prepare(arguments, annotations, form, settings)
    lines = write_prepared(prepared, arguments.output, settings)
    reports.print_prepared(lines, len(prepared.left_out), arguments.output / "report.txt")
    reports.print_training_flags([(arguments.output, "")], arguments.output / CROPS_FOLDER)
    return 0


def _check_folders(arguments: argparse.Namespace, annotations: Path, crops_folder: str) -> None:
    """Raise UserError for a folder that is missing, and for crops that would replace the input."""
    for flag, folder in (("--input", arguments.input), ("--annotations", annotations)):
        if not folder.is_dir():
            raise user_error(f"{flag} {folder}", "there is no such folder")
    is_above = arguments.output.resolve() == arguments.input.resolve().parent
    if is_above and arguments.input.name == crops_folder:
        raise user_error("--output", f"{arguments.input} would be overwritten", "another folder")


def _prepare(
    arguments: argparse.Namespace, annotations: Path, form: ClipForm, settings: dict[str, object]
) -> Prepared:
    """Read the tables of Jester and crop the clips that they name."""
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.dataset_tools.importing.formats.csv_sets import read_jester
    from action_recognition.dataset_tools.importing.source import SourceOptions
    from action_recognition.dataset_tools.preparing.jester import JesterOptions, prepare_jester
    from action_recognition.dataset_tools.preparing.prepared import check_settings
    from action_recognition.detection.person_boxes import PersonDetector

    options = JesterOptions(
        form, arguments.detector, arguments.device, arguments.detector_frames, arguments.jobs
    )
    # A broken detector ends the command once, here, before anything is written.
    if arguments.detector is not None:
        PersonDetector(arguments.detector, arguments.device)

    found = read_jester(annotations, SourceOptions(clips=arguments.input))
    check_settings(arguments.output / SETTINGS_FILE, settings)
    with shown_progress("cropping clips") as progress:
        return prepare_jester(found, arguments.output, options, progress)


def _detector_settings(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the settings of the detector, with a checksum that tells one file from another."""
    if arguments.detector is None or not arguments.detector.is_file():
        return {"detector": None, "detector_frames": None}
    digest = sha256_of(arguments.detector)[:16]
    return {
        "detector": f"{arguments.detector.name} {digest}",
        "detector_frames": arguments.detector_frames,
    }
