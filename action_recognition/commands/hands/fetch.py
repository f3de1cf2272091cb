"""`tools/fetch_hands.py`: the networks that find hands and their landmarks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.console import say
from action_recognition.hands.network_files import fetch_hand_models, hand_models_folder
from action_recognition.hands.network_names import SOURCE
from action_recognition.program import program

_DESCRIPTION = (
    f"Fetch the networks that find hands and their landmarks: {SOURCE}. pip fetches the wheel that "
    "holds them, 36 MB. Two files of it are kept, 8 MB. It is not installed."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/fetch_hands.py`."""
    parser = argparse.ArgumentParser(prog=program("fetch_hands.py"), description=_DESCRIPTION)
    parser.add_argument(
        "--hand-models",
        type=Path,
        metavar="DIR",
        help=f"Folder for the files, checked if they are there (default: {hand_models_folder()}).",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch the files, or check those that are there. Return the exit code."""
    arguments = build_parser().parse_args(argv)
    say(f"the networks of hands are in {fetch_hand_models(arguments.hand_models)}")
    return 0
