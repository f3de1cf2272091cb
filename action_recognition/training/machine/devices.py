"""Processes and devices of a run.

There is one process for each GPU, or one for each that torchrun, Slurm or Kubeflow started.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from lightning.fabric.plugins.environments import KubeflowEnvironment, SLURMEnvironment
from lightning.pytorch.strategies import DDPStrategy

from action_recognition.errors import Problem, UserError, user_error
from action_recognition.schedules import ScaledSchedule

_MAX_DIGITS = 9
# What the script writes into an environment: `cpu` or `gpu`, nothing where it is an older one.
_MADE_BY_INIT_VENV = ".made_by_init_venv"
_NUMBERS = (
    *("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK"),
    *("SLURM_NTASKS", "SLURM_NNODES", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"),
)
_TORCHRUN, _KUBEFLOW = "TORCHELASTIC_RUN_ID", ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK")


@dataclass(frozen=True)
class DevicePlan:
    """`devices` processes on each of `num_nodes` machines, each with its own GPU or on the CPU.

    `words` are lines that explain the choice. `plugins` tell Lightning who starts the processes,
    where it would not find out by itself.
    """

    accelerator: Literal["cpu", "gpu"]
    devices: int
    num_nodes: int
    words: tuple[str, ...]
    plugins: tuple[Any, ...] = field(default=())

    @property
    def world_size(self) -> int:
        """The number of processes on all machines."""
        return self.devices * self.num_nodes

    def trainer_settings(self, schedule: ScaledSchedule) -> dict[str, Any]:
        """Return the arguments about devices for Lightning's Trainer."""
        settings: dict[str, Any] = {
            "accelerator": self.accelerator,
            "devices": self.devices,
            "num_nodes": self.num_nodes,
        }

        # A single process needs no strategy.
        if self.world_size > 1:
            settings["strategy"] = ddp_strategy(schedule)
        return settings


class _Launch(NamedTuple):
    """Processes that another program started, and the plugins with which Lightning joins them."""

    per_node: int
    nodes: int
    who: str
    plugins: tuple[Any, ...] = ()


def plan_devices(wanted: int, num_nodes: int, environment: Mapping[str, str]) -> DevicePlan:
    """Plan `wanted` GPUs for each machine, or as many as it has. 0 means the CPU.

    If another program started the processes, the plan has as many as it started.

    Errors: UserError for flags and environment variables that contradict each other, and for GPUs
    before an environment that was made without what they need.
    """
    _check_numbers(environment)
    available = torch.cuda.device_count()
    if wanted and available:
        check_made_for_gpus(Path(sys.prefix))
    launch = _started_from_outside(environment)

    # Processes that run already decide about the number of devices.
    if launch is not None:
        return _plan_for_launch(launch, wanted, num_nodes, available)

    # Lightning starts the processes, which have to find each other.
    if num_nodes > 1:
        _check_nodes(num_nodes, environment)
    number = min(wanted, available)
    if max(number, 1) * num_nodes > 1:
        _check_port(environment)
    return _plan_own_processes(wanted, number, num_nodes)


def check_made_for_gpus(venv: Path) -> None:
    """Raise UserError if `init_venv.sh` left out of its environment what a GPU needs."""
    marker = venv / _MADE_BY_INIT_VENV
    if marker.is_file() and marker.read_text(encoding="utf-8").strip() == "cpu":
        raise user_error(
            str(venv),
            "was made by init_venv.sh for the CPU, and this machine has a GPU",
            fix="./init_venv.sh --gpu in the clone completes it, or train with --gpu-num 0",
        )


def _plan_for_launch(launch: _Launch, wanted: int, num_nodes: int, available: int) -> DevicePlan:
    per_node, nodes, who, plugins = launch

    # The flags must agree with what was started.
    if num_nodes not in (1, nodes):
        found = f"found {num_nodes}, but {who} started processes on {nodes}"
        raise user_error("--num-nodes", found, fix="leave it out")
    if wanted and 0 < available < per_node:
        found = f"{per_node} processes on a machine with {available} GPUs"
        raise user_error(who, found, f"{available} processes", "or --gpu-num 0")

    accelerator: Literal["cpu", "gpu"] = "gpu" if wanted and available else "cpu"
    processes = f"{per_node * nodes} processes of {who} on {nodes} machine(s)"
    words = (f"device: {processes}, {accelerator.upper()}",)
    return DevicePlan(accelerator, per_node, nodes, words, plugins)


def _plan_own_processes(wanted: int, number: int, num_nodes: int) -> DevicePlan:
    """Plan the processes that Lightning starts: one for each of `number` GPUs, or one on a CPU."""
    nodes = f", on each of {num_nodes} machines" if num_nodes > 1 else ""
    if number == 0:
        reason = "--gpu-num 0" if wanted == 0 else "no GPU here"
        words = f"device: CPU, {torch.get_num_threads()} threads ({reason}){nodes}"
        return DevicePlan("cpu", 1, num_nodes, (words,))

    # Fewer GPUs than wanted are used, with a note.
    note = [f"note: {wanted} GPUs wanted, {number} here"] if number < wanted else []
    plural = "s" if number > 1 else ""
    words = f"device: {number} GPU{plural} ({torch.cuda.get_device_name()}){nodes}"
    return DevicePlan("gpu", number, num_nodes, (*note, words))


def ddp_strategy(schedule: ScaledSchedule) -> DDPStrategy:
    """Return the strategy by which several processes train together.

    A backbone that is frozen at first has no gradients to exchange then, but has them later.
    `SharedStatistics` averages the statistics of batch norms, so they are not copied from the
    first process.
    """
    return DDPStrategy(find_unused_parameters=schedule.freeze_epochs > 0, broadcast_buffers=False)


def _started_from_outside(environment: Mapping[str, str]) -> _Launch | None:
    """Return the processes that torchrun, Slurm or Kubeflow started, or None."""
    if _TORCHRUN in environment:
        per_node = int(environment["LOCAL_WORLD_SIZE"])
        return _Launch(per_node, int(environment["WORLD_SIZE"]) // per_node, "torchrun")

    if int(environment.get("SLURM_NTASKS", "1")) > 1 and SLURMEnvironment.detect():
        nodes = int(environment.get("SLURM_NNODES", "1"))
        per_node = int(environment["SLURM_NTASKS"]) // nodes
        # A signal makes the run save and end. The job's script decides about queueing it again.
        return _Launch(per_node, nodes, "Slurm", (SLURMEnvironment(auto_requeue=False),))

    if all(name in environment for name in _KUBEFLOW) and "LOCAL_RANK" not in environment:
        nodes = int(environment["WORLD_SIZE"])
        return _Launch(1, nodes, "MASTER_ADDR and RANK", (KubeflowEnvironment(),))
    return None


def _check_numbers(environment: Mapping[str, str]) -> None:
    """Raise a UserError for each variable of torchrun, Slurm or Kubeflow that is no number."""
    found = {name: environment[name] for name in _NUMBERS if name in environment}
    bad = {
        name: value
        for name, value in found.items()
        if not (value.isdecimal() and len(value) <= _MAX_DIGITS)
    }
    if bad:
        fix = "unset it, unless torchrun or srun starts the run"
        raise UserError(
            Problem(name, f"found {value!r}", "a whole number", fix) for name, value in bad.items()
        )


def _check_nodes(num_nodes: int, environment: Mapping[str, str]) -> None:
    """Raise a UserError for each variable that processes on several machines lack."""
    needed = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
    missing = [name for name in needed if name not in environment]
    if missing:
        found = f"is not set, but --num-nodes {num_nodes} needs it"
        fix = (
            "the first machine's address, a free port of it, and 0, 1, ... for the machines; "
            "or start it by torchrun or srun"
        )
        raise UserError(Problem(name, found, fix=fix) for name in missing)


def _check_port(environment: Mapping[str, str]) -> None:
    """Check that the first process can listen on MASTER_PORT.

    Without that variable Lightning looks for a free port.
    """
    port, ranks = environment.get("MASTER_PORT"), ("NODE_RANK", "LOCAL_RANK", "RANK")

    # Only the first process listens.
    if port is None or any(environment.get(name, "0") != "0" for name in ranks):
        return
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise user_error("MASTER_PORT", f"found {port!r}", "1 to 65535")

    # The probe frees the port again before Lightning listens on it.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", int(port)))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            found = "is in use" if error.errno == errno.EADDRINUSE else "may not be used"
            fix = "name another one, the same on all machines"
            raise user_error("MASTER_PORT", f"port {port} {found}", fix=fix) from None
