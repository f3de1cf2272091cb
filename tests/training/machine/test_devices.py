"""Several devices: two processes on the CPU, started by torchrun or by Lightning, stand for two
GPUs or two machines.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from action_recognition.errors import UserError
from action_recognition.models.recogniser import Recogniser
from action_recognition.schedules import ScaledCosine
from action_recognition.template import Training
from action_recognition.training.machine.devices import ddp_strategy, plan_devices
from action_recognition.training.run import train
from action_recognition.training.step import module
from tests.conftest import REPOSITORY
from tests.tiny import modern_recipe, tiny_data, tiny_template
from tests.training.test_run import edit_template, options, weights
from tests.warm import warm_python

PROGRAM = """
import json, sys
from pathlib import Path
import action_recognition.training.step.module as module
import action_recognition.training.run as run
from action_recognition.errors import run_command
from tests.training.test_run import options

set_learning = module.set_learning
def without_statistics(network, training, *, head_only):
    set_learning(network, training, head_only=head_only)
    network.head.norm.eval()

def train_all():
    for job in json.loads(Path(sys.argv[1]).read_text()):
        work_dir, data, out = (Path(job.pop(name)) for name in ("work_dir", "data", "out"))
        keep = job.pop("keep_statistics", False)
        module.set_learning = without_statistics if keep else set_learning
        run.train(work_dir, options(data, out, **job))

if sys.argv[2] == "lightning":
    run.plan_devices = lambda wanted, num_nodes, environment: run.DevicePlan("cpu", 2, 1, ())
"""
TRAIN_ALL = "run_command(train_all)"
SHARE = """
import torch.distributed as dist
from torch import nn
import torch
from action_recognition.training.machine.processes import (
    SharedStatistics, gather_rows, sum_over_processes
)
train_all()
assert dist.get_backend() == "gloo"
rank = dist.get_rank()
norms = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(3).eval())
for norm in norms:
    norm.running_mean += rank + 1.0
    norm.running_var += 2.0 * rank
SharedStatistics().on_train_batch_end(None, norms, None, None, 0)
assert norms[0].running_mean.tolist() == [1.5, 1.5] and norms[0].running_var.tolist() == [2.0, 2.0]
assert norms[1].running_mean.tolist() == [rank + 1.0] * 3  # one that does not learn keeps its own
rows = (torch.arange(3.0 * rank).reshape(-1, 3).numpy(), torch.arange(rank).numpy())
assert [part.shape for part in gather_rows(rows)] == [(1, 3), (1,)]
assert sum_over_processes([1.0, rank]) == [2.0, 1.0]
print("equal", flush=True)
"""
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}


def command(
    python: str, folder: Path, jobs: list[dict[str, Any]], launcher: str, then: str = TRAIN_ALL
) -> list[str]:
    """Two processes that train job after job; `work_dir`, `data` and `out` of a job lie in the
    folder.
    """
    (folder / "program.py").write_text(PROGRAM + then)
    places = [
        {name: str(folder / job[name]) for name in ("work_dir", "data", "out")} for job in jobs
    ]
    (folder / "jobs.json").write_text(
        json.dumps([job | place for job, place in zip(jobs, places, strict=True)])
    )
    start = TORCHRUN if launcher == "torchrun" else []
    return [python, *start, str(folder / "program.py"), str(folder / "jobs.json"), launcher]


def column(folder: Path, name: str) -> list[float]:
    with (folder / "curves.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def frozen_work_dir(folder: Path, freeze_epochs: int) -> None:
    schedule = {"type": "cosine", "freeze_epochs": freeze_epochs, "warmup_share": 0.0}
    recipe = modern_recipe(schedule=schedule, frozen_blocks=1, ema_decay=0.9)
    edit_template(tiny_template(folder).parent, "training", value=recipe)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of all that two processes of one torchrun learned in turn, and what they said:
    starting them is what takes long.
    """
    folder = tmp_path_factory.mktemp("pair")
    data = tiny_data(folder / "data")
    lines = (data / "val.txt").read_text().splitlines()
    (data / "val.txt").write_text("\n".join(lines[:5]) + "\n")  # an odd number: the shares differ
    work_dir = tiny_template(folder / "work dir").parent
    edit_template(
        work_dir, "training", value=modern_recipe(mix=None, ema_decay=0.9, batch_norm="frozen")
    )
    edit_template(work_dir, "hyper_parameters", "basic", "base_learning_rate", value=0.001)
    model = (work_dir / "model.yaml").read_text()
    assert "- spatial_temporal" in model
    (work_dir / "model.yaml").write_text(
        model.replace("- spatial_temporal", "- none")
    )  # it draws noise
    jobs = [
        {
            "work_dir": "work dir",
            "data": "data",
            "out": "two",
            "epochs": 17,
            "batch_size": 3,
            "keep_statistics": True,
        }
    ]
    for freeze_epochs in (0, 1):
        name = f"frozen {freeze_epochs}"
        frozen_work_dir(folder / name, freeze_epochs)
        jobs.append(
            {"work_dir": name, "data": "data", "out": f"out {name}", "epochs": 2, "batch_size": 3}
        )
    done = subprocess.run(
        command(warm_python(), folder, jobs, "torchrun", SHARE),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return folder, done.stdout


@pytest.mark.parametrize("freeze_epochs", [0, 1])
def test_two_devices_train_what_is_frozen_first_or_always(
    freeze_epochs: int, pair: tuple[Path, str]
) -> None:
    folder, said = pair
    assert (
        said.count("epoch 2/2") == 2 and said.count("training clips") == 3
    )  # once for both, in each of the runs
    trained = weights(folder / f"out frozen {freeze_epochs}" / "latest.pth")
    assert all(
        bool(value.isfinite().all()) for value in trained.values() if value.dtype == torch.float32
    )


def test_two_processes_learn_what_one_does_from_as_many_clips_a_step(
    pair: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = pair
    set_learning = module.set_learning

    def without_statistics(network: Recogniser, training: Training, *, head_only: bool) -> None:
        set_learning(network, training, head_only=head_only)
        network.head.norm.eval()

    monkeypatch.setattr(module, "set_learning", without_statistics)
    train(folder / "work dir", options(folder / "data", folder / "one", epochs=17, batch_size=6))
    one, two = column(folder / "one", "train_loss"), column(folder / "two", "train_loss")
    assert len(one) == 17  # of 3 steps
    np.testing.assert_allclose(two, one, rtol=1e-5)
    for name in ("val_accuracy", "val_top1", "val_top5"):
        assert column(folder / "two", name) == column(folder / "one", name)
    theirs, ours = (sorted((folder / out / "confusion").iterdir()) for out in ("one", "two"))
    assert [path.read_text() for path in ours] == [
        path.read_text() for path in theirs
    ]  # each of 5 clips once


def test_statistics_and_averages_are_the_same_in_all_processes(pair: tuple[Path, str]) -> None:
    assert pair[1].count("equal") == 2


def test_a_process_that_dies_ends_the_others_with_one_message(tmp_path: Path) -> None:
    tiny_data(tmp_path / "data", clips_per_class=2)
    tiny_template(tmp_path / "work dir")
    jobs = [{"work_dir": "work dir", "data": "data", "out": "out", "epochs": 4000, "batch_size": 3}]
    first = subprocess.Popen(
        command(sys.executable, tmp_path, jobs, "lightning"),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    said = ""
    for line in first.stdout:
        said += line
        if line.startswith("epoch 2/"):
            break
    assert said.count("training clips") == said.count("epoch 1/") == 1  # once for both
    child = next(
        int(pid) for pid in Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    )
    began = time.monotonic()
    os.kill(child, signal.SIGKILL)
    _, errors = first.communicate(timeout=60)
    assert time.monotonic() - began < 60
    assert first.returncode in (2, -signal.SIGKILL)
    assert (
        errors.count("error: ") == 1
        and "process of this run" in errors
        and "Traceback" not in errors
    ), errors


def test_unused_gradients_are_looked_for_only_where_epochs_are_frozen() -> None:
    found = [
        ddp_strategy(ScaledCosine(epochs, 0.0, 4))._ddp_kwargs["find_unused_parameters"]
        for epochs in (0, 1)
    ]
    assert found == [False, True]


def test_processes_are_planned_as_torchrun_kubeflow_or_the_flags_say() -> None:
    torchrun = {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "4"}
    plan = plan_devices(0, 1, torchrun)
    assert (plan.accelerator, plan.devices, plan.num_nodes, plan.world_size) == ("cpu", 2, 2, 4)
    with pytest.raises(UserError, match="torchrun started processes on 2"):
        plan_devices(0, 3, torchrun)
    plan = plan_devices(
        0, 1, {"MASTER_ADDR": "a", "MASTER_PORT": "1", "WORLD_SIZE": "3", "RANK": "1"}
    )
    assert (plan.devices, plan.num_nodes, len(plan.plugins)) == (1, 3, 1)
    with pytest.raises(UserError) as error:
        plan_devices(0, 2, {"NODE_RANK": "0"})
    assert [problem.where for problem in error.value.problems] == ["MASTER_ADDR", "MASTER_PORT"]


def test_a_gpu_before_an_environment_of_the_cpu_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The GPU is a stand-in."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    marker = tmp_path / ".made_by_init_venv"
    assert plan_devices(1, 1, {}).accelerator == "gpu"
    for made_for in ("", "gpu\n"):
        marker.write_text(made_for)
        assert plan_devices(1, 1, {}).accelerator == "gpu"

    marker.write_text("cpu\n")
    with pytest.raises(UserError, match=r"for the CPU, .* \./init_venv\.sh --gpu .*--gpu-num 0"):
        plan_devices(1, 1, {})
    assert plan_devices(0, 1, {}).accelerator == "cpu"


def test_a_port_in_use_is_named_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        machines = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": "0"}
        with pytest.raises(UserError, match=f"port {port} is in use"):
            plan_devices(0, 2, machines)
        assert (
            plan_devices(0, 2, machines | {"NODE_RANK": "1"}).num_nodes == 2
        )  # another machine only connects
    with pytest.raises(UserError, match="1 to 65535"):
        plan_devices(0, 2, machines | {"MASTER_PORT": "many"})


@pytest.mark.parametrize("name", ["WORLD_SIZE", "LOCAL_RANK", "SLURM_NTASKS"])
@pytest.mark.parametrize("value", ["junk", "", "1e3", "-1", "9" * 5000])
def test_a_variable_without_a_number_is_named(name: str, value: str) -> None:
    with pytest.raises(UserError, match=f"{name}: found .* allowed: a whole number; .*unset it"):
        plan_devices(0, 1, {name: value})
