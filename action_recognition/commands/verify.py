"""`tools/verify.py`: the flags. Heavy packages are imported when the check starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.program import program

_DESCRIPTION = (
    "Check a folder that export.py wrote: the checksum of every file in signature.json, equal "
    "metadata in all models, and equal scores in every form. Needs the runtime packages only."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/verify.py`."""
    parser = argparse.ArgumentParser(prog=program("verify.py"), description=_DESCRIPTION)
    parser.add_argument("folder", type=Path, metavar="DIR", help="The delivered folder.")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and check the folder."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.deploy.delivery.verification import verify_folder

    models = verify_folder(arguments.folder)
    print(f"{arguments.folder} is whole: {', '.join(models)}")
    return 0
