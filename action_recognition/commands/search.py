"""`tools/search.py`: try values of a template, each in a short training run, and keep the best."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from action_recognition.commands.arguments import positive_int
from action_recognition.errors import Problem, UserError, nearest

if TYPE_CHECKING:
    from action_recognition.training.options import TrainOptions


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="search.py",
        description="Try values of a template, each in a training run of its own, and write out the best one's template. The same command "
        "goes on where it was interrupted; run at the same time several times, it shares the trials.",
    )
    parser.add_argument(
        "space", type=Path, metavar="SPACE.yaml", help="what is tried, see docs/search.md"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="trials, table, picture, best template",
    )
    parser.add_argument(
        "--trials", type=positive_int, metavar="N", help="instead of the file's number"
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="Optuna's database, such as sqlite:///FILE (default: a journal in DIR)",
    )
    parser.add_argument(
        "--report", action="store_true", help="train nothing: write the table of what is there"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.training.studies.search.space import load_space

    space, documents = load_space(arguments.space)
    if arguments.trials is not None:
        space = space.model_copy(update={"trials": arguments.trials})
    template_dir = arguments.space.parent / space.template
    _check_flags(arguments.space, space.train, template_dir)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as train.py
    from action_recognition.training.studies.search.report import write_report
    from action_recognition.training.studies.search.study import Search, run_search

    def options_in(folder: Path) -> TrainOptions:
        return train_options(folder, space.train, arguments.space.parent)

    search = Search(space, documents, arguments.output, options_in, arguments.storage)
    options_in(template_dir)  # what argparse refuses is said before the first trial
    study = search.study() if arguments.report else None
    try:
        study = study or run_search(search)
    finally:
        for line in write_report(search, study or search.study()):
            print(line, flush=True)
    return 0


def train_options(folder: Path, flags: Mapping[str, Any], start: Path) -> TrainOptions:
    """What train.py in `folder` would take from the flags, with paths that start at `start`."""
    from action_recognition.commands import train
    from action_recognition.training.options import TrainOptions

    words = [word for name, value in flags.items() for word in _words(name, value, start)]
    values = vars(train.build_parser(folder).parse_args(words))
    for name in (*train.PLAN_FLAGS, "config"):
        values.pop(name)
    return TrainOptions(**values)


def _words(name: str, value: Any, start: Path) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    if isinstance(value, list):
        value = ",".join(map(str, value))
    if name.endswith(("-ann-files", "-data-roots")):
        value = ",".join(
            part if part.startswith(("/", "shards:/")) else str(start / part)
            for part in str(value).split(",")
        )
    if name == "load-weights" and (start / str(value)).is_file():
        value = start / str(value)
    return [f"--{name}", str(value)]


def _check_flags(path: Path, flags: Mapping[str, Any], template_dir: Path) -> None:
    from action_recognition.commands import train

    refused = {
        "save-checkpoints-to",
        "tensorboard-dir",
        "resume-from",
        "config",
        *(name.replace("_", "-") for name in train.PLAN_FLAGS),
    }
    actions = train.build_parser(template_dir)._actions
    known = [
        word[2:]
        for action in actions
        for word in action.option_strings
        if word.startswith("--") and word[2:] not in refused
    ]
    problems = [
        Problem(
            f"{path}: train.{name}",
            f"is no flag of train.py that a trial takes{nearest(name, known)}",
            ", ".join(known),
        )
        for name in flags
        if name not in known
    ]
    if problems:
        raise UserError(problems)
