"""The preset for few clips, folds and the learning curve: whole runs on tiny data."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from action_recognition.checkpoint import load_trained_model
from action_recognition.commands.train import main
from action_recognition.errors import UserError
from action_recognition.models.head import AngularHead
from action_recognition.template import load_template_dir
from action_recognition.training.few_clips.features import FeatureTable
from action_recognition.training.few_clips.head_training import class_weights, train_head
from action_recognition.training.few_clips.small_data import preset_template, train_small_data
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import PreparedRun, prepare
from action_recognition.training.reporting.curve_files import CURVES_FILE, write_curves
from action_recognition.training.reporting.head_result import HeadResult, read_head_result
from action_recognition.training.reporting.run_summary import with_head_alone
from action_recognition.training.run import train
from action_recognition.training.studies.choose_study import Plan, carry_out
from action_recognition.training.studies.fold_choice import read_fold_models
from action_recognition.training.studies.folds import train_folds
from action_recognition.training.studies.learning_curve import train_learning_curve
from tests.tiny import tiny_data, tiny_template

Start = tuple[Path, Path, Path]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Work dir, data, and a checkpoint to start from."""
    work_dir = tiny_template(tmp_path_factory.mktemp("work")).parent
    data = tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=4)
    return (
        work_dir,
        data,
        train(work_dir, options(data, tmp_path_factory.mktemp("start"), epochs=1)),
    )


def options(data: Path, out: Path, **changes: Any) -> TrainOptions:
    roots = {"train_data_roots": [data], "val_data_roots": [data]}
    files = {"train_ann_files": [data / "train.txt"], "val_ann_files": [data / "val.txt"]}
    return TrainOptions(**(roots | files | {"save_checkpoints_to": out, "gpu_num": 0} | changes))


def flags(data: Path, out: Path, *more: str, val: bool = True) -> list[str]:
    given = [
        "--train-ann-files",
        str(data / "train.txt"),
        "--train-data-roots",
        str(data),
        "--save-checkpoints-to",
        str(out),
    ]
    given += (
        ["--val-ann-files", str(data / "val.txt"), "--val-data-roots", str(data)] if val else []
    )
    return [*given, "--gpu-num", "0", "--num-workers", "0", *more]


def separable(num_classes: int, each: int, seed: int) -> FeatureTable:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(num_classes).repeat(each)
    features = (
        torch.eye(num_classes, 16)[labels] * 3
        + torch.randn(len(labels), 16, generator=generator) * 0.3
    )
    return FeatureTable(features, labels, 0, ())


def test_a_head_learns_features_that_can_be_told_apart() -> None:
    torch.manual_seed(0)
    head = AngularHead(16, 8, 4)
    result = train_head(head, separable(4, 20, 0), separable(4, 10, 1), scale=15.0, seed=0)
    assert result.accuracy >= 95.0
    assert not head.training
    with torch.inference_mode():
        correct = head(separable(4, 10, 1).features).argmax(1) == separable(4, 10, 1).labels
    assert 100 * correct.float().mean() == pytest.approx(
        result.accuracy, abs=1e-4
    )  # what it is left as, not where it ended


def test_clips_without_a_label_are_left_out_and_rare_classes_count_the_same() -> None:
    torch.manual_seed(0)
    table = separable(3, 10, 0)
    unlabelled = dataclasses.replace(
        table, labels=torch.where(torch.arange(30) < 3, -1, table.labels)
    )
    assert train_head(AngularHead(16, 8, 3), unlabelled, table, scale=15.0, seed=0).accuracy > 50
    assert class_weights(torch.tensor([0, 0, 0, 1]), 2).tolist() == pytest.approx([2 / 3, 2.0])


def test_the_preset_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    template, _ = load_template_dir(tiny_template(tmp_path).parent)
    changed, said = preset_template(template, num_stages=4)
    assert (
        changed.training.frozen_blocks,
        changed.training.batch_norm,
        changed.training.early_stop_epochs,
    ) == (3, "frozen", 3)
    for name, value in template.training:
        if value != getattr(changed.training, name):
            assert name in said, name
    assert changed.training.loss == template.training.loss
    assert changed.model_copy(update={"training": template.training}) == template


def test_features_then_head_then_upper_blocks(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work_dir, data, weights = start
    given = options(data, tmp_path / "out", load_weights=weights, epochs=2)
    latest = train_small_data(prepare(work_dir, given))
    said = capsys.readouterr().out
    assert (
        "features of 66 views of 18 clips, 0 from the cache" in said
    )  # 12 clips in 5 views, 6 in one
    assert "head alone: val top-1" in said
    alone = read_head_result(tmp_path / "out")
    assert (
        alone is not None
        and f"head alone: val top-1 {alone.accuracy:.1f} %, top-5 {alone.top5:.1f} %" in said
    )
    before, head, tuned = (
        load_trained_model(path).state_dict
        for path in (weights, tmp_path / "out" / "head.pth", latest)
    )
    for name, value in before.items():
        if name.startswith("backbone") and "num_batches" not in name:
            assert torch.equal(head[name], value), name
    assert not torch.equal(head["head.project.weight"], before["head.project.weight"])
    assert torch.equal(tuned["backbone.stem.conv.weight"], before["backbone.stem.conv.weight"])
    assert not torch.equal(tuned["backbone.last.conv.weight"], before["backbone.last.conv.weight"])
    assert load_template_dir(tmp_path / "out" / "preset")[0].training.batch_norm == "frozen"
    assert load_trained_model(tmp_path / "out" / "head.pth").record["start_weights"][
        "source"
    ] == str(weights)

    given = options(data, tmp_path / "again", load_weights=weights, epochs=1)
    train_small_data(prepare(work_dir, given))
    assert "66 from the cache" in capsys.readouterr().out


def test_best_is_the_head_until_an_epoch_is_better(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tuning cannot learn at this rate, so the head stays the best."""
    work_dir, data, weights = start
    given = options(data, tmp_path, load_weights=weights, epochs=2, base_learning_rate=1e-12)
    train_small_data(prepare(work_dir, given))
    said = capsys.readouterr().out
    tuned, head = with_head_alone(tmp_path), read_head_result(tmp_path)
    assert head is not None and tuned.best_top1 == pytest.approx(head.accuracy, abs=1e-3)
    best, alone = (
        load_trained_model(tmp_path / name).state_dict for name in ("best.pth", "head.pth")
    )
    assert all(torch.equal(best[name], value) for name, value in alone.items())
    assert "best.pth is the head alone" in said
    assert (tmp_path / "confusion.png").is_file()


CURVE_ROW = {
    "epoch": 1.0,
    "train_loss": 1.0,
    "train_top1": 45.0,
    "val_accuracy": 40.0,
    "val_top1": 41.0,
    "val_top5": 80.0,
    "learning_rate": 0.1,
    "seconds": 2.0,
}


def test_a_head_that_fine_tuning_made_worse_counts_for_its_run(tmp_path: Path) -> None:
    write_curves(tmp_path / CURVES_FILE, [CURVE_ROW])
    assert with_head_alone(tmp_path).best_top1 == 40.0
    for head, best in (
        ((50.0, 70.0), (50.0, 70.0)),
        ((30.0, 90.0), (40.0, 80.0)),
        ((40.0004, 90.0), (40.0, 80.0)),
    ):
        HeadResult(*head, epoch=3).write(tmp_path)
        run = with_head_alone(tmp_path)
        assert (run.best_top1, run.best_top5) == best


@pytest.mark.parametrize(("head", "counted"), [(True, "50"), (False, "40")])
def test_the_curve_and_the_folds_count_the_better_network(
    start: Start, tmp_path: Path, head: bool, counted: str
) -> None:
    work_dir, data, _ = start

    def train_one(part: PreparedRun) -> Path:
        out = part.options.save_checkpoints_to
        write_curves(out / CURVES_FILE, [CURVE_ROW])
        if head:
            HeadResult(50.0, 70.0, epoch=3).write(out)
            (out / "head.pth").write_bytes(b"the head")
        return out / "latest.pth"

    for folder in ("clips_2", "fold_1", "fold_2"):  # what an earlier run left there
        (tmp_path / folder).mkdir()
        HeadResult(60.0, 90.0, epoch=3).write(tmp_path / folder)
    run = prepare(work_dir, options(data, tmp_path))
    train_learning_curve(run, [2], train_one)
    train_folds(run, 2, None, train_one)
    for name, column in (("learning_curve.csv", "best_val_top1"), ("folds.csv", "val_top1")):
        with (tmp_path / name).open(newline="") as file:
            assert {float(row[column]) for row in csv.DictReader(file)} == {float(counted)}

    # The model of all clips is of the network that the folds chose.
    best = tmp_path / "best.pth"
    assert (best.read_bytes() == b"the head") if head else not best.exists()
    chosen = "head.pth" if head else "best.pth"
    assert [model.weights for model in read_fold_models(tmp_path)] == [
        f"fold_1/{chosen}",
        f"fold_2/{chosen}",
    ]


def test_without_start_weights_the_preset_says_what_to_add(start: Start, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--load-weights imagenet"):
        carry_out(start[0], options(start[1], tmp_path), Plan(preset="small-data"))
    resumed = options(start[1], tmp_path, resume_from="latest")
    with pytest.raises(UserError, match="--resume-from"):
        carry_out(start[0], resumed, Plan(preset="small-data"))


def test_the_preset_cuts_hands_out_where_the_run_does(start: Start, tmp_path: Path) -> None:
    work_dir, data, weights = start
    run = prepare(work_dir, options(data, tmp_path, load_weights=weights, crop="hand"))
    with pytest.raises(UserError, match="--hand-detector: is missing"):
        train_small_data(run)


def test_folds_hold_out_every_person_once(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work_dir, data, weights = start
    regex = r"\d-(\d)\.mp4"
    more = [
        "--folds",
        "2",
        "--person-regex",
        regex,
        "--epochs",
        "1",
        "--preset",
        "small-data",
        "--load-weights",
        str(weights),
    ]
    assert main(work_dir, flags(data, tmp_path, *more, val=False)) == 0
    said = capsys.readouterr().out
    assert "2 folds: val top-1" in said and "folds: head alone" in said
    assert (tmp_path / "best.pth").is_file() and (tmp_path / "head.pth").is_file()
    assert "from the cache" in said
    with (tmp_path / "folds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(person for row in rows for person in row["people"].split()) == [
        "0",
        "1",
        "2",
        "3",
    ]
    for row in rows:
        folder = tmp_path / f"fold_{row['fold']}"
        assert (folder / "best.pth").is_file()
        assert set((folder / "val.txt").read_text().split("\n")).isdisjoint(
            (folder / "train.txt").read_text().rstrip().split("\n")
        )
        assert row["val_clips"] == "6"


def test_folds_without_persons_are_made_by_video_with_a_warning(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(start[0], flags(start[1], tmp_path, "--folds", "2", "--epochs", "1", val=False))
    assert "warning: no --person-regex" in capsys.readouterr().out


def test_the_learning_curve_trains_on_nested_subsets(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work_dir, data, _ = start
    assert (
        main(
            work_dir,
            flags(
                data, tmp_path, "--learning-curve", "all,2,4", "--epochs", "1", "--batch-size", "3"
            ),
        )
        == 0
    )
    said = capsys.readouterr().out
    # Six validation clips tell no two sizes apart.
    assert "whether more clips would help cannot be told from 6 validation clips" in said
    assert "so all a class is the run before" in said
    with (tmp_path / "learning_curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["clips_per_class"], row["clips"]) for row in rows] == [("2", "6"), ("4", "12")]
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    small, large = (
        (tmp_path / name / "train.txt").read_text().splitlines() for name in ("clips_2", "clips_4")
    )
    assert set(small) < set(large)


@pytest.mark.parametrize(
    ("more", "val", "said"),
    [
        ([], False, "--folds 3"),
        (["--preset", "small-data"], False, "--folds 3"),
        (["--folds", "2"], True, "makes its own validation clips"),
        (["--folds", "2", "--learning-curve", "2,4"], False, "does not go with --folds"),
        (["--person-regex", "(x)"], True, "add --folds"),
        (["--learning-curve", "2,4", "--resume-from", "latest"], True, "not with several"),
        (["--folds", "99"], False, "2 to 12"),
        (
            ["--find-lr", "--preset", "small-data", "--load-weights", "imagenet"],
            True,
            "--find-lr: is found for one run",
        ),
    ],
)
def test_flags_that_do_not_go_together_are_refused(
    start: Start, tmp_path: Path, more: list[str], val: bool, said: str
) -> None:
    with pytest.raises(UserError) as error:
        main(start[0], flags(start[1], tmp_path / "out", *more, val=val))
    assert said in str(error.value)
    assert not (tmp_path / "out").exists()


def test_few_clips_are_met_with_the_preset_by_name(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(start[0], flags(start[1], tmp_path, "--epochs", "1"))
    said = capsys.readouterr().out
    assert len([line for line in said.splitlines() if "--preset small-data" in line]) == 1
