"""`tools/search.py`: try values of a template, each in a short training run, and keep the best."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from action_recognition.commands.arguments import positive_int
from action_recognition.console import say
from action_recognition.errors import Problem, UserError, nearest
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.training.options import TrainOptions
    from action_recognition.training.studies.search.study import Search

# Each trial has its own folder, in which the search resumes. `config` is not used any more.
_NOT_OF_A_TRIAL = ("save-checkpoints-to", "tensorboard-dir", "resume-from", "config")

_DESCRIPTION = (
    "Try values of a template, each in a separate training run, and write the template of the "
    "best one. The same command resumes an interrupted search. Several commands at the same time "
    "share the trials."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/search.py`."""
    parser = argparse.ArgumentParser(prog=program("search.py"), description=_DESCRIPTION)
    parser.add_argument(
        "space",
        type=Path,
        metavar="SPACE.yaml",
        help="Values to try (see docs/search.md).",
    )
    _add_trial_flags(parser)
    _add_output_flags(parser)
    return parser


def _add_trial_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trials",
        type=positive_int,
        metavar="N",
        help="Number of trials, 1 or more (default: that of SPACE.yaml).",
    )

    parser.add_argument(
        "--storage",
        metavar="URL",
        help="Optuna's database, such as sqlite:///FILE (default: a journal in DIR).",
    )


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="Folder for trials, table, picture and the best template.",
    )

    parser.add_argument(
        "--report",
        action="store_true",
        help="Train nothing and write the table of the trials that are finished.",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, run the trials that are missing, write and print the report."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.training.studies.search.space import load_space

    space, documents = load_space(arguments.space)
    start = arguments.space.parent
    template_dir = start / space.template
    if arguments.trials is not None:
        space = space.model_copy(update={"trials": arguments.trials})
    _check_flags(arguments.space, space.train, template_dir)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as train.py
    from action_recognition.training.studies.search.study import Search

    def options_in(folder: Path) -> TrainOptions:
        """Return the options of the trial whose template is in `folder`."""
        return train_options(folder, space.train, start)

    search = Search(space, documents, arguments.output, options_in, arguments.storage)
    # Flags that argparse refuses end the command here, before the first trial.
    options_in(template_dir)
    _run_and_report(search, only_report=arguments.report)
    return 0


def _run_and_report(search: Search, *, only_report: bool) -> None:
    """Run the trials that are missing and write the report, after an interruption too."""
    from action_recognition.training.machine.run_lock import among_searches
    from action_recognition.training.studies.search.report import write_report
    from action_recognition.training.studies.search.study import run_search

    # A folder that a run holds is refused before anything is written into it.
    with among_searches(search.folder):
        study = search.study()
        try:
            # With --report nothing is trained.
            if not only_report:
                run_search(search)
        finally:
            for line in write_report(search, study):
                say(line)


def train_options(folder: Path, flags: Mapping[str, Any], start: Path) -> TrainOptions:
    """Return the options that train.py in `folder` takes from the flags. Paths start at `start`."""
    from action_recognition.commands import train
    from action_recognition.training.options import TrainOptions

    words = [word for name, value in flags.items() for word in _words(name, value, start)]
    values = vars(train.build_parser(folder).parse_args(words))
    for name in (*train.PLAN_FLAGS, "config"):
        values.pop(name)
    return TrainOptions(**values)


def _words(name: str, value: Any, start: Path) -> list[str]:
    """Return the command-line words of one flag. Relative paths are taken from `start`."""
    # A switch has no value.
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    if isinstance(value, list):
        value = ",".join(map(str, value))

    # Paths in SPACE.yaml start in its folder.
    if name.endswith(("-ann-files", "-data-roots")):
        value = ",".join(
            part if part.startswith(("/", "shards:/")) else str(start / part)
            for part in str(value).split(",")
        )
    if name == "load-weights" and (start / str(value)).is_file():
        value = start / str(value)
    return [f"--{name}", str(value)]


def _check_flags(path: Path, flags: Mapping[str, Any], template_dir: Path) -> None:
    """Raise UserError for keys of `train` in SPACE.yaml that are no flags of a trial."""
    known = _flags_of_a_trial(template_dir)
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


def _flags_of_a_trial(template_dir: Path) -> list[str]:
    """Return the names of the flags of train.py that SPACE.yaml may set, without `--`."""
    from action_recognition.commands import train

    # One trial is one run, so flags of several runs are refused.
    plan = [name.replace("_", "-") for name in train.PLAN_FLAGS]
    refused = {*_NOT_OF_A_TRIAL, *plan}
    words = [
        word
        for action in train.build_parser(template_dir)._actions
        for word in action.option_strings
    ]
    return [word[2:] for word in words if word.startswith("--") and word[2:] not in refused]
