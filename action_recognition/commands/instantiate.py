"""instantiate_template.py: a template becomes a work dir."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from action_recognition.workdir import InstantiateOptions, instantiate, silent


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="instantiate_template.py",
        description="Make a work dir from a template: its files, the scripts train, eval, export and demo, and the start weights.",
    )
    parser.add_argument(
        "template",
        type=Path,
        metavar="TEMPLATE",
        help="a template.yaml, or the folder that holds one",
    )
    parser.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="the folder to make")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--do-not-load-snapshot", action="store_true", help="go without the start weights"
    )
    weights.add_argument(
        "--snapshot",
        type=Path,
        metavar="FILE",
        help="take the start weights from this file instead of the network",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="use a work dir that holds files: they are moved to WORK_DIR.backup-N first",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="name every file that is copied"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = InstantiateOptions(
        load_snapshot=not arguments.do_not_load_snapshot,
        snapshot=arguments.snapshot,
        force=arguments.force,
        detail=print if arguments.verbose else silent,
    )
    made = instantiate(arguments.template, arguments.work_dir, options)
    print(
        f"{made.template.name} is ready in {made.path}\nNext:\n    cd {shlex.quote(str(made.path))}\n    python train.py --help"
    )
    return 0
