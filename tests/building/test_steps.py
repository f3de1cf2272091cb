"""The commands that a build runs, how it measures, and what its page claims."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from action_recognition.building.choice import (
    Input,
    TemplateChoice,
    TemplateWishes,
    choose_measure,
    choose_template,
)
from action_recognition.building.command import build_parser
from action_recognition.building.folder import BuildFolder
from action_recognition.building.page import BuildFacts, on_whom, report_page
from action_recognition.building.results import Answer, Results
from action_recognition.building.source import Kind, LookedAt
from action_recognition.building.steps import Build, import_step, later_steps, write_film_list
from action_recognition.dataset_tools.importing.found import FoundClip
from action_recognition.errors import UserError
from tests.conftest import REPOSITORY

PHOTOS = REPOSITORY / "model_templates" / "image_gesture"


def looked_at(**changes: Any) -> LookedAt:
    looked = LookedAt(
        format="auto",
        kind="clips",
        num_found=30,
        num_classes=3,
        num_other=0,
        mixed=(),
        has_split=False,
        people=("anna", "ben"),
        person_regex="/([a-z]+)_",
        negative_label=None,
        fingerprint="f",
        says=(),
    )
    return dataclasses.replace(looked, **changes)


def build_of(folder: Path, looked: LookedAt, clips: tuple[int, int, int] = (9, 0, 0)) -> Build:
    """A build whose import found so many clips of train, val and test."""
    places = BuildFolder(folder)
    places.data.mkdir()
    counts = dict(zip(("train", "val", "test"), clips, strict=True))
    splits = {split: {"clips": number} for split, number in counts.items()}
    report = {"data_root": str(folder), "splits": splits}
    (places.data / "report.json").write_text(json.dumps(report))
    return Build(folder / "clips", places, looked, choose_measure(looked, 3))


def choice(kind: Input = "landmarks") -> TemplateChoice:
    return TemplateChoice(kind, Path("template"), "a test asks for it")


def words_of(build: Build, made: TemplateChoice) -> dict[str, tuple[str, ...]]:
    return {step.name: step.commands[0].arguments for step in later_steps(build, made)}


def value(words: tuple[str, ...], flag: str) -> str:
    return words[words.index(flag) + 1]


def test_trainings_resume_in_folds_and_splits_but_not_with_the_preset(tmp_path: Path) -> None:
    build = build_of(tmp_path, looked_at())
    folds = words_of(build, choice())["train"]
    assert value(folds, "--folds") == "2" and value(folds, "--resume-from") == "auto"
    few = words_of(build, choice("pixels"))["train"]
    assert "--preset" in few and "--resume-from" not in few
    train = next(step for step in later_steps(build, choice()) if step.name == "train")
    assert train.resumes_in == build.folder.outputs


@pytest.mark.parametrize(
    ("clips", "val", "test"),
    [((9, 3, 3), "val", "test"), ((9, 3, 0), "val", "val"), ((9, 0, 3), "test", "test")],
)
def test_a_split_never_measures_on_training_clips(
    tmp_path: Path, clips: tuple[int, int, int], val: str, test: str
) -> None:
    words = words_of(build_of(tmp_path, looked_at(has_split=True), clips), choice())
    assert Path(value(words["train"], "--val-ann-files")).stem == val
    assert Path(value(words["calibrate"], "--val-ann-files")).stem == val
    assert Path(value(words["evaluate"], "--test-ann-files")).stem == test


def test_a_split_without_readable_clips_to_measure_on_is_refused(tmp_path: Path) -> None:
    build = build_of(tmp_path, looked_at(has_split=True))
    with pytest.raises(UserError, match="no clip of val or test can be taken"):
        later_steps(build, choice())


def test_what_is_no_split_is_divided_again(tmp_path: Path) -> None:
    build = build_of(tmp_path, looked_at())
    words = import_step(build).commands[0].arguments
    assert "--resplit" in words and value(words, "--fractions") == "100,0,0"
    kept = dataclasses.replace(build, looked=looked_at(has_split=True))
    assert "--resplit" not in import_step(kept).commands[0].arguments


@pytest.mark.parametrize(
    ("people", "regex", "says"),
    [(("anna",), "/([a-z]+)_", "one person"), (("1", "2", "3"), None, "folds go by file")],
)
def test_people_that_folds_cannot_keep_apart_are_not_claimed(
    tmp_path: Path, people: tuple[str, ...], regex: str | None, says: str
) -> None:
    build = build_of(tmp_path, looked_at(people=people, person_regex=regex))
    assert build.measure.measure == "folds" and build.measure.num_folds == 3
    assert says in build.measure.why and "never saw" not in build.measure.why
    for name in ("train", "calibrate", "evaluate"):
        assert "--person-regex" not in words_of(build, choice())[name]


def test_lists_of_films_keep_the_splits(tmp_path: Path) -> None:
    paths = [f"{split}/{name}/1.mp4" for split in ("train", "val") for name in ("a b", "c")]
    films = tuple(
        FoundClip(path=path, label=path.split("/")[1], where=path, split=split)
        for path, split in zip(paths, ("train", "train", "val", "val"), strict=True)
    )
    build = build_of(tmp_path, looked_at(mixed=films, has_split=True))
    write_film_list(build)
    assert (build.folder.films / "val.txt").read_text() == "val/a b/1.mp4 a b\nval/c/1.mp4 c\n"
    assert str(build.folder.films) in import_step(build).commands[0].arguments

    # Without a split there is one list, and no old one is left.
    loose = tuple(dataclasses.replace(film, split=None) for film in films)
    build = dataclasses.replace(build, looked=looked_at(mixed=loose))
    write_film_list(build)
    assert [file.name for file in build.folder.films.glob("*.txt")] == ["all.txt"]
    assert str(build.folder.films / "all.txt") in import_step(build).commands[0].arguments


@pytest.mark.parametrize(
    ("wishes", "backbone"),
    [
        (TemplateWishes("pixels"), "tf_efficientnet_lite0"),
        (TemplateWishes(folder=PHOTOS / "resnet18-fingers-5"), None),
    ],
)
def test_the_users_template_keeps_its_backbone(
    tmp_path: Path, wishes: TemplateWishes, backbone: str | None
) -> None:
    kind: Kind = "photos"
    made = choose_template(kind, wishes, tmp_path / "none.json")
    words = words_of(build_of(tmp_path, looked_at(kind=kind)), made)["train"]
    assert ("--backbone" in words) == (backbone is not None)
    assert backbone is None or (value(words, "--backbone") == backbone and backbone in str(made))
    assert value(words, "--load-weights") == "imagenet" and "--preset" not in words


def test_a_template_and_a_kind_of_input_exclude_each_other() -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(
            ["clips", "--output", "o", "--template", "t", "--input-kind", "pixels"]
        )


def results_of(
    evaluation: dict[str, Any], people: str = "", splits: dict[str, int] | None = None
) -> Results:
    numbers = {name: {"clips": number} for name, number in (splits or {}).items()}
    found = {"top1_of_clips": 50.0, "num_clips": 2, "interval": [10.0, 90.0]} | evaluation
    persons = people or [""]
    return Results(
        labels=("a", "b"),
        answers=tuple(Answer(Path("x"), 0, 1, "a", "a", 1.0, person) for person in persons),
        evaluation=found,
        imported={"warnings": [], "left_out": [], "splits": numbers, "classes": {}},
        findings=(),
        hands={},
        negative_label=None,
    )


def test_the_page_claims_strangers_only_where_folds_went_by_person() -> None:
    apart = on_whom(results_of({"num_folds": 2, "num_people": 2}, "xy"))
    assert "2 people" in apart and "never saw that person" in apart
    by_file = on_whom(results_of({"num_folds": 2}, "xy"))
    assert "never saw that person" not in by_file and "both sides" in by_file
    assert "of one person" in on_whom(results_of({"num_folds": 2}, "xx"))


def test_the_page_says_where_the_tested_clips_also_chose() -> None:
    tested = {"annotation_sha256": {"val.txt": "0"}}
    assert "chosen on" in on_whom(results_of(tested, splits={"train": 5, "val": 2, "test": 0}))
    both = on_whom(results_of(tested, splits={"train": 5, "val": 2, "test": 2}))
    assert "chosen on" not in both


def test_the_page_quotes_paths() -> None:
    facts = BuildFacts("t", Path("c"), Path("/my models/it's"), (), (), ())
    page = report_page(facts, results_of({"num_folds": 2}))
    assert "cd &#x27;/my models/it&#x27;&quot;&#x27;&quot;&#x27;s/export&#x27;" in page
    assert "from_path(&quot;/my models/it&#x27;s/export/model.xml&quot;)" in page
