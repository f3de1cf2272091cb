"""`tools/build_model.py`: the flags, and the order of work."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_int, whole_number
from action_recognition.errors import user_error
from action_recognition.program import program, typed

if TYPE_CHECKING:
    from action_recognition.building.choice import TemplateWishes
    from action_recognition.building.folder import BuildFolder
    from action_recognition.building.running import Runner, Step
    from action_recognition.building.steps import Build

_DESCRIPTION = """\
Build a gesture model from a folder of clips or photos, by one command.

It finds out what the folder holds, imports and checks it, chooses a template, trains, measures,
calibrates and exports. It ends with the page report.html in the folder of --output. Each step is
an ordinary command, which is printed. The same command again goes on where it was stopped, and
does nothing twice.

The folder holds a folder for each gesture, with videos or photos in it; or lists of lines
"path label"; or a public data set. docs/data.md has all forms.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/build_model.py`."""
    parser = argparse.ArgumentParser(
        prog=program("build_model.py"),
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, metavar="CLIPS", help="Folder of clips or photos.")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="Folder for the model, the report and all that leads to them.",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="Print what would be done, and do nothing."
    )
    # What these say is not guessed.
    _add_source_flags(parser.add_argument_group("in place of guesses"))
    _add_training_flags(parser.add_argument_group("training"))
    return parser


def _add_source_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--kind",
        choices=("clips", "photos"),
        help="Take the clips or the photos of a folder that holds both (default: the clips).",
    )
    # A template sees one kind of input.
    template = group.add_mutually_exclusive_group()
    template.add_argument(
        "--input-kind",
        choices=("landmarks", "pixels"),
        help="What the network sees (default: landmarks where hands are found).",
    )
    template.add_argument(
        "--template",
        type=Path,
        metavar="DIR",
        help="Folder or name of the template to train (default: a choice, which is printed).",
    )
    group.add_argument("--negative-label", metavar="NAME", help="The class that means: no gesture.")
    # Without people, clips of one person may be on both sides of the split.
    people = group.add_mutually_exclusive_group()
    people.add_argument(
        "--person-regex",
        metavar="REGEX",
        help="Regular expression whose first group is the person in a clip's path, "
        r"as in '/(\w+?)_' (default: a guess, which is printed).",
    )
    people.add_argument(
        "--no-people", action="store_true", help="The names of files say nothing about people."
    )


def _add_training_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--folds",
        type=positive_int,
        default=3,
        metavar="N",
        help="Parts that few clips are tested in, 2 or more (default: 3).",
    )
    group.add_argument(
        "--epochs",
        type=positive_int,
        metavar="N",
        help="Epochs of the training, 1 or more (default: the template's).",
    )
    group.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="Seed of the split and of the training, 0 or more (default: 0).",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Look at the source, print the plan, and carry it out."""
    arguments = build_parser().parse_args(argv)
    if arguments.folds < 2:
        raise user_error("--folds", f"found {arguments.folds}", "2 or more")
    from action_recognition.building.choice import TemplateWishes, can_track_hands
    from action_recognition.building.folder import open_folder
    from action_recognition.building.running import Runner
    from action_recognition.console import say

    # What is wrong with the folders is told before anything is written.
    source = arguments.source
    folder, record = open_folder(arguments.output, source)
    build = _look(arguments, source, folder)
    wishes = TemplateWishes(arguments.input_kind, arguments.template)
    wishes.check(build.looked.kind)
    is_open = wishes.folder is None and wishes.input != "pixels"
    looks_for_hands = is_open and can_track_hands()
    for line in _plan_lines(build, wishes, looks_for_hands):
        say(line)
    if arguments.dry_run:
        return 0

    folder.root.mkdir(parents=True, exist_ok=True)
    runner = Runner(folder, record, build.looked.fingerprint)
    says = _carry_out(runner, build, wishes, looks_for_hands)
    _finish(runner, build, says)
    return 0


def _look(arguments: argparse.Namespace, source: Path, folder: BuildFolder) -> Build:
    """Find out what the source holds, and how the model will be measured."""
    from action_recognition.building.choice import choose_measure
    from action_recognition.building.source import Wishes, look_at
    from action_recognition.building.steps import Build

    wishes = Wishes(
        arguments.kind, arguments.person_regex, arguments.no_people, arguments.negative_label
    )
    looked = look_at(source, wishes)
    measure = choose_measure(looked, arguments.folds)
    return Build(source, folder, looked, measure, arguments.seed, arguments.epochs)


def _plan_lines(build: Build, wishes: TemplateWishes, looks_for_hands: bool) -> list[str]:
    """Return what was found, and what will be done."""
    found = [f"  {line}" for line in build.looked.says]
    if wishes.folder is not None:
        sees = f"what the template in {wishes.folder} asks for"
    elif wishes.input is not None:
        sees = f"{wishes.input}, as --input-kind asks for"
    elif looks_for_hands:
        sees = "landmarks of hands where hands are found, else pixels"
    else:
        sees = f"pixels: the networks of hands are missing ({typed('tools/fetch_hands.py')})"
    # Only a network over landmarks needs the hands of all clips.
    hands = ["hands"] if looks_for_hands else []
    steps = ["import", "check", *hands, "work dir", "train", "calibrate", "evaluate", "export"]
    return [
        f"{build.source}:",
        *found,
        f"  measured by {build.measure.measure}: {build.measure.why}",
        f"  the network sees {sees}",
        f"plan: {', '.join(steps)}, report; all into {build.folder.root}",
    ]


def _carry_out(
    runner: Runner, build: Build, wishes: TemplateWishes, looks_for_hands: bool
) -> list[str]:
    """Run all steps. Return what was found and chosen, for the page."""
    from action_recognition.building import steps
    from action_recognition.building.choice import choose_template
    from action_recognition.console import say

    num_steps = len(steps.NAMES) - (not looks_for_hands)
    later_s = 60.0 + build.looked.num_found
    steps.write_film_list(build)
    runner.run([steps.import_step(build)], num_steps, later_s)
    _say_left_out(build)

    # The lists are there: the next commands are made from them.
    looks = [steps.check_step(build), *([steps.hands_step(build)] if looks_for_hands else [])]
    runner.run(looks, num_steps, later_s)
    _say_findings(build)
    statistics = build.folder.data / "statistics.json"
    choice = choose_template(build.looked.kind, wishes, statistics)
    say(str(choice))
    later: list[Step] = steps.later_steps(build, choice)
    runner.run(later, num_steps)
    return [*build.looked.says, str(choice)]


def _say_left_out(build: Build) -> None:
    """Print what the import did not take, by reason."""
    import json

    from action_recognition.console import say
    from action_recognition.dataset_tools.importing.found import Remark
    from action_recognition.dataset_tools.importing.writing import printable, remark_lines

    report = json.loads((build.folder.data / "report.json").read_text(encoding="utf-8"))
    if report["left_out"]:
        remarks = [Remark(**item) for item in report["left_out"]]
        for line in remark_lines("left out", remarks)[1:12]:
            say(f"  {printable(line)}")


def _say_findings(build: Build) -> None:
    """Print how many problems the check found, and where they are told."""
    import json
    from collections import Counter

    from action_recognition.console import say

    path = build.folder.data / "findings.json"
    findings = json.loads(path.read_text(encoding="utf-8"))
    kinds = Counter(item["kind"] for item in findings if not item["kind"].startswith("note"))
    if kinds:
        counts = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(4))
        say(f"  the check found {sum(kinds.values())} problems ({counts}): see report.html")


def _finish(runner: Runner, build: Build, says: Sequence[str]) -> None:
    """Write the page, and print what was reached."""
    from action_recognition.building.commands import shell_lines
    from action_recognition.building.page import BuildFacts, report_page, short_texts
    from action_recognition.building.results import read_results
    from action_recognition.console import say
    from action_recognition.files import write_text

    results = read_results(build.folder)
    times = [(name, step.seconds, step.cpu_seconds) for name, step in runner.record.steps.items()]
    facts = BuildFacts(
        title=f"Gesture model of {build.source.resolve().name}",
        source=build.source,
        output=build.folder.root,
        says=says,
        commands=shell_lines(runner.commands),
        times=times,
    )
    write_text(build.folder.report, report_page(facts, results))
    for text in short_texts(results).values():
        say(text)
    say(f"model: {build.folder.export}")
    say(f"report: {build.folder.report}")
