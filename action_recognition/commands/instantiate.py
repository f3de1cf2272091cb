"""`tools/instantiate_template.py`: make a work dir from a template."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from action_recognition.program import program
from action_recognition.workdir import InstantiateOptions, instantiate, silent

_DESCRIPTION = (
    "Make a work dir from a template. It gets the template's files, the scripts train, eval, "
    "export and demo, and the start weights."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/instantiate_template.py`."""
    parser = argparse.ArgumentParser(
        prog=program("instantiate_template.py"), description=_DESCRIPTION
    )
    parser.add_argument(
        "template",
        type=Path,
        metavar="TEMPLATE",
        help="A template.yaml, its folder, or the name of a template of the toolkit.",
    )
    parser.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="Folder to make.")

    _add_weight_flags(parser)
    _add_copy_flags(parser)
    return parser


def _add_weight_flags(parser: argparse.ArgumentParser) -> None:
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--do-not-load-snapshot", action="store_true", help="Do without the start weights."
    )

    weights.add_argument(
        "--snapshot",
        type=Path,
        metavar="FILE",
        help="Take the start weights from this file instead of the network.",
    )


def _add_copy_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--force",
        action="store_true",
        help="Use a work dir that holds files. They are moved to WORK_DIR.backup-N first.",
    )

    parser.add_argument(
        "-v", "--verbose", action="store_true", help="Print every file that is copied."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, make the work dir and print the next commands."""
    arguments = build_parser().parse_args(argv)
    options = InstantiateOptions(
        load_snapshot=not arguments.do_not_load_snapshot,
        snapshot=arguments.snapshot,
        force=arguments.force,
        detail=print if arguments.verbose else silent,
    )
    made = instantiate(arguments.template, arguments.work_dir, options)

    print(f"{made.template.name} is ready in {made.path}")
    # The path is quoted for a shell: it may hold spaces.
    print(f"Next:\n    cd {shlex.quote(str(made.path))}\n    python train.py --help")
    return 0
