"""`tools/data/import_clips.py`: turn clips in any known form into annotation files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import (
    class_list,
    positive_float,
    positive_int,
    whole_number,
)
from action_recognition.commands.data.common_flags import (
    add_force_flag,
    add_fractions_flag,
    add_jobs_flag,
    add_output_flag,
    add_seed_flag,
)
from action_recognition.commands.flags import add_person_flag
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.dataset_tools.importing.assign_splits import SplitOptions
    from action_recognition.dataset_tools.importing.import_dataset import DataSet

# Forms of clips, then of photos. _DESCRIPTION explains them.
FORMATS = (
    "auto",
    "class_folders",
    "original_lists",
    "class_lists",
    "jester",
    "ipn_hand",
    "egogesture",
    "nvgesture",
    "something_v2",
    "kinetics_csv",
    "msasl",
    "wlasl",
    "wlasl_subset",
    "autsl",
    "lsa64",
    "sense",
)
PHOTO_FORMATS = ("photo_folders", "photo_names", "photo_table", "hagrid")
_DESCRIPTION = """\
Write train.txt, val.txt, test.txt, classes.json and a report for clips in one of these forms:
  class_folders   a folder for each class, of videos or of folders of numbered frames;
                  perhaps inside or around train/ val/ test/
  original_lists  files of lines "path label"
                  or "path label clip_start clip_end video_start video_end fps"
  class_lists     lists of UCF101, Kinetics, TSN and their like, with classInd.txt:
                  "path", "path class", "path frames class", "path class start end"
  jester          20BN-Jester's CSVs and its folders of numbered frames
  ipn_hand        Annot_List.txt and its like; class D0X is the negative label
  egogesture      labels-final-revised1/subject01/Scene1/Group1.csv
  nvgesture       nvgesture_train_correct_cvpr2016_v2.lst
  something_v2    Something-Something V2: labels.json, train.json, validation.json
  msasl, wlasl    their JSON files, with a folder of clips or of whole videos
  wlasl_subset    nslt_100.json or its like, with wlasl_class_list.txt
  autsl           train_labels.csv of signer0_sample1,41
  lsa64           videos named SIGN_SIGNER_REPETITION, 001_004_002.mp4
  kinetics_csv    label,youtube_id,time_start,time_end,split,
                  with a folder of clips or of whole videos
  sense           a project of 20bn's SenseStudio, with its recordings and tags
and for photos, one file each:
  photo_folders   a folder for each class, perhaps inside train/ val/ test/
  photo_names     files named for their class, as 0_IMG_1118.jpg
  photo_table     a CSV with the columns path, label, and perhaps split and person
  hagrid          HaGRID's JSON files, one for each gesture, and its photos of any size
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/import_clips.py`."""
    parser = argparse.ArgumentParser(
        prog=program("import_clips.py"),
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_folder_flags(parser)
    _add_output_flags(parser)

    source = parser.add_argument_group("source")
    _add_clip_flags(source)
    _add_rate_flag(source)
    _add_class_flags(source)
    _add_split_flags(parser)
    add_jobs_flag(parser)
    return parser


def _add_folder_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="The folder that holds the data, or its CSV, JSON or list.",
    )

    parser.add_argument(
        "--format",
        choices=FORMATS + PHOTO_FORMATS,
        default="auto",
        help="Form of the source (default: auto, which recognises it).",
    )


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    add_output_flag(parser, "Folder for the annotation files, classes.json and the report.")
    add_force_flag(parser)


def _add_clip_flags(source: argparse._ArgumentGroup) -> None:
    source.add_argument(
        "--clips",
        type=Path,
        metavar="DIR",
        help="Folder of the videos or frame folders (default: found below SOURCE).",
    )

    source.add_argument(
        "--clip-name",
        metavar="PATTERN",
        help="Name of a clip's file without suffix, such as '{id}_{start}_{end}'. It may hold "
        "{id} {label} {start} {end} {index} (default: the usual names).",
    )

    source.add_argument(
        "--modality",
        metavar="NAME",
        help="Which film of each clip is taken where there are several: color, depth, duo_left, "
        "... (default: color in the formats of public sets).",
    )


def _add_rate_flag(source: argparse._ArgumentGroup) -> None:
    source.add_argument(
        "--frame-rate",
        type=positive_float,
        metavar="FPS",
        help="Frame rate at which frame folders were filmed, in frames per second, above 0.",
    )


def list_columns(text: str) -> tuple[str, ...]:
    """Read the columns of a list, and return those behind the path.

    >>> list_columns("path,label,start,end")
    ('label', 'start', 'end')
    """
    names = tuple(name.strip() for name in text.split(","))
    allowed = ["label", "frames,label", "label,frames", "label,start,end", "start,frames,label"]
    if names[0] != "path" or ",".join(names[1:]) not in allowed:
        choices = ", or ".join(f"path,{columns}" for columns in allowed)
        raise argparse.ArgumentTypeError(f"{text!r} is none of: {choices}")
    return names[1:]


def _add_class_flags(source: argparse._ArgumentGroup) -> None:
    source.add_argument(
        "--classes", type=class_list, metavar="A,B,...", help="Class names in label order."
    )
    source.add_argument(
        "--first-label",
        type=int,
        choices=(0, 1),
        help="The number of the first class in lists (default: as folders and numbers tell).",
    )
    source.add_argument(
        "--columns",
        type=list_columns,
        metavar="path,...",
        help="Columns of lists that have several meanings: path,frames,label or path,label,frames; "
        "path,label,start,end or path,start,frames,label.",
    )
    source.add_argument(
        "--num-classes",
        type=positive_int,
        metavar="K",
        help="Take the first K classes only, 1 or more (msasl, wlasl, jester; default: all).",
    )

    source.add_argument(
        "--negative-label", metavar="NAME", help="The class that means: no gesture."
    )


def _add_split_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("split (a split of the source is kept)")
    add_person_flag(group, "Nobody is in two parts of the split.")
    group.add_argument(
        "--resplit", action="store_true", help="Split again what the source has split already."
    )
    group.add_argument(
        "--split-number",
        type=whole_number,
        metavar="N",
        help="Which lists are read where a set has several splits (default: the first).",
    )
    add_fractions_flag(group)
    add_seed_flag(group, "the split")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, read the source and write the data set."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.reports import print_next_steps
    from action_recognition.data.dataset_files import refuse_existing

    # Wrong fractions and existing files end the command before the source is read.
    split = _split_options(arguments)
    refuse_existing(arguments.output, arguments.force)
    data_set, name = _read(arguments, split)
    _write(arguments, data_set, name, split)

    print(f"\nwritten to {arguments.output}")
    print_next_steps(arguments.output, list(data_set.lists), data_set.data_root)
    return 0


def _split_options(arguments: argparse.Namespace) -> SplitOptions:
    from action_recognition.dataset_tools.importing.assign_splits import SplitOptions
    from action_recognition.dataset_tools.splitting import parse_fractions

    fractions = parse_fractions(arguments.fractions)
    return SplitOptions(arguments.person_regex, fractions, arguments.seed, arguments.resplit)


def _read(arguments: argparse.Namespace, split: SplitOptions) -> tuple[DataSet, str]:
    """Read the source and open its clips. Return the data set and the name of its format."""
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.dataset_tools.importing.import_dataset import (
        ImportOptions,
        make_data_set,
    )
    from action_recognition.dataset_tools.importing.recognise import read_source
    from action_recognition.dataset_tools.importing.source import SourceOptions

    # The clips that the source lists.
    source = SourceOptions(
        clips=arguments.clips,
        clip_name=arguments.clip_name,
        num_classes=arguments.num_classes,
        classes=arguments.classes,
        modality=arguments.modality,
        split_number=arguments.split_number,
        columns=arguments.columns,
        first_label=arguments.first_label,
    )
    found, name = read_source(arguments.source, arguments.format, source)
    print(f"format: {name}, {len(found.clips)} clips found")

    # The clips that can be opened, with their labels and splits.
    options = ImportOptions(
        split, arguments.classes, arguments.negative_label, arguments.frame_rate, arguments.jobs
    )
    with shown_progress("opening clips") as progress:
        return make_data_set(found, options, progress), name


def _write(
    arguments: argparse.Namespace, data_set: DataSet, name: str, split: SplitOptions
) -> None:
    """Write the files of the data set and print its report."""
    from action_recognition.dataset_tools.importing.writing import write_data_set

    settings = {
        "format": name,
        "source": str(arguments.source),
        "seed": split.seed,
        "person_regex": split.person_regex,
    }
    for line in write_data_set(data_set, arguments.output, settings):
        print(line)
