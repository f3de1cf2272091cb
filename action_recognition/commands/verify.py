"""`tools/verify.py`: the flags; everything heavy is imported when the check starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def build_parser() -> argparse.ArgumentParser:
    """The flags of `tools/verify.py`."""
    parser = argparse.ArgumentParser(
        prog="verify.py",
        description="Check a folder that export.py made: every file with the sum that signature.json names, one meaning in all models, the "
        "same scores in every form. Needs the runtime packages only.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the delivered folder")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and check."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.deploy.delivery.verification import verify_folder

    models = verify_folder(arguments.folder)
    print(f"{arguments.folder} is whole: {', '.join(models)}")
    return 0
