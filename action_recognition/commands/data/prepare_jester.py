"""`tools/data/prepare_jester.py`: Jester's frame folders, cropped to the person, with annotation files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.crop_flags import (
    add_form_flags,
    clip_form,
    form_settings,
    print_training_flags,
)
from action_recognition.errors import user_error

SETTINGS_FILE = "prepare_jester.json"
_DESCRIPTION = """\
Crop the clips of 20BN-Jester to the person, whom an OpenVINO detector finds, and write annotation files. Without a detector
whole pictures are resized. Run again, it goes on where it stopped.
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prepare_jester.py",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-i",
        "--input",
        "--input-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="folders of frames: 1, 2, ...",
    )
    parser.add_argument(
        "-a",
        "--annotations",
        type=Path,
        metavar="DIR",
        help="jester-v1-{train,validation,labels}.csv (default: beside --input)",
    )
    parser.add_argument(
        "-o",
        "--output",
        "--output-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="clips and annotation files",
    )
    detector = parser.add_argument_group("detector")
    detector.add_argument(
        "-m",
        "--detector",
        "--model",
        type=Path,
        metavar="XML",
        help="OpenVINO model that finds persons, as person-detection-asl-0001.xml",
    )
    detector.add_argument("-d", "--device", default="CPU", help="where it runs (default: CPU)")
    detector.add_argument(
        "--detector-frames",
        type=positive_int,
        default=10,
        metavar="N",
        help="frames of each clip that it looks at (default: 10)",
    )
    add_form_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.dataset_tools.importing.csv_sets import read_jester
    from action_recognition.dataset_tools.importing.source import SourceOptions
    from action_recognition.dataset_tools.preparing.jester import JesterOptions, prepare_jester
    from action_recognition.dataset_tools.preparing.prepared import (
        CROPS_FOLDER,
        check_settings,
        write_prepared,
    )
    from action_recognition.detection.person_boxes import PersonDetector

    annotations = arguments.annotations or arguments.input.absolute().parent
    for flag, folder in (("--input", arguments.input), ("--annotations", annotations)):
        if not folder.is_dir():
            raise user_error(f"{flag} {folder}", "there is no such folder")
    if (
        arguments.output.resolve() == arguments.input.resolve().parent
        and arguments.input.name == CROPS_FOLDER
    ):
        raise user_error(
            "--output", f"{arguments.input} would be written over", "a folder of its own"
        )
    form = clip_form(arguments, "{:05d}")
    settings = form_settings(form) | _detector_settings(arguments)
    options = JesterOptions(
        form, arguments.detector, arguments.device, arguments.detector_frames, arguments.jobs
    )
    if arguments.detector is not None:
        PersonDetector(
            arguments.detector, arguments.device
        )  # what is wrong with it is said once, before anything is written
    found = read_jester(annotations, SourceOptions(clips=arguments.input))
    check_settings(arguments.output / SETTINGS_FILE, settings)
    with shown_progress("cropping clips") as progress:
        prepared = prepare_jester(found, arguments.output, options, progress)
    lines = write_prepared(prepared, arguments.output, settings)
    print("\n".join(lines[: lines.index("")]))
    print(
        f"left out: {len(prepared.left_out)}; all of them, and what is left of each class: {arguments.output / 'report.txt'}"
    )
    print_training_flags([(arguments.output, "")], arguments.output / CROPS_FOLDER)
    return 0


def _detector_settings(arguments: argparse.Namespace) -> dict[str, object]:
    import hashlib

    if arguments.detector is None or not arguments.detector.is_file():
        return {"detector": None, "detector_frames": None}
    digest = hashlib.sha256(arguments.detector.read_bytes()).hexdigest()[:16]
    return {
        "detector": f"{arguments.detector.name} {digest}",
        "detector_frames": arguments.detector_frames,
    }
