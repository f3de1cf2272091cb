"""Runs side by side: results, differences, and runs that are missing or half."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from action_recognition.commands.compare import main
from action_recognition.errors import UserError
from action_recognition.training.reporting.compare import comparison, differences
from action_recognition.training.reporting.curve_files import COLUMNS, write_curves
from action_recognition.training.reporting.run_summary import summarise
from tests.conftest import REPOSITORY


def run_folder(folder: Path, accuracies: list[float], *, rate: float = 0.01, seed: int = 0) -> Path:
    rows = [
        dict.fromkeys(COLUMNS, 1.0)
        | {"epoch": i + 1.0, "val_accuracy": value, "val_top5": value + 10, "seconds": 40.0}
        for i, value in enumerate(accuracies)
    ]
    write_curves(folder / "curves.csv", rows)
    template: dict[str, Any] = {
        "name": "tiny",
        "hyper_parameters": {"basic": {"base_learning_rate": rate}},
    }
    (folder / "template.yaml").write_text(yaml.safe_dump(template))
    record = {
        "seed": seed,
        "start_weights": {"source": "imagenet", "sha256": str(folder)},
        "started": str(folder),
        "packages": {"torch": "2"},
    }
    (folder / "train_record.json").write_text(json.dumps(record))
    return folder


def test_best_and_last_are_told_apart(tmp_path: Path) -> None:
    run = summarise(run_folder(tmp_path / "a", [10.0, 60.0, 50.0], seed=3))
    assert (run.best_top1, run.best_top5, run.best_epoch) == (60.0, 70.0, 2)
    assert (run.last_top1, run.last_top5, run.epochs) == (50.0, 60.0, 3)
    assert (run.seconds, run.seed, run.start_weights) == (120.0, "3", "imagenet")


def test_only_settings_that_differ_are_shown_by_dotted_key(tmp_path: Path) -> None:
    runs = [
        summarise(run_folder(tmp_path / name, [1.0], rate=rate, seed=i))
        for i, (name, rate) in enumerate([("a", 0.1), ("b", 0.2)])
    ]
    assert differences(runs) == {
        "template.hyper_parameters.basic.base_learning_rate": ["0.1", "0.2"]
    }
    assert comparison(runs)["seed"] == ["0", "1"]
    assert comparison(runs)["time"] == ["0:00:40", "0:00:40"]


def test_the_table_and_its_csv_hold_the_runs_and_a_line_each_for_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run_folder(tmp_path / "whole", [55.5])
    half = run_folder(tmp_path / "half", [])
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = run_folder(tmp_path / "broken", [1.0])
    (broken / "train_record.json").write_text("{")
    folders = [whole, half, empty, broken, tmp_path / "absent"]
    assert main([*map(str, folders), "--csv", str(tmp_path / "table.csv")]) == 0
    said = capsys.readouterr().out
    assert "55.5" in said
    assert f"{half}: has no finished epoch" in said
    assert f"{empty}: holds no run" in said
    assert f"{broken}: cannot be read" in said
    assert f"{tmp_path / 'absent'}: there is no such folder" in said
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = {row[0]: row[1:] for row in csv.reader(file)}
    assert rows[""] == ["whole", "half"]
    assert rows["best val top-1, %"] == ["55.5", "-"]


def test_no_run_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of the folders holds a run"):
        main([str(tmp_path)])


def test_the_command_answers_without_torch() -> None:
    program = (
        "import sys; from action_recognition.commands.compare import main; assert "
        "'torch' not in sys.modules; main(['--help'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--csv" in done.stdout
