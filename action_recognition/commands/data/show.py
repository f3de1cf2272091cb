"""`tools/data/show.py`: show a data set as a page, as contact sheets, or as training batches."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.check import add_data_flags, check_options
from action_recognition.commands.data.common_flags import add_seed_flag
from action_recognition.console import counted
from action_recognition.errors import user_error
from action_recognition.program import program

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from action_recognition.dataset_tools.checking.check_dataset import Checked
    from action_recognition.dataset_tools.showing.items import ClipItem
    from action_recognition.dataset_tools.showing.strips import Stretch
    from action_recognition.training.options import TrainOptions

# Clips on a page, and on one contact sheet.
MAX_CLIPS = 2000
_PER_SHEET = 24
CaptionedStrip = tuple[str, bytes]
"""Caption of a clip, and its frames side by side as JPEG."""

_DESCRIPTION = (
    "Show clips with the findings of check.py, in one HTML file, in contact sheets, or both."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/show.py`."""
    parser = argparse.ArgumentParser(prog=program("show.py"), description=_DESCRIPTION)
    add_data_flags(parser)
    _add_output_flags(parser)
    _add_limit_flag(parser)
    _add_training_flags(parser)
    return parser


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.html",
        help="Write a page with thumbnails, filters and histograms. It needs no server.",
    )

    parser.add_argument(
        "--contact-sheets",
        type=Path,
        metavar="DIR",
        help="Write one picture for every split and class, each of up to 24 clips.",
    )


def _add_limit_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-clips",
        type=positive_int,
        default=MAX_CLIPS,
        metavar="N",
        help="Number of clips to show, 1 or more; those with findings first (default: 2000).",
    )


def _add_training_flags(parser: argparse.ArgumentParser) -> None:
    trained = parser.add_argument_group("as the network gets them")
    trained.add_argument(
        "--as-trained",
        type=Path,
        metavar="WORK_DIR",
        help="Show the batches of the first steps of train.py. Needs --contact-sheets.",
    )
    trained.add_argument(
        "--steps",
        type=positive_int,
        default=2,
        metavar="N",
        help="Number of these steps, 1 or more (default: 2).",
    )
    add_seed_flag(trained, "these steps, as in train.py")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, write the pictures and print their files."""
    arguments = build_parser().parse_args(argv)
    if arguments.output is None and arguments.contact_sheets is None:
        raise user_error(
            "show.py", "nothing to write", "--output FILE.html, --contact-sheets DIR, or both"
        )
    if arguments.as_trained is not None:
        return _show_as_trained(arguments)
    return _show_checked(arguments)


def _show_checked(arguments: argparse.Namespace) -> int:
    """Check the clips and write those that are shown, with what was found."""
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.dataset_tools.checking.check_dataset import check
    from action_recognition.dataset_tools.showing.items import clip_items
    from action_recognition.dataset_tools.showing.page import check_page_file, page, write_page
    from action_recognition.dataset_tools.showing.strips import make_strips

    if arguments.output is not None:
        check_page_file(arguments.output)
    checked = check(check_options(arguments, opens_files=True), shown_progress)
    items, of_files, left_out = clip_items(checked, arguments.max_clips)
    stretches = [item.stretch for item in items if item.stretch]
    with shown_progress("making thumbnails") as progress:
        strips = make_strips(stretches, arguments.jobs, progress)

    # The page, the sheets, or both.
    if arguments.output is not None:
        title = ", ".join(file.name for file in checked.ann_files)
        notice = _notice(checked, left_out)
        write_page(arguments.output, page(title, items, of_files, strips, notice))
        print(arguments.output)
    if arguments.contact_sheets is not None:
        for file in write_contact_sheets(arguments.contact_sheets, items, strips):
            print(file)
    return 0


def _notice(checked: Checked, left_out: int) -> str:
    """Return the line above the page's clips."""
    found = checked.findings
    notes = found.counts.total() - found.num_problems
    shown = ", ".join(
        [
            counted(checked.num_rows, "clip"),
            counted(found.num_problems, "problem"),
            counted(notes, "note"),
        ]
    )
    return f"{shown}; {left_out} not shown" if left_out else shown


def write_contact_sheets(
    folder: Path, items: Sequence[ClipItem], strips: Mapping[Stretch, bytes]
) -> list[Path]:
    """Write a picture of the first clips of every split and class. Return the files."""
    from action_recognition.plots import save_picture

    groups: dict[tuple[str, str], list[CaptionedStrip]] = defaultdict(list)
    for item in items:
        strip = strips[item.stretch] if item.stretch else b""
        names = (item.split, item.label)
        if strip and len(groups[names]) < _PER_SHEET:
            groups[names].append((f"{item.line}: {Path(item.path).name}", strip))

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, ((split, label), clips) in enumerate(sorted(groups.items())):
        files.append(folder / f"{number:03d}_{_file_name(split)}_{_file_name(label)}.png")
        save_picture(files[-1], _sheet(clips))
    return files


def _sheet(clips: Sequence[CaptionedStrip]) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) uint8 RGB of a sheet. Narrow strips are padded with white."""
    import numpy as np
    import torch

    from action_recognition.dataset_tools.showing.strips import strip_frames
    from action_recognition.training.reporting.contact_sheet import contact_sheet

    frames = [strip_frames(strip) for _, strip in clips]
    width = max(clip.shape[2] for clip in frames)
    margins = [((0, 0), (0, 0), (0, width - clip.shape[2]), (0, 0)) for clip in frames]
    padded = [np.pad(*clip, constant_values=255) for clip in zip(frames, margins, strict=True)]

    # (N, T, H, W, 3) to (N, 3, T, H, W)
    pictures = torch.from_numpy(np.stack(padded)).permute(0, 4, 1, 2, 3)
    return contact_sheet(pictures, [caption for caption, _ in clips])


def _file_name(text: str) -> str:
    """Return the text with letters, digits, `-` and `_` only: a label may hold a slash."""
    return "".join(
        character if character.isalnum() or character in "-_" else "_" for character in text
    )[:80]


def _show_as_trained(arguments: argparse.Namespace) -> int:
    """Write one sheet for each of the first batches of training."""
    if arguments.contact_sheets is None:
        raise user_error("--as-trained", "shows pictures", "--contact-sheets DIR beside it")
    from action_recognition.plots import save_picture
    from action_recognition.training.as_trained import trained_batches
    from action_recognition.training.reporting.contact_sheet import contact_sheet

    folder = arguments.contact_sheets
    options = _train_options(arguments)
    folder.mkdir(parents=True, exist_ok=True)

    for step, batch in enumerate(trained_batches(arguments.as_trained, options, arguments.steps)):
        # A batch without clips has no picture.
        if len(batch.captions):
            file = folder / f"step_{step:03d}.png"
            title = f"clips of step {step}, as the network sees them"
            save_picture(file, contact_sheet(batch.clips, batch.captions, title=title))
            print(file)
    return 0


def _train_options(arguments: argparse.Namespace) -> TrainOptions:
    """Return the options of a run on these clips, which validates on the same."""
    from action_recognition.training.options import TrainOptions

    # A run needs validation files. Only batches of training are shown.
    files, roots = arguments.ann_files, arguments.data_roots
    return TrainOptions(
        train_ann_files=files,
        train_data_roots=roots,
        val_ann_files=files,
        val_data_roots=roots,
        save_checkpoints_to=arguments.contact_sheets,
        classes=arguments.classes,
        seed=arguments.seed,
        num_workers=0,
    )
