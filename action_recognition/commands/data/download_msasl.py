"""`tools/data/prepare_msasl.py download`: fetch MS-ASL's videos from the addresses in its files."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.common_flags import add_output_flag
from action_recognition.commands.data.crop_flags import add_source_flags
from action_recognition.program import program

_DESCRIPTION = """\
Fetch the videos that MS-ASL's JSON files name, one after the other, through yt-dlp
(pip install yt-dlp). Only their addresses are requested. Started again, it resumes where it
stopped. Mind the terms of the site and of the data set.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/prepare_msasl.py download`."""
    parser = argparse.ArgumentParser(
        prog=f"{program('prepare_msasl.py')} download",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source_flags(parser)
    add_output_flag(
        parser, "Folder for the videos (ID.mp4, ...) and download.json.", "-o", "--output_dir"
    )
    _add_class_flag(parser)
    _add_pace_flags(parser)
    return parser


def _add_class_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-k",
        "--num-classes",
        type=positive_int,
        metavar="K",
        help="Fetch only videos of the K most frequent signs, 1 or more (default: all).",
    )


def _add_pace_flags(parser: argparse.ArgumentParser) -> None:
    # The defaults spare the site.
    parser.add_argument(
        "--pause",
        type=_seconds,
        default=5.0,
        metavar="S",
        help="Seconds to wait before each video, 0 or more (default: 5).",
    )
    parser.add_argument(
        "--limit-rate",
        type=_rate,
        default="4M",
        metavar="R",
        help="Bytes per second at most, as in 500K or 4M (default: 4M).",
    )
    parser.add_argument("--again", action="store_true", help="Ask again for videos that were gone.")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: seconds, 0 or more")
    return value


def _rate(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?[KMG]?", text):
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: bytes a second, as in 500K or 4M"
        )
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and fetch the videos. Return 1 where some failed."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.dataset_tools.preparing import downloading
    from action_recognition.dataset_tools.preparing.msasl_entries import read_msasl_files

    # Labels are ordered by frequency, so the first K are the most frequent signs.
    num_classes = arguments.num_classes or math.inf
    entries = read_msasl_files(arguments.sources).entries
    urls = downloading.addresses(entry.url for entry in entries if entry.label < num_classes)

    options = downloading.DownloadOptions(arguments.pause, arguments.limit_rate, arguments.again)
    with shown_progress("fetching videos") as progress:
        counts = downloading.download(urls, arguments.output, options, progress)

    _print_counts(counts, len(urls), arguments.output / downloading.GONE_FILE)
    return 1 if counts["failed"] else 0


def _print_counts(counts: Mapping[str, int], num_urls: int, gone_file: Path) -> None:
    num_there = counts["there"] + counts["fetched"]
    print(
        f"{num_there} of {num_urls} videos are in {gone_file.parent}, "
        f"{counts['fetched']} of them new"
    )
    print(
        f"{counts['gone']} are gone from their address ({gone_file} says why), "
        f"{counts['failed']} failed: run it again"
    )
