"""`tools/data/prepare_msasl.py download`: MS-ASL's videos from the addresses in its JSON files."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.crop_flags import add_source_flags

_DESCRIPTION = """\
Fetch the videos that MS-ASL's JSON files name, one after the other, through yt-dlp (pip install yt-dlp). Nothing but
their addresses is asked for. Run again, it goes on where it stopped. Mind the terms of the site and of the data set.
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prepare_msasl.py download",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source_flags(parser)
    parser.add_argument(
        "-o",
        "--output",
        "--output_dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="gets ID.mp4, ... and download.json",
    )
    parser.add_argument(
        "-k",
        "--num-classes",
        type=positive_int,
        metavar="K",
        help="only videos of the K most frequent signs",
    )
    parser.add_argument(
        "--pause",
        type=_seconds,
        default=5.0,
        metavar="S",
        help="seconds before each video (default: 5)",
    )
    parser.add_argument(
        "--limit-rate",
        type=_rate,
        default="4M",
        metavar="R",
        help="bytes a second, as in 500K or 4M (default: 4M)",
    )
    parser.add_argument("--again", action="store_true", help="ask again for videos that were gone")
    return parser


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
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.dataset_tools.preparing.downloading import (
        GONE_FILE,
        DownloadOptions,
        addresses,
        download,
    )
    from action_recognition.dataset_tools.preparing.msasl_entries import read_msasl_files

    entries = read_msasl_files(arguments.sources).entries
    urls = addresses(
        entry.url
        for entry in entries
        if arguments.num_classes is None or entry.label < arguments.num_classes
    )
    options = DownloadOptions(arguments.pause, arguments.limit_rate, arguments.again)
    with shown_progress("fetching videos") as progress:
        counts = download(urls, arguments.output, options, progress)
    print(
        f"{counts['there'] + counts['fetched']} of {len(urls)} videos are in {arguments.output}, {counts['fetched']} of them new"
    )
    print(
        f"{counts['gone']} are gone from their address ({arguments.output / GONE_FILE} says why), {counts['failed']} failed: run it again"
    )
    return 1 if counts["failed"] else 0
