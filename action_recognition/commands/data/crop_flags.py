"""Flags of the commands that write cropped clips, with the original's names beside ours."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_float, positive_int
from action_recognition.errors import user_error

if TYPE_CHECKING:
    from action_recognition.dataset_tools.preparing.clip_files import ClipForm


def picture_size(text: str) -> tuple[int, int]:
    """`300,256` as height and width in pixels, in the original's order.

    >>> picture_size("300,256")
    (300, 256)
    """
    parts = text.replace(" ", "").split(",")
    if len(parts) != 2 or not all(part.isdecimal() and 8 <= int(part) <= 8192 for part in parts):
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: height,width in pixels, 8 to 8192 each, as in 300,256"
        )
    return int(parts[0]), int(parts[1])


def add_form_flags(parser: argparse.ArgumentParser) -> None:
    """How clips are written, and how many at a time."""
    form = parser.add_argument_group("pictures")
    form.add_argument(
        "--target-image-size",
        "--trg_image_size",
        type=picture_size,
        default=(300, 256),
        metavar="H,W",
        help="(default: 300,256)",
    )
    form.add_argument(
        "--scale",
        type=positive_float,
        default=1.2,
        metavar="X",
        help="the person's box is enlarged by this (default: 1.2)",
    )
    form.add_argument(
        "-ie",
        "--image-extension",
        "--image_extension",
        choices=("jpg", "png"),
        default="jpg",
        help="(default: jpg)",
    )
    form.add_argument(
        "--output-format",
        choices=("frames", "mp4"),
        default="frames",
        help="a folder of images for each clip, or a video (default: frames)",
    )
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    parser.add_argument(
        "-n",
        "--jobs",
        type=positive_int,
        default=cores,
        metavar="N",
        help=f"files opened at a time (default: {cores})",
    )


def clip_form(arguments: argparse.Namespace, image_stem: str) -> ClipForm:
    """The form that the flags say; images are named by `image_stem` (`img_{:05d}`)."""
    from action_recognition.dataset_tools.preparing.clip_files import ClipForm
    from action_recognition.dataset_tools.preparing.cropping import PictureSize

    size, as_video = PictureSize(*arguments.target_image_size), arguments.output_format == "mp4"
    if as_video and (size.height % 2 or size.width % 2):
        raise user_error(
            "--target-image-size",
            f"found {size.height},{size.width}",
            "even numbers for --output-format mp4",
        )
    return ClipForm(size, arguments.scale, f"{image_stem}.{arguments.image_extension}", as_video)


def form_settings(form: ClipForm) -> dict[str, object]:
    """What has to be the same for a run that goes on with an earlier one."""
    kind = "mp4" if form.as_video else form.image_name
    return {"size": list(form.size), "scale": form.scale, "clips": kind}


def print_training_flags(lists: Sequence[tuple[Path, str]], data_root: Path) -> None:
    """The flags that take these lists; each is a folder and what its files are named with. Without test clips, val is the test."""
    root = shlex.quote(str(data_root))
    for folder, suffix in lists:
        print(f"flags for training and evaluation, of {folder}:")
        for split in ("train", "val", "test"):
            file = folder / f"{split}{suffix}.txt"
            file = folder / f"val{suffix}.txt" if split == "test" and not file.is_file() else file
            if file.is_file():
                print(
                    f"    --{split}-ann-files {shlex.quote(str(file))} --{split}-data-roots {root}"
                )


def add_source_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names MS-ASL's JSON files."""
    parser.add_argument(
        "-s",
        "--sources",
        type=Path,
        nargs="+",
        required=True,
        metavar="JSON",
        help="MSASL_train.json MSASL_val.json MSASL_test.json",
    )
