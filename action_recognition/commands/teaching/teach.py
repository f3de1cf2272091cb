"""`tools/teach.py`: gestures that an exported model learns from a few clips."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_int
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.teaching.taught_file import Taught
    from action_recognition.teaching.teachable_model import TeachableModel

_DESCRIPTION = (
    "Teach gestures to an exported model over hand landmarks, from one to five clips each, without "
    "training. The model, its card and its list of classes are changed in place. docs/teach.md "
    "explains it."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/teach.py`."""
    parser = argparse.ArgumentParser(prog=program("teach.py"), description=_DESCRIPTION)
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="The folder that export.py wrote, or model.xml in it.",
    )
    # In one call all changes are made, or none.
    _add_changes(parser)
    parser.add_argument(
        "--negatives",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="Clips that are no gesture. They teach the label 'no gesture', which no event has.",
    )
    parser.add_argument(
        "--threads", type=positive_int, metavar="N", help="Threads (default: OpenVINO's choice)."
    )
    return parser


def _add_changes(parser: argparse.ArgumentParser) -> None:
    """Add the changes: several may be given in one call."""
    parser.add_argument(
        "--add",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME", "FILE"),
        help="Teach a gesture from these clips, each a whole video file or photo. A gesture that "
        "was taught before gets them in addition. May be repeated.",
    )
    parser.add_argument(
        "--remove",
        action="append",
        default=[],
        metavar="NAME",
        help="Forget a taught gesture. May be repeated.",
    )
    parser.add_argument(
        "--rename",
        nargs=2,
        action="append",
        default=[],
        metavar=("OLD", "NEW"),
        help="Rename a taught gesture. May be repeated.",
    )
    # Without a change this is all that is done.
    parser.add_argument(
        "--list",
        action="store_true",
        help="Print the gestures, how many examples taught each, and their thresholds.",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, change the model and print what it knows."""
    arguments = build_parser().parse_args(argv)
    changes = [*arguments.add, *arguments.remove, *arguments.rename, *arguments.negatives]
    if not changes and not arguments.list:
        allowed = "--add, --remove, --rename, --negatives or --list"
        raise user_error("teach.py", "nothing to do", allowed)
    lonely = [item[0] for item in arguments.add if len(item) < 2]
    if lonely:
        raise user_error("--add", f"no clip is given for {lonely[0]!r}", "NAME FILE [FILE ...]")

    from action_recognition.deploy.delivery.sole_writer import sole_writer
    from action_recognition.teaching.teachable_model import TeachableModel

    folder = _folder(arguments.model)
    # From the first look on: what another command teaches meanwhile would be lost.
    with sole_writer(folder) if changes and folder.is_dir() else contextlib.nullcontext():
        model = TeachableModel(folder, arguments.threads)
        if changes:
            _change(model, arguments)
    if arguments.list:
        _print_list(TeachableModel(folder, arguments.threads) if changes else model)
    return 0


def _change(model: TeachableModel, arguments: argparse.Namespace) -> None:
    """Write the model with all changes, and print the threshold of each gesture."""
    from action_recognition.teaching.write_folder import write_taught_model

    fits = write_taught_model(model, _changed(model, arguments))
    for name, fit in fits.items():
        print(f"{name}: {fit}")


def _folder(path: Path) -> Path:
    """Return the folder of a model. Raises UserError: a file that is not its model.xml."""
    if path.suffix not in (".xml", ".bin"):
        return path
    if path.stem != "model":
        raise user_error(str(path), "is not the model that can be taught", "model.xml")
    return path.parent


def _changed(model: TeachableModel, arguments: argparse.Namespace) -> Taught:
    """Return what is taught after all changes: forgotten, renamed, then learned.

    Raises UserError: the problems of all names and files. Nothing was changed then.
    """
    from action_recognition.teaching.taught_file import NO_GESTURE

    taught = model.taught
    for name in arguments.remove:
        model.check_taught(name, "--remove")
        taught = taught.without(name)
    for old, new in arguments.rename:
        if old not in taught.gestures:
            model.check_taught(old, "--rename")
        new = model.check_name(new, "--rename")
        if new in taught.gestures:
            raise user_error("--rename", f"{new!r} is taken", fix="take another name")
        taught = taught.renamed(old, new)

    shown = [*arguments.add]
    if arguments.negatives:
        shown.append([NO_GESTURE, *arguments.negatives])
    problems: list[Problem] = []
    for name, *files in shown:
        try:
            name = model.check_name(name, "--add")
            taught = taught.with_examples(name, model.examples([Path(file) for file in files]))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return taught


def _print_list(model: TeachableModel) -> None:
    metadata = model.metadata
    print(f"{len(model.trained_labels)} trained: {', '.join(model.trained_labels)}")
    print(f"{len(metadata.taught)} taught by showing:")
    for name, number in metadata.taught.items():
        examples = f"{number} example{'' if number == 1 else 's'}"
        least = metadata.thresholds.get(name)
        needs = "means no gesture" if least is None else f"needs probability {least:.2f}"
        print(f"  {name}: {examples}, {needs}")
