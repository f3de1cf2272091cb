"""What a run leaves to look at: curves, confusion matrices, contact sheets, and the template as
trained.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.template import load_template_dir
from action_recognition.training.options import TrainOptions
from action_recognition.training.reporting.curve_files import COLUMNS, read_curves, write_curves
from action_recognition.training.reporting.report_callbacks import write_confusion
from action_recognition.training.reporting.sheets import confidences, worst_errors
from action_recognition.training.run import train
from action_recognition.training.step.validation_scores import ScoredValidation
from tests.tiny import LABELS, tiny_data, tiny_template


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two epochs that cannot yet be right about everything."""
    data = tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=3)
    folder = tmp_path_factory.mktemp("out")
    options = TrainOptions(
        train_ann_files=[data / "train.txt"],
        train_data_roots=[data],
        val_ann_files=[data / "val.txt"],
        val_data_roots=[data],
        save_checkpoints_to=folder,
        gpu_num=0,
        base_learning_rate=1e-4,
    )
    train(tiny_template(tmp_path_factory.mktemp("work")).parent, options)
    return folder


def test_the_curves_have_one_row_per_epoch_and_are_drawn(out: Path) -> None:
    rows = read_curves(out / "curves.csv")
    assert [row["epoch"] for row in rows] == [1, 2]
    for row in rows:
        assert not any(math.isnan(row[name]) for name in COLUMNS)
        assert row["val_top5"] == 100.0  # of three classes
        # Of the clips that were trained on, in per cent.
        assert 0 <= row["train_top1"] <= 100
        assert row["learning_rate"] == pytest.approx(1e-4)
    with (out / "log" / "metrics.csv").open(newline="") as file:
        logged = [float(row["val/accuracy"]) for row in csv.DictReader(file) if row["val/accuracy"]]
    assert [row["val_accuracy"] for row in rows] == pytest.approx(logged, abs=1e-3)
    assert cv2.imread(str(out / "curves.png")) is not None


def test_each_validation_leaves_its_confusion_matrix(out: Path) -> None:
    for number, row in enumerate(read_curves(out / "curves.csv"), start=1):
        with (out / "confusion" / f"epoch_{number:03d}.csv").open(newline="") as file:
            table = list(csv.reader(file))
        assert table[0] == ["label", *LABELS]
        counts = np.array([line[1:] for line in table[1:]], dtype=int)
        assert counts.sum(axis=1).tolist() == [2, 2, 2]
        assert 100 * np.mean(np.diag(counts) / 2) == pytest.approx(row["val_accuracy"], abs=1e-3)
    assert cv2.imread(str(out / "confusion.png")) is not None


def test_the_first_batch_and_the_worst_errors_are_shown(out: Path) -> None:
    assert min(row["val_accuracy"] for row in read_curves(out / "curves.csv")) < 100
    augmented, worst = (
        cv2.imread(str(out / name)) for name in ("augmented_clips.png", "worst_errors.png")
    )
    assert augmented is not None and worst is not None
    assert augmented.shape[0] >= 3 * 112  # a batch of six clips, two side by side
    assert augmented.std() > 1


def test_the_template_as_trained_can_be_read_again(out: Path) -> None:
    template, model = load_template_dir(out)
    assert template.hyper_parameters.basic.base_learning_rate == 1e-4
    assert model.head.embedding_size == 16


def test_a_cut_off_row_of_curves_is_a_gap(tmp_path: Path) -> None:
    write_curves(tmp_path / "curves.csv", [dict.fromkeys(COLUMNS, 1.0) | {"val_top5": math.nan}])
    with (tmp_path / "curves.csv").open("a") as file:
        file.write("2,0.5\nno epoch,1\n")
    rows = read_curves(tmp_path / "curves.csv")
    assert [row["epoch"] for row in rows] == [1, 2]
    assert math.isnan(rows[0]["val_top5"]) and math.isnan(rows[1]["val_accuracy"])


def scored() -> ScoredValidation:
    cosine = np.array(
        [[0.9, 0.1, 0.0], [0.2, 0.3, 0.1], [0.9, -0.5, 0.1], [0.4, 0.3, 0.2]], dtype=np.float32
    )
    return ScoredValidation(1, cosine, np.array([0, 0, 1, 2]), np.arange(4))


def test_the_surest_mistakes_come_first() -> None:
    assert worst_errors(scored(), 10.0) == [2, 1, 3]
    assert worst_errors(scored(), 10.0, limit=1) == [2]
    shares = confidences(scored().cosine, 10.0)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert shares[0, 0] == pytest.approx(1 / (1 + np.exp(-8) + np.exp(-9)))


def test_a_confusion_matrix_counts_labels_in_rows(tmp_path: Path) -> None:
    write_confusion(tmp_path / "c.csv", scored(), LABELS)
    with (tmp_path / "c.csv").open(newline="") as file:
        assert [row[1:] for row in list(csv.reader(file))[1:]] == [
            ["1", "1", "0"],
            ["1", "0", "0"],
            ["1", "0", "0"],
        ]
