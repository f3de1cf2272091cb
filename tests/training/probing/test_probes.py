"""What is found out about a run: batch size, learning rate, where the time goes, and what it says
while it goes.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import torch

from action_recognition.template import load_template_dir
from action_recognition.training.probing import batch_probe
from action_recognition.training.probing.batch_probe import Probed
from action_recognition.training.probing.lr_sweep import HIGHEST, LOWEST, steepest
from action_recognition.training.probing.profiling import PHASES
from action_recognition.training.run import train
from tests.conftest import template_dir
from tests.tiny import tiny_data, tiny_template
from tests.training.test_run import options


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    return tiny_template(tmp_path / "work dir").parent


def test_batch_sizes_are_tried_and_one_is_proposed(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(work_dir, options(data, tmp_path / "out", find="batch_size"))
    said = capsys.readouterr().out
    table = [
        line.split() for line in said.splitlines() if re.match(r"\s+\d+\s+[\d.]+\s+[\d.]+$", line)
    ]
    assert [int(row[0]) for row in table] == [2, 4, 8, 16]  # of 18 training clips
    assert all(float(row[1]) > 0 and float(row[2]) > 0.1 for row in table)
    assert re.search(r"proposed: --batch-size (2|4|8|16)", said)
    assert not (tmp_path / "out" / "latest.pth").exists()


def test_what_the_process_took_before_does_not_count_as_the_batchs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """6 GB were taken before, 4 GB are free: a step of 32 videos takes 3.1 GB more and fits; one of
    64 would take 6.3.
    """
    template, _ = load_template_dir(template_dir("jester"))
    peaks_gb = {2: 6.1, 4: 6.3, 8: 6.7, 16: 7.5, 32: 9.1, 64: 12.3}
    monkeypatch.setattr(batch_probe, "_peak_gb", lambda _: 6.0)
    monkeypatch.setattr(batch_probe, "_free_gb", lambda _: 4.0)
    monkeypatch.setattr(
        batch_probe,
        "_probe",
        lambda module, template, device, size: Probed(size, 10.0, peaks_gb[size]),
    )
    found = batch_probe.probe_batch_sizes(None, template, torch.device("cpu"), 64)  # type: ignore[arg-type]
    assert [one.batch_size for one in found] == [2, 4, 8, 16, 32]


def test_a_learning_rate_is_found_and_drawn(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    train(work_dir, options(data, out, find="lr", batch_size=2))
    said = capsys.readouterr().out
    with (out / "find_lr.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    rates, losses = [row["learning_rate"] for row in rows], [row["loss"] for row in rows]
    assert (
        50 <= len(rows) <= 100
        and rates[0] == pytest.approx(LOWEST)
        and rates == sorted(rates)
        and rates[-1] <= HIGHEST * 1.001
    )
    found = steepest(rates, losses)
    assert (
        found is not None
        and f"the loss falls fastest at {found:.2g}; proposed: --base-learning-rate "
        f"{0.1 * found:.1g}"
        in said
    )
    assert (out / "find_lr.png").stat().st_size > 1000 and not (out / "latest.pth").exists()


def test_a_profile_says_in_ten_lines_where_the_time_goes(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    train(work_dir, options(data, out, profile=True, batch_size=2, epochs=1))
    lines = (out / "profile" / "summary.txt").read_text().splitlines()
    assert len(lines) == 10 and lines[0].startswith(
        "profile of 6 steps: "
    )  # 9 steps, the first 3 warm up
    shares = [float(line.split()[-2]) for line in lines[1:6]]
    assert [line[2:18].strip() for line in lines[1:6]] == list(PHASES) and sum(
        shares
    ) == pytest.approx(100.0, abs=0.3)
    assert shares[PHASES.index("forward and loss")] > 5.0 and shares[PHASES.index("backward")] > 5.0
    assert json.loads((out / "profile" / "trace.json").read_text())["traceEvents"]
    assert lines[0] in capsys.readouterr().out


def test_speed_and_data_wait_are_said_and_logged(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    train(work_dir, options(data, out, epochs=1))
    assert re.search(
        r"epoch 1/1: loss .* clips/s, data wait \d+ %, \d+ s, ends about", capsys.readouterr().out
    )
    with (out / "log" / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["speed/clips_per_s"]]
    assert (
        len(rows) == 1
        and float(rows[0]["speed/clips_per_s"]) > 0
        and 0 <= float(rows[0]["speed/data_wait_percent"]) <= 100
    )
