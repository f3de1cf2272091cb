"""log/metrics.csv of a run that is gone on with."""

from __future__ import annotations

import csv
from pathlib import Path

from action_recognition.training.reporting.run_log import RunLog


def log(folder: Path, steps_behind: int, steps: range) -> list[tuple[int, str]]:
    """Step and loss of what the file holds after a run that logs these steps, the last one with a
    score too, and is killed.
    """
    logger = RunLog(folder, steps_behind)
    for step in steps:
        logger.log_metrics(
            {"loss": step + 0.5} | ({"score": 1.0} if step == steps[-1] else {}), step
        )
        logger.save()
    with (folder / "log" / "metrics.csv").open(newline="") as file:
        return [(int(row["step"]), row["loss"]) for row in csv.DictReader(file)]


def test_rows_go_on_where_the_checkpoint_is_and_none_comes_twice(tmp_path: Path) -> None:
    expected = [(step, f"{step + 0.5}") for step in range(8)]
    assert log(tmp_path, 0, range(6)) == expected[:6]
    assert (
        log(tmp_path, 4, range(4, 8)) == expected
    )  # rows 4 and 5 are of steps that the checkpoint does not know
    assert log(tmp_path, 0, range(2)) == expected[:2]  # a run that starts afresh
    assert [path.name for path in (tmp_path / "log").iterdir()] == ["metrics.csv"]


def test_a_damaged_file_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "metrics.csv").write_text("loss,step\n0.5,0\n1.5,\n,x\n2")
    assert log(tmp_path, 3, range(3, 5)) == [(0, "0.5"), (3, "3.5"), (4, "4.5")]
