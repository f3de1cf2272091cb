"""`tools/data/prepare_msasl.py`: cut MS-ASL's videos into cropped clips of one sign each."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.common_flags import add_output_flag
from action_recognition.commands.data.crop_flags import (
    add_form_flags,
    add_source_flags,
    clip_form,
    form_settings,
)
from action_recognition.errors import user_error
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.dataset_tools.preparing.clip_files import ClipForm
    from action_recognition.dataset_tools.preparing.msasl_entries import MsaslAnnotation
    from action_recognition.dataset_tools.preparing.prepared import Prepared

# Beside the clips: the settings with which they were made.
SETTINGS_FILE = "prepare_msasl.json"
_DESCRIPTION = """\
Cut the signs of MS-ASL out of its videos: cropped to the signer, trimmed to the sign, with
annotation files and a report of what is left. Started again, it resumes where it stopped.
`prepare_msasl.py download --help` explains how to fetch the videos.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/prepare_msasl.py`."""
    parser = argparse.ArgumentParser(
        prog=program("prepare_msasl.py"),
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source_flags(parser)
    _add_video_flag(parser)
    _add_extension_flag(parser)
    add_output_flag(parser, "Folder for the clips and the annotation files.", "-o", "--output_dir")
    _add_subset_flag(parser)
    _add_names_flag(parser)
    _add_length_flag(parser)
    add_form_flags(parser)
    return parser


def _add_video_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v",
        "--videos",
        "--videos_dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="Folder of whole videos ID.*, or of parts ID_START_END.*.",
    )


def _add_extension_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-ve",
        "--video-extension",
        "--video_extension",
        metavar="EXT",
        help="Take only videos with this extension, such as mp4 (default: all).",
    )


def _add_subset_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-k",
        "--num-classes",
        type=positive_int,
        nargs="+",
        default=[],
        metavar="K",
        help="Also list the K most frequent signs alone, as in MS-ASL100, in msaslK/trainK.txt, "
        "... (1 or more, default: all signs).",
    )


def _add_names_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--classes-file",
        type=Path,
        metavar="FILE",
        help="Names of the classes (default: MSASL_classes.json beside the first JSON file).",
    )


def _add_length_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-l",
        "--max-length",
        "--target_num_frames",
        type=positive_int,
        default=64,
        metavar="N",
        help="Frames at 30 fps that a clip reaches from the ends of its sign, 1 or more "
        "(default: 64).",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and prepare clips. With `download` as the first word, fetch videos."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["download"]:
        from action_recognition.commands.data.download_msasl import main as download

        return download(words[1:])
    return _prepare(build_parser().parse_args(words))


def _prepare(arguments: argparse.Namespace) -> int:
    """Cut the signs, write the lists and print the flags that take them."""
    from action_recognition.commands.data import reports
    from action_recognition.dataset_tools.preparing.msasl_entries import read_msasl_files
    from action_recognition.dataset_tools.preparing.prepared import CROPS_FOLDER

    form = clip_form(arguments, "img_{:05d}")
    annotation = read_msasl_files(arguments.sources, arguments.classes_file)
    _check(arguments, annotation)
    # The settings are kept beside the clips: a run with others would mix two forms.
    settings = form_settings(form) | {
        "max_length": arguments.max_length,
        "annotation_sha256": _digest(annotation),
    }

    prepared = _cut_signs(arguments, annotation, form, settings)
    lists, lines = _write_lists(arguments, prepared, settings)
    reports.print_prepared(lines, len(prepared.left_out), arguments.output / "report.txt")
    reports.print_training_flags(lists, arguments.output / CROPS_FOLDER)
    return 0


def _check(arguments: argparse.Namespace, annotation: MsaslAnnotation) -> None:
    """Raise UserError for more classes than there are, and for a missing folder of videos."""
    num_classes = len(annotation.classes)
    too_many = [k for k in arguments.num_classes if k > num_classes]
    if too_many:
        raise user_error(
            "--num-classes",
            f"found {too_many[0]}",
            f"1 to {num_classes}, the classes that there are",
        )
    if not arguments.videos.is_dir():
        raise user_error(
            f"--videos {arguments.videos}",
            "there is no such folder",
            fix="fetch videos: prepare_msasl.py download --help",
        )


def _cut_signs(
    arguments: argparse.Namespace,
    annotation: MsaslAnnotation,
    form: ClipForm,
    settings: dict[str, object],
) -> Prepared:
    """Cut the signs of the asked-for classes out of the videos."""
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.dataset_tools.importing.media_index import MediaIndex
    from action_recognition.dataset_tools.preparing.msasl import MsaslOptions, prepare_msasl
    from action_recognition.dataset_tools.preparing.prepared import check_settings

    extension = arguments.video_extension and f".{arguments.video_extension.lower().lstrip('.')}"
    videos = MediaIndex(arguments.videos, extension)
    check_settings(arguments.output / SETTINGS_FILE, settings)

    most_classes = max(arguments.num_classes, default=None)
    options = MsaslOptions(form, arguments.max_length, most_classes, arguments.jobs)
    with shown_progress("cutting signs") as progress:
        return prepare_msasl(annotation, videos, arguments.output, options, progress)


def _write_lists(
    arguments: argparse.Namespace, prepared: Prepared, settings: dict[str, object]
) -> tuple[list[tuple[Path, str]], list[str]]:
    """Write the lists of all prepared signs, then of each subset.

    Returns the folders with the suffix of their files (of the subsets, where there are any), and
    the lines of the last report.
    """
    from action_recognition.dataset_tools.preparing.msasl import subset
    from action_recognition.dataset_tools.preparing.writing import write_prepared

    lines = write_prepared(prepared, arguments.output, settings)
    # The subsets get lists over the same clips.
    subsets = []
    for k in arguments.num_classes:
        folder = arguments.output / f"msasl{k}"
        lines = write_prepared(subset(prepared, k), folder, settings, str(k))
        subsets.append((folder, str(k)))
    return subsets or [(arguments.output, "")], lines


def _digest(annotation: MsaslAnnotation) -> str:
    """Return a checksum of everything that decides how clips are numbered and cut."""
    text = "".join(
        f"{e.video} {e.start} {e.end} {e.frame_rate_fps} {tuple(e.box)}\n"
        for e in annotation.entries
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
