"""`tools/data/show.py`: a data set to look at, as a page, as contact sheets, or as the network gets it."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_int, whole_number
from action_recognition.commands.data.check import add_data_flags, check_options
from action_recognition.errors import user_error

if TYPE_CHECKING:
    from action_recognition.dataset_tools.showing.items import ClipItem
    from action_recognition.dataset_tools.showing.strips import Stretch

MAX_CLIPS = 2000
_PER_SHEET = 24


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="show.py",
        description="Show clips with what check.py finds: one HTML file, contact sheets, or both.",
    )
    add_data_flags(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.html",
        help="the page: thumbnails, filters, histograms; needs no server",
    )
    parser.add_argument(
        "--contact-sheets",
        type=Path,
        metavar="DIR",
        help="pictures: one for every split and class, 24 clips on each",
    )
    parser.add_argument(
        "--max-clips",
        type=positive_int,
        default=MAX_CLIPS,
        metavar="N",
        help="those with findings first (default: 2000)",
    )
    trained = parser.add_argument_group("as the network gets them")
    trained.add_argument(
        "--as-trained",
        type=Path,
        metavar="WORK_DIR",
        help="batches of the first steps of train.py, as --contact-sheets",
    )
    trained.add_argument(
        "--steps",
        type=positive_int,
        default=2,
        metavar="N",
        help="of these many steps (default: 2)",
    )
    trained.add_argument(
        "--seed", type=whole_number, default=0, metavar="N", help="that of train.py (default: 0)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    if arguments.output is None and arguments.contact_sheets is None:
        raise user_error(
            "show.py", "nothing to write", "--output FILE.html, --contact-sheets DIR, or both"
        )
    if arguments.as_trained is not None:
        return _show_as_trained(arguments)
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.dataset_tools.checking.check_dataset import check
    from action_recognition.dataset_tools.showing.items import clip_items
    from action_recognition.dataset_tools.showing.page import check_page_file, page, write_page
    from action_recognition.dataset_tools.showing.strips import make_strips

    if arguments.output is not None:
        check_page_file(arguments.output)
    checked = check(check_options(arguments, opens_files=True), shown_progress)
    items, of_files, left_out = clip_items(checked, arguments.max_clips)
    with shown_progress("making thumbnails") as progress:
        strips = make_strips(
            [item.stretch for item in items if item.stretch], arguments.jobs, progress
        )
    if arguments.output is not None:
        notice = f"{checked.num_rows} clips, {checked.findings.num_problems} problems" + (
            f"; {left_out} not shown" if left_out else ""
        )
        write_page(
            arguments.output,
            page(
                ", ".join(file.name for file in checked.ann_files), items, of_files, strips, notice
            ),
        )
        print(arguments.output)
    if arguments.contact_sheets is not None:
        for file in write_contact_sheets(arguments.contact_sheets, items, strips):
            print(file)
    return 0


def write_contact_sheets(
    folder: Path, items: Sequence[ClipItem], strips: Mapping[Stretch, bytes]
) -> list[Path]:
    """A picture for every split and class, of its first clips; returns the files."""
    import numpy as np
    import torch

    from action_recognition.dataset_tools.showing.strips import strip_frames
    from action_recognition.plots import save_picture
    from action_recognition.training.reporting.contact_sheet import contact_sheet

    groups: dict[tuple[str, str], list[tuple[str, bytes]]] = defaultdict(list)
    for item in items:
        if (
            item.stretch
            and (strip := strips[item.stretch])
            and len(groups[item.split, item.label]) < _PER_SHEET
        ):
            groups[item.split, item.label].append((f"{item.line}: {Path(item.path).name}", strip))
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, ((split, label), clips) in enumerate(
        (key, clips) for key, clips in sorted(groups.items()) if clips
    ):
        frames = [strip_frames(strip) for _, strip in clips]
        width = max(clip.shape[2] for clip in frames)
        padded = np.stack(
            [
                np.pad(
                    clip, ((0, 0), (0, 0), (0, width - clip.shape[2]), (0, 0)), constant_values=255
                )
                for clip in frames
            ]
        )
        sheet = contact_sheet(
            torch.from_numpy(padded).permute(0, 4, 1, 2, 3),
            [caption for caption, _ in clips],
            columns=2,
        )
        files.append(folder / f"{number:03d}_{_file_name(split)}_{_file_name(label)}.png")
        save_picture(files[-1], sheet)
    return files


def _file_name(text: str) -> str:
    """The text with nothing but letters, digits, `-` and `_`: a label may hold a slash."""
    return "".join(
        character if character.isalnum() or character in "-_" else "_" for character in text
    )[:80]


def _show_as_trained(arguments: argparse.Namespace) -> int:
    if arguments.contact_sheets is None:
        raise user_error("--as-trained", "shows pictures", "--contact-sheets DIR beside it")
    from action_recognition.plots import save_picture
    from action_recognition.training.as_trained import trained_batches
    from action_recognition.training.options import TrainOptions
    from action_recognition.training.reporting.contact_sheet import contact_sheet

    files, roots = arguments.ann_files, arguments.data_roots
    options = TrainOptions(
        train_ann_files=files,
        train_data_roots=roots,
        val_ann_files=files,
        val_data_roots=roots,
        save_checkpoints_to=arguments.contact_sheets,
        classes=arguments.classes,
        seed=arguments.seed,
        num_workers=0,
    )
    arguments.contact_sheets.mkdir(parents=True, exist_ok=True)
    for step, batch in enumerate(trained_batches(arguments.as_trained, options, arguments.steps)):
        if len(batch.captions):
            file = arguments.contact_sheets / f"step_{step:03d}.png"
            save_picture(file, contact_sheet(batch.clips, batch.captions))
            print(file)
    return 0
