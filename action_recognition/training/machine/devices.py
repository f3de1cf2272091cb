"""Processes and devices of a run: one process for each GPU, or one for each that torchrun, Slurm or Kubeflow started."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from lightning.fabric.plugins.environments import KubeflowEnvironment, SLURMEnvironment
from lightning.pytorch.strategies import DDPStrategy

from action_recognition.errors import Problem, UserError, user_error
from action_recognition.schedules import ScaledSchedule

_TORCHRUN, _KUBEFLOW = "TORCHELASTIC_RUN_ID", ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK")


@dataclass(frozen=True)
class DevicePlan:
    """`devices` processes on each of `num_nodes` machines, each with a GPU of its own or on the CPU; `words` says why.

    `plugins` tell Lightning who starts the processes, where it would not find out.
    """

    accelerator: Literal["cpu", "gpu"]
    devices: int
    num_nodes: int
    words: tuple[str, ...]
    plugins: tuple[Any, ...] = field(default=())

    @property
    def world_size(self) -> int:
        return self.devices * self.num_nodes

    def trainer_settings(self, schedule: ScaledSchedule) -> dict[str, Any]:
        """What Lightning's Trainer is told."""
        settings: dict[str, Any] = {
            "accelerator": self.accelerator,
            "devices": self.devices,
            "num_nodes": self.num_nodes,
        }
        if self.world_size > 1:
            settings["strategy"] = ddp_strategy(schedule)
        return settings


def plan_devices(wanted: int, num_nodes: int, environment: Mapping[str, str]) -> DevicePlan:
    """`wanted` GPUs a machine, or as many as there are; 0 is the CPU. Errors: `UserError` for what does not go together.

    Where processes are started from outside, there are as many as were started.
    """
    available = torch.cuda.device_count()
    started = _started_from_outside(environment)
    if started is not None:
        per_node, nodes, who, plugins = started
        if num_nodes not in (1, nodes):
            raise user_error(
                "--num-nodes",
                f"found {num_nodes}, but {who} started processes on {nodes}",
                fix="leave it out",
            )
        if wanted and 0 < available < per_node:
            raise user_error(
                who,
                f"{per_node} processes on a machine with {available} GPUs",
                f"{available} processes",
                "or --gpu-num 0",
            )
        accelerator: Literal["cpu", "gpu"] = "gpu" if wanted and available else "cpu"
        words = f"device: {per_node * nodes} processes of {who} on {nodes} machine(s), {accelerator.upper()}"
        return DevicePlan(accelerator, per_node, nodes, (words,), plugins)
    if num_nodes > 1:
        _check_nodes(num_nodes, environment)
    number = min(wanted, available)
    if max(number, 1) * num_nodes > 1:
        _check_port(environment)
    if number == 0:
        reason = "--gpu-num 0" if wanted == 0 else "no GPU here"
        return DevicePlan(
            "cpu",
            1,
            num_nodes,
            (f"device: CPU, {torch.get_num_threads()} threads ({reason}){_on_nodes(num_nodes)}",),
        )
    note = [f"note: {wanted} GPUs wanted, {available} here"] if number < wanted else []
    words = f"device: {number} GPU{'s' if number > 1 else ''} ({torch.cuda.get_device_name()}){_on_nodes(num_nodes)}"
    return DevicePlan("gpu", number, num_nodes, (*note, words))


def ddp_strategy(schedule: ScaledSchedule) -> DDPStrategy:
    """How several devices work together; while the backbone is frozen it has no gradients to exchange, later it has.

    Statistics of batch norms are exchanged by `SharedStatistics`, not copied from the first process.
    """
    return DDPStrategy(find_unused_parameters=schedule.freeze_epochs > 0, broadcast_buffers=False)


def _on_nodes(num_nodes: int) -> str:
    return f", on each of {num_nodes} machines" if num_nodes > 1 else ""


def _started_from_outside(
    environment: Mapping[str, str],
) -> tuple[int, int, str, tuple[Any, ...]] | None:
    """(processes a machine, machines, who started them, Lightning's plugins), or None."""
    if _TORCHRUN in environment:
        per_node = int(environment["LOCAL_WORLD_SIZE"])
        return per_node, int(environment["WORLD_SIZE"]) // per_node, "torchrun", ()
    if int(environment.get("SLURM_NTASKS", "1")) > 1 and SLURMEnvironment.detect():
        nodes = int(environment.get("SLURM_NNODES", "1"))
        # A signal makes the run save and end; whether the job is queued again is for its script to say.
        return (
            int(environment["SLURM_NTASKS"]) // nodes,
            nodes,
            "Slurm",
            (SLURMEnvironment(auto_requeue=False),),
        )
    if all(name in environment for name in _KUBEFLOW) and "LOCAL_RANK" not in environment:
        return 1, int(environment["WORLD_SIZE"]), "MASTER_ADDR and RANK", (KubeflowEnvironment(),)
    return None


def _check_nodes(num_nodes: int, environment: Mapping[str, str]) -> None:
    missing = [
        name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if name not in environment
    ]
    if missing:
        fix = "the first machine's address, a free port of it, and 0, 1, ... for the machines; or start it by torchrun or srun"
        raise UserError(
            Problem(name, f"is not set, which --num-nodes {num_nodes} needs", fix=fix)
            for name in missing
        )


def _check_port(environment: Mapping[str, str]) -> None:
    """The first process listens on MASTER_PORT; without one Lightning looks for a free port."""
    port, ranks = environment.get("MASTER_PORT"), ("NODE_RANK", "LOCAL_RANK", "RANK")
    if port is None or any(environment.get(name, "0") != "0" for name in ranks):
        return
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise user_error("MASTER_PORT", f"found {port!r}", "1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", int(port)))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                found = "is in use" if error.errno == errno.EADDRINUSE else "may not be used"
                raise user_error(
                    "MASTER_PORT",
                    f"port {port} {found}",
                    fix="name another one, the same on all machines",
                ) from None
            raise
