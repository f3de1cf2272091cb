"""`tools/data/prepare_msasl.py`: MS-ASL's JSON files and videos as cropped clips of one sign each."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.crop_flags import (
    add_form_flags,
    add_source_flags,
    clip_form,
    form_settings,
    print_training_flags,
)
from action_recognition.errors import user_error

if TYPE_CHECKING:
    from action_recognition.dataset_tools.preparing.msasl_entries import MsaslAnnotation

SETTINGS_FILE = "prepare_msasl.json"
_DESCRIPTION = """\
Cut the signs of MS-ASL out of its videos: cropped to the signer, trimmed to the sign, with annotation files and a report of
what is left. Run again, it goes on where it stopped. `prepare_msasl.py download --help` is about fetching the videos.
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prepare_msasl.py",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source_flags(parser)
    parser.add_argument(
        "-v",
        "--videos",
        "--videos_dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="whole videos ID.*, or ID_START_END.*",
    )
    parser.add_argument(
        "-o",
        "--output",
        "--output_dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="clips and annotation files",
    )
    parser.add_argument(
        "-k", "--num-classes", type=positive_int, nargs="+", default=[], metavar="K",
        help="the K most frequent signs alone, as in MS-ASL100; their files are msaslK/trainK.txt, ... (default: all signs)",
    )  # fmt: skip
    parser.add_argument(
        "--classes-file",
        type=Path,
        metavar="FILE",
        help="(default: MSASL_classes.json beside the first JSON file)",
    )
    parser.add_argument(
        "-l", "--max-length", "--target_num_frames", type=positive_int, default=64, metavar="N",
        help="frames at 30 fps that a clip reaches from the ends of its sign (default: 64)",
    )  # fmt: skip
    parser.add_argument(
        "-ve",
        "--video-extension",
        "--video_extension",
        metavar="EXT",
        help="only such videos, as in mp4 (default: all)",
    )
    add_form_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    import sys

    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["download"]:
        from action_recognition.commands.data.download_msasl import main as download

        return download(words[1:])
    return _prepare(build_parser().parse_args(words))


def _prepare(arguments: argparse.Namespace) -> int:
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.dataset_tools.importing.media_index import MediaIndex
    from action_recognition.dataset_tools.preparing.msasl import MsaslOptions, prepare_msasl, subset
    from action_recognition.dataset_tools.preparing.msasl_entries import read_msasl_files
    from action_recognition.dataset_tools.preparing.prepared import (
        CROPS_FOLDER,
        check_settings,
        write_prepared,
    )

    form = clip_form(arguments, "img_{:05d}")
    annotation = read_msasl_files(arguments.sources, arguments.classes_file)
    too_many = [k for k in arguments.num_classes if k > len(annotation.classes)]
    if too_many:
        raise user_error(
            "--num-classes",
            f"found {too_many[0]}",
            f"1 to {len(annotation.classes)}, the classes that there are",
        )
    if not arguments.videos.is_dir():
        raise user_error(
            f"--videos {arguments.videos}",
            "there is no such folder",
            fix="fetch videos: prepare_msasl.py download --help",
        )
    extension = arguments.video_extension and f".{arguments.video_extension.lower().lstrip('.')}"
    videos = MediaIndex(arguments.videos, extension)
    settings = form_settings(form) | {
        "max_length": arguments.max_length,
        "annotation_sha256": _digest(annotation),
    }
    check_settings(arguments.output / SETTINGS_FILE, settings)
    options = MsaslOptions(
        form, arguments.max_length, max(arguments.num_classes, default=None), arguments.jobs
    )
    with shown_progress("cutting signs") as progress:
        prepared = prepare_msasl(annotation, videos, arguments.output, options, progress)
    lists = [(arguments.output, "")]
    lines = write_prepared(prepared, arguments.output, settings)
    for k in arguments.num_classes:
        lists.append((arguments.output / f"msasl{k}", str(k)))
        lines = write_prepared(subset(prepared, k), *lists[-1][:1], settings, str(k))
    print("\n".join(_head(lines)))
    print(
        f"left out: {len(prepared.left_out)}; all of them, and what is left of each class: {arguments.output / 'report.txt'}"
    )
    print_training_flags(lists[1:] or lists, arguments.output / CROPS_FOLDER)
    return 0


def _head(lines: Sequence[str]) -> list[str]:
    """The lines of a report before its table."""
    return list(lines[: lines.index("")])


def _digest(annotation: MsaslAnnotation) -> str:
    """Of everything that decides how clips are numbered and cut."""
    text = "".join(
        f"{e.video} {e.start} {e.end} {e.frame_rate_fps} {tuple(e.box)}\n"
        for e in annotation.entries
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
