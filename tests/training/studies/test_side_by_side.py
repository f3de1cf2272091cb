"""Folds that train at the same time: the same networks, and one end for all of them."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import torch

from action_recognition import console
from action_recognition.commands.instantiate import main
from action_recognition.errors import UserError
from action_recognition.training.machine.run_lock import LOCK_FILE
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import prepare
from action_recognition.training.run import train_prepared
from action_recognition.training.studies.folds import train_folds
from action_recognition.training.studies.side_by_side import Job, _Running, train_side_by_side
from tests.conftest import REPOSITORY
from tests.made_landmarks import TEMPLATE, write_set

PERSON = r"(p\d+)"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, hand_models: Path) -> Path:
    """A cache of its own with the networks of hands in it."""
    folder = tmp_path_factory.mktemp("cache")
    shutil.copytree(hand_models, folder / hand_models.name)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACTION_RECOGNITION_CACHE", str(cache))
        yield write_set(tmp_path_factory.mktemp("set") / "set")


def work_dir(folder: Path) -> Path:
    """Return a work dir whose trainings have few steps."""
    assert main([str(REPOSITORY / TEMPLATE), str(folder), "--do-not-load-snapshot"]) == 0
    template = folder / "template.yaml"
    template.write_text(template.read_text().replace("min_steps: 750", "min_steps: 8"))
    return folder


def options(data: Path, folder: Path) -> TrainOptions:
    return TrainOptions(
        train_ann_files=[data / "train.txt"],
        train_data_roots=[data],
        val_ann_files=[],
        val_data_roots=[],
        save_checkpoints_to=folder,
        batch_size=4,
        epochs=2,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def test_networks_are_those_of_one_run_after_the_other(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    work, found = work_dir(tmp_path / "work"), {}
    for at_once in (1, 2):
        folder = tmp_path / f"outputs_{at_once}"
        with one_thread():
            run = prepare(work, options(data, folder))
            folds = train_folds(run, 2, None, train_prepared, at_once)
        said = capfd.readouterr().out
        names = ("fold_1/best.pth", "fold_2/best.pth", "best.pth")
        weights = [torch.load(folder / name, weights_only=True)["state_dict"] for name in names]
        results = [(fold.people, fold.num_val_clips, fold.result(False)) for fold in folds]
        tables = [(folder / name).read_text() for name in ("folds.csv", "folds.json")]
        found[at_once] = weights, results, tables

    # Each line says which run prints it.
    lines = said.splitlines()
    for lead in ("fold 1: ", "fold 2: ", "all clips: "):
        assert any(line.startswith(f"{lead}epoch 2/2") for line in lines)
    assert not any(line.startswith("epoch") for line in lines)

    (first, *facts), (second, *same_facts) = found[1], found[2]
    assert facts == same_facts
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_all_runs_save_and_end_with_the_study(signum: int, data: Path, tmp_path: Path) -> None:
    work = work_dir(tmp_path / "work")
    flags = ["--train-ann-files", data / "train.txt", "--train-data-roots", data]
    flags += ["--folds", "2", "--batch-size", "4", "--epochs", "2000"]
    command = [sys.executable, str(work / "train.py"), *map(str, flags)]
    study = subprocess.Popen(
        command,
        cwd=work,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert study.stdout is not None
    seen: set[str] = set()
    lines = []
    for line in study.stdout:
        lines.append(line)
        seen |= {name for name in ("fold 1: epoch", "fold 2: epoch") if line.startswith(name)}
        if len(seen) == 2:
            break
    assert len(seen) == 2, "".join(lines)
    runs = _runs_of(work)
    os.kill(study.pid, signum)
    rest = study.communicate(timeout=60)[0]

    # Ended within the patience, with a checkpoint each. The study alone says so.
    psutil.wait_procs(runs, timeout=20)
    assert not any(run.is_running() and run.status() != psutil.STATUS_ZOMBIE for run in runs)
    assert "Traceback" not in rest
    if signum != signal.SIGKILL:
        assert study.returncode == 128 + signum
        assert rest.count("error: ") == 1
    for name in ("fold_1", "fold_2"):
        file = work / "outputs" / name / "latest.pth"
        assert torch.load(file, weights_only=True)["epoch"] < 2000


def _runs_of(work: Path) -> list[psutil.Process]:
    """Return all processes that the holder of the folder has started."""
    pid = int((work / "outputs" / LOCK_FILE).read_text().split()[1])
    return psutil.Process(pid).children(recursive=True)


def test_what_a_run_finds_is_the_message_of_the_study(tmp_path: Path) -> None:
    work = work_dir(tmp_path / "work")
    # A message of more letters than a pipe holds at once.
    nowhere = options(tmp_path / ("x" * 100_000), tmp_path / "outputs")
    with pytest.raises(UserError, match="xxx") as raised:
        train_side_by_side([Job("fold 1", work, nowhere)], 2)
    assert len(str(raised.value)) > 100_000


def test_several_runs_draw_no_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert console.has_the_terminal()
    monkeypatch.setattr(console, "_lead", "fold 1: ")
    assert not console.has_the_terminal()


def test_a_run_that_dies_is_named() -> None:
    context = multiprocessing.get_context("spawn")
    receives, sends = context.Pipe(duplex=False)
    process = context.Process(target=os._exit, args=(7,))
    process.start()
    sends.close()
    job = Job("fold 3", Path(), TrainOptions.__new__(TrainOptions))
    with pytest.raises(UserError, match=r"fold 3: its process ended with exit code 7.*auto"):
        _Running(job, process, receives).check()
