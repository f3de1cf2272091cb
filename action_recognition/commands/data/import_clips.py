"""`tools/data/import_clips.py`: clips in the form that somebody has them, as annotation files."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import (
    class_list,
    positive_float,
    positive_int,
    whole_number,
)

FORMATS = (
    "auto",
    "class_folders",
    "original_lists",
    "jester",
    "msasl",
    "wlasl",
    "kinetics_csv",
    "sense",
)
PHOTO_FORMATS = ("photo_folders", "photo_names", "photo_table", "hagrid")
_DESCRIPTION = """\
Write train.txt, val.txt, test.txt, classes.json and a report for clips in one of these forms:
  class_folders   a folder for each class, of videos or of folders of numbered frames; perhaps inside train/ val/ test/
  original_lists  files of lines "path label" or "path label clip_start clip_end video_start video_end fps"
  jester          20BN-Jester's CSVs and its folders of numbered frames
  msasl, wlasl    their JSON files, with a folder of clips or of whole videos
  kinetics_csv    label,youtube_id,time_start,time_end,split, with a folder of clips or of whole videos
  sense           a project of 20bn's SenseStudio, with its recordings and tags
and for photos, one file each:
  photo_folders   a folder for each class, perhaps inside train/ val/ test/
  photo_names     files named for their class, as 0_IMG_1118.jpg
  photo_table     a CSV with the columns path, label, and perhaps split and person
  hagrid          HaGRID's JSON files, one for each gesture, and its photos of any size
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="import_clips.py",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="the folder that holds the data, or its CSV, JSON or list",
    )
    parser.add_argument(
        "--format", choices=FORMATS + PHOTO_FORMATS, default="auto", help="(default: auto)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder for the files that are written",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there already")
    source = parser.add_argument_group("source")
    source.add_argument(
        "--clips",
        type=Path,
        metavar="DIR",
        help="where videos or frame folders are (default: found below SOURCE)",
    )
    source.add_argument(
        "--clip-name",
        metavar="PATTERN",
        help="name of a clip's file without suffix, e.g. '{id}_{start}_{end}' ({id} {label} {start} {end} {index}; default: usual ones)",
    )
    source.add_argument(
        "--frame-rate",
        type=positive_float,
        metavar="FPS",
        help="rate at which frame folders were filmed",
    )
    source.add_argument(
        "--classes", type=class_list, metavar="A,B,...", help="class names in label order"
    )
    source.add_argument(
        "--num-classes",
        type=positive_int,
        metavar="K",
        help="only the first K classes (msasl, wlasl, jester)",
    )
    source.add_argument("--negative-label", metavar="NAME", help="the class that means: no gesture")
    _add_split(parser.add_argument_group("split (a split of the source is kept)"))
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    parser.add_argument(
        "--jobs",
        type=positive_int,
        default=cores,
        metavar="N",
        help=f"files opened at a time (default: {cores})",
    )
    return parser


def _add_split(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--person-regex",
        metavar="REGEX",
        help=r"its first group is the person in a clip's path, as in '(p\d+)_': nobody in two parts",
    )
    group.add_argument(
        "--resplit", action="store_true", help="split anew, also what is split already"
    )
    group.add_argument(
        "--fractions",
        default="70,15,15",
        metavar="A,B,C",
        help="of train, val and test (default: 70,15,15)",
    )
    group.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="the same seed gives the same split (default: 0)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.data.dataset_files import refuse_existing
    from action_recognition.dataset_tools.importing.formats import read_source
    from action_recognition.dataset_tools.importing.import_dataset import (
        ImportOptions,
        SplitOptions,
        make_data_set,
    )
    from action_recognition.dataset_tools.importing.source import SourceOptions
    from action_recognition.dataset_tools.importing.writing import write_data_set
    from action_recognition.dataset_tools.splitting import parse_fractions

    split = SplitOptions(
        arguments.person_regex,
        parse_fractions(arguments.fractions),
        arguments.seed,
        arguments.resplit,
    )
    refuse_existing(arguments.output, arguments.force)
    source = SourceOptions(
        arguments.clips, arguments.clip_name, arguments.num_classes, arguments.classes
    )
    found, name = read_source(arguments.source, arguments.format, source)
    options = ImportOptions(
        split, arguments.classes, arguments.negative_label, arguments.frame_rate, arguments.jobs
    )
    print(f"format: {name}, {len(found.clips)} clips found")
    with shown_progress("opening clips") as progress:
        data_set = make_data_set(found, options, progress)
    settings = {
        "format": name,
        "source": str(arguments.source),
        "seed": split.seed,
        "person_regex": split.person_regex,
    }
    for line in write_data_set(data_set, arguments.output, settings, arguments.negative_label):
        print(line)
    print(f"\nwritten to {arguments.output}; flags for training and evaluation:")
    for split_name in (name for name, clips in data_set.clips.items() if clips):
        file, root = (
            shlex.quote(str(path))
            for path in (arguments.output / f"{split_name}.txt", data_set.data_root)
        )
        print(f"    --{split_name}-ann-files {file} --{split_name}-data-roots {root}")
    return 0
