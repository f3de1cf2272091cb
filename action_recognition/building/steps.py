"""The steps of a build, each made of ordinary commands."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.building.choice import MeasureChoice, TemplateChoice
from action_recognition.building.commands import Command, in_work_dir, tool
from action_recognition.building.folder import BuildFolder
from action_recognition.building.running import Step
from action_recognition.building.source import LookedAt
from action_recognition.errors import user_error
from action_recognition.files import write_json, write_text

# The names of the steps, in order; `hands` is left out where nothing is looked for.
NAMES = ("import", "check", "hands", "work dir", "train", "calibrate", "evaluate", "export")
_ALL_FILMS = "all.txt"
# The start weights of the templates over pixels. Landmarks start from nothing.
_PRESET, _START_WEIGHTS = ("--preset", "small-data"), ("--load-weights", "imagenet")
# Fewer clips a class than this train with the preset; docs/training.md has the measurement.
_PRESET_BELOW = 20
# Rough seconds on two idle cores, for a clip and for a training step.
_START_S, _TRACK_S, _LANDMARK_STEP_S, _PIXEL_CLIP_S = 4.0, 0.7, 0.025, 0.15


@dataclass(frozen=True)
class Build:
    """All that decides about the commands: the source, the folder, and the measurement."""

    source: Path
    folder: BuildFolder
    looked: LookedAt
    measure: MeasureChoice
    seed: int = 0
    epochs: int | None = None

    @property
    def is_folds(self) -> bool:
        """True where every clip is tested once, by a model of the others."""
        return self.measure.measure == "folds"

    @property
    def is_known(self) -> bool:
        """True where the people are known."""
        return bool(self.looked.people)

    def lists(self) -> list[Path]:
        """Return the annotation files that the import wrote."""
        files = [self.folder.data / f"{split}.txt" for split in ("train", "val", "test")]
        return [file for file in files if file.is_file()]

    @property
    def data_root(self) -> Path:
        """The folder in which the paths of the lists start."""
        report = self.folder.data / "report.json"
        return Path(json.loads(report.read_text(encoding="utf-8"))["data_root"]).resolve()


def import_step(build: Build) -> Step:
    """Return the step that writes annotation files."""
    looked = build.looked
    source, words = build.source.resolve(), ["--format", looked.format]
    if looked.mixed:
        # Photos beside films would make their folder a clip of frames.
        words = ["--format", "original_lists", "--clips", str(source)]
        source = build.folder.films / ("" if looked.mixed[0].split else _ALL_FILMS)
    words += ["--output", str(build.folder.data), "--force", "--seed", str(build.seed)]
    if looked.person_regex is not None:
        words += ["--person-regex", looked.person_regex]
    if looked.negative_label is not None:
        words += ["--negative-label", looked.negative_label]
    if not looked.has_split:
        # A train part alone is no split: its model needs clips that it never saw.
        words += ["--resplit"]
    if build.is_folds:
        # Folds divide the clips, so all of them are in one list.
        words += ["--fractions", "100,0,0"]
    command = tool("data/import_clips.py", source, *words)
    return Step("import", (command,), _START_S + 0.05 * looked.num_found)


def write_film_list(build: Build) -> None:
    """Write lists of films and their classes, for folders that hold photos as well."""
    films, folder = build.looked.mixed, build.folder.films
    if not films:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.txt"):
        old.unlink()

    # A list for each split of the source, or one of all.
    lines: dict[str, list[str]] = defaultdict(list)
    for film in films:
        name = f"{film.split}.txt" if film.split else _ALL_FILMS
        lines[name].append(f"{film.path} {film.label}\n")
    for name, texts in lines.items():
        write_text(folder / name, "".join(texts))
    write_json(folder / "classes.json", sorted({film.label for film in films}))


def check_step(build: Build) -> Step:
    """Return the step that looks for faults. Problems are reported, and end nothing."""
    words = [*_list_flags(build), "--json", build.folder.data / "findings.json"]
    metadata = ["--metadata", build.folder.data / "metadata.csv"] if build.is_known else []
    command = tool("data/check.py", *words, *metadata, problems_allowed=True)
    return Step("check", (command,), _START_S + 0.1 * build.looked.num_found)


def hands_step(build: Build) -> Step:
    """Return the step that tracks hands and counts them."""
    words = [*_list_flags(build), "--hands", "--json", build.folder.data / "statistics.json"]
    command = tool("data/stats.py", *words)
    return Step("hands", (command,), _START_S + _TRACK_S * build.looked.num_found)


def _list_flags(build: Build) -> list[object]:
    files = ",".join(map(str, build.lists()))
    return ["--ann-files", files, "--data-roots", build.data_root]


def later_steps(build: Build, choice: TemplateChoice) -> list[Step]:
    """Return the steps after the choice of the template."""
    steps = [_instantiate(build, choice), _train(build, choice), _calibrate(build)]
    return [*steps, _evaluate(build), _export(build)]


def _instantiate(build: Build, choice: TemplateChoice) -> Step:
    words = [choice.template, build.folder.work_dir, "--do-not-load-snapshot"]
    return Step("work dir", (tool("instantiate_template.py", *words),), 2.0)


def _train(build: Build, choice: TemplateChoice) -> Step:
    words: list[object] = ["--seed", build.seed]
    words += _start_flags(build, choice)
    words += _training_lists(build)
    if build.epochs is not None:
        words += ["--epochs", build.epochs]

    # It goes on where it was stopped. The preset does not, and keeps its features by itself.
    if "--preset" not in words:
        words += ["--resume-from", "auto"]
    command = in_work_dir(build.folder.work_dir, "train.py", *words)
    return Step("train", (command,), _training_s(build, choice), build.folder.outputs)


def _start_flags(build: Build, choice: TemplateChoice) -> tuple[str, ...]:
    """Return the start weights, with the backbone that was chosen, or the preset for few clips."""
    if choice.input == "landmarks" or not choice.has_imagenet_weights:
        return ()
    if choice.backbone is not None:
        return ("--backbone", choice.backbone, *_START_WEIGHTS)
    is_few = build.looked.num_found < _PRESET_BELOW * build.looked.num_classes
    has_preset = is_few and build.looked.kind == "clips"
    return (*_PRESET, *_START_WEIGHTS) if has_preset else _START_WEIGHTS


def _training_lists(build: Build) -> list[object]:
    lists = build.folder.data
    words: list[object] = [
        *("--train-ann-files", lists / "train.txt"),
        *("--train-data-roots", build.data_root),
    ]
    if not build.is_folds:
        val = _held_out(build, "val")
        return [*words, "--val-ann-files", val, "--val-data-roots", build.data_root]
    words += ["--folds", build.measure.num_folds]
    return [*words, *_person_flags(build)]


def _person_flags(build: Build) -> list[object]:
    regex = build.looked.folds_regex
    return [] if regex is None else ["--person-regex", regex]


def _training_s(build: Build, choice: TemplateChoice) -> float:
    """Return a rough guess at the seconds of training, on two idle cores."""
    runs = build.measure.num_folds + 1 if build.is_folds else 1
    if choice.input == "landmarks":
        one = max(750, 30 * build.looked.num_found / 32) * _LANDMARK_STEP_S
    else:
        one = 15 * _PIXEL_CLIP_S * build.looked.num_found
    return _START_S + runs * one


def _held_out(build: Build, wished: str) -> Path:
    """Return the list of a part, or of the other held-out part where the source lacks it.

    Raises UserError: neither has a clip. A list may be there that repeats the training clips.
    """
    others = {"val": ("val", "test"), "test": ("test", "val")}[wished]
    report = build.folder.data / "report.json"
    splits = json.loads(report.read_text(encoding="utf-8"))["splits"]
    held_out = [split for split in others if splits[split]["clips"]]
    if not held_out:
        found = "no clip of val or test can be taken, so nothing could be measured"
        fix = f"see {build.folder.data / 'report.txt'}, and repair them or take the split away"
        raise user_error(str(build.source), found, fix=fix)
    return build.folder.data / f"{held_out[0]}.txt"


def _calibrate(build: Build) -> Step:
    best = build.folder.outputs / "best.pth"
    if build.is_folds:
        words: list[object] = ["--folds", build.folder.outputs]
    else:
        val = _held_out(build, "val")
        words = ["--val-ann-files", val, "--val-data-roots", build.data_root]
    words += ["--load-weights", best, *_person_flags(build)]
    command = in_work_dir(build.folder.work_dir, "calibrate.py", *words)
    return Step("calibrate", (command,), 2 * _START_S)


def _evaluate(build: Build) -> Step:
    weights = ["--load-weights", build.folder.outputs / "best.pth"]
    words: list[object] = [*weights, "--save-metrics-to", build.folder.measured / "metrics.yaml"]
    words += _person_flags(build)
    if build.is_folds:
        words += ["--folds", build.folder.outputs]
    else:
        words += ["--test-ann-files", _held_out(build, "test")]
        words += ["--test-data-roots", build.data_root]
    command = in_work_dir(build.folder.work_dir, "eval.py", *words)
    return Step("evaluate", (command,), 2 * _START_S)


def _export(build: Build) -> Step:
    words: list[object] = ["--load-weights", build.folder.outputs / "best.pth"]
    words += ["--save-model-to", build.folder.export]
    words += ["--evaluations", build.folder.measured / "evaluation.json"]
    command = in_work_dir(build.folder.work_dir, "export.py", *words)
    return Step("export", (command,), 4 * _START_S)


def all_commands(steps: Sequence[Step]) -> list[Command]:
    """Return the commands of steps in order."""
    return [command for step in steps for command in step.commands]
