"""Flags of the commands that write cropped clips, with the original's names beside ours."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_float
from action_recognition.commands.data.common_flags import add_image_extension_flag, add_jobs_flag
from action_recognition.errors import user_error

if TYPE_CHECKING:
    from action_recognition.dataset_tools.preparing.clip_files import ClipForm


def picture_size(text: str) -> tuple[int, int]:
    """Return height and width in pixels, in the original's order.

    >>> picture_size("300,256")
    (300, 256)
    """
    # The order is height, width: that of the original.
    parts = text.replace(" ", "").split(",")
    if len(parts) != 2 or not all(part.isdecimal() and 8 <= int(part) <= 8192 for part in parts):
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: height,width in pixels, 8 to 8192 each, as in 300,256"
        )
    return int(parts[0]), int(parts[1])


def add_form_flags(parser: argparse.ArgumentParser) -> None:
    """Add the form in which clips are written, and the number of clips at a time."""
    form = parser.add_argument_group("pictures")
    _add_size_flags(form)

    add_image_extension_flag(form, "-ie", "--image_extension")
    form.add_argument(
        "--output-format",
        choices=("frames", "mp4"),
        default="frames",
        help="Write each clip as a folder of images, or as a video (default: frames).",
    )
    add_jobs_flag(parser, "-n")


def _add_size_flags(form: argparse._ArgumentGroup) -> None:
    form.add_argument(
        "--target-image-size",
        "--trg_image_size",
        type=picture_size,
        default=(300, 256),
        metavar="H,W",
        help="Height and width of a picture in pixels, 8 to 8192 (default: 300,256).",
    )
    form.add_argument(
        "--scale",
        type=positive_float,
        default=1.2,
        metavar="X",
        help="Factor that enlarges the person's box, above 0 (default: 1.2).",
    )


def clip_form(arguments: argparse.Namespace, image_stem: str) -> ClipForm:
    """Return the form that the flags hold. Images are named by `image_stem` (`img_{:05d}`)."""
    from action_recognition.dataset_tools.preparing.clip_files import ClipForm
    from action_recognition.dataset_tools.preparing.cropping import PictureSize

    # The colour planes of a video have half the sides, so these have to be even.
    size, as_video = PictureSize(*arguments.target_image_size), arguments.output_format == "mp4"
    if as_video and (size.height % 2 or size.width % 2):
        raise user_error(
            "--target-image-size",
            f"found {size.height},{size.width}",
            "even numbers for --output-format mp4",
        )
    return ClipForm(size, arguments.scale, f"{image_stem}.{arguments.image_extension}", as_video)


def form_settings(form: ClipForm) -> dict[str, object]:
    """Return the settings that a run has to share with the earlier run that it resumes."""
    kind = "mp4" if form.as_video else form.image_name
    return {"size": list(form.size), "scale": form.scale, "clips": kind}


def add_source_flags(parser: argparse.ArgumentParser) -> None:
    """Add the JSON files of MS-ASL."""
    parser.add_argument(
        "-s",
        "--sources",
        type=Path,
        nargs="+",
        required=True,
        metavar="JSON",
        help="JSON files: MSASL_train.json MSASL_val.json MSASL_test.json.",
    )
