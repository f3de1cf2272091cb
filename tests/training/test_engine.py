"""Flags of the engine, and what happens when the machine fails."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import torch

from action_recognition.commands.train import build_parser
from action_recognition.errors import UserError
from action_recognition.models.recogniser import Recogniser
from action_recognition.template import load_template_dir
from action_recognition.training.machine.precision import (
    no_autocast,
    trainer_precision,
    whole_precision,
)
from action_recognition.training.reporting.failures import describe_failure
from action_recognition.training.run import train
from action_recognition.training.step.recipe import Recipe
from tests.conftest import REPOSITORY, template_dir
from tests.tiny import tiny_data, tiny_template
from tests.training.test_run import options
from tests.warm import warm_python

FULL_DISK = """
import resource, sys, torch
from pathlib import Path
from action_recognition.checkpoint import save_atomically
from action_recognition.errors import run_command
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
path = Path(sys.argv[1])
for size in (1_000, 1_000_000):
    content = {"state_dict": {"w": torch.full((size,), float(size))}}
    last = lambda: save_atomically(content, path, path.with_name("previous.pth"))
    last() if size == 1_000 else run_command(last)
"""


def test_accumulated_batches_in_half_precision_are_trained_on(tmp_path: Path) -> None:
    data, work_dir = (
        tiny_data(tmp_path / "data", clips_per_class=4),
        tiny_template(tmp_path / "work dir", epochs=1, batch_size=2).parent,
    )
    latest = train(work_dir, options(data, tmp_path / "out", accumulate=4, precision="bf16-mixed"))
    content = torch.load(latest, weights_only=True)
    assert content["global_step"] == 2  # 6 batches, 4 and 2 a step
    assert content["run"]["accumulate"] == 4
    assert all(
        value.dtype == torch.float32
        for value in content["state_dict"].values()
        if value.is_floating_point()
    )


def test_what_the_device_does_not_compute_in_is_named() -> None:
    with pytest.raises(UserError, match="16-mixed needs a GPU"):
        trainer_precision("16-mixed", "cpu")
    assert [trainer_precision(name, "cpu") for name in ("32", "bf16-mixed")] == [
        "32-true",
        "bf16-mixed",
    ]  # type: ignore[arg-type]


def test_head_and_losses_stay_in_single_precision_and_double_stays_double() -> None:
    features, weights = torch.rand(3, 4), torch.rand(4, 2)
    with torch.autocast("cpu", torch.bfloat16):
        half = features @ weights
        with no_autocast(half):
            single = whole_precision(half) @ torch.rand(2, 2)
    assert (half.dtype, single.dtype, whole_precision(features.double()).dtype) == (
        torch.bfloat16,
        torch.float32,
        torch.float64,
    )


def test_a_full_disk_leaves_the_last_checkpoint_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "latest.pth"
    done = subprocess.run(
        [warm_python(), "-c", FULL_DISK, str(path)], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert (
        done.returncode == 2
        and "the last good checkpoint is still there" in done.stderr
        and "Traceback" not in done.stderr
    )
    assert torch.load(path, weights_only=True)["state_dict"]["w"][0] == 1_000
    assert [item.name for item in tmp_path.iterdir()] == ["latest.pth"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "DataLoader worker (pid 5) is killed by signal: Killed.",
            "a process that decodes clips died",
        ),
        (
            "[../gloo/pair.cc] Connection closed by peer [127.0.0.1]:4",
            "another process of this run ended",
        ),
        ("CUDA out of memory. Tried to allocate 2.00 GiB", "--find-batch-size"),
        (
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
            "--find-batch-size",
        ),
        ("The server socket has failed: EADDRINUSE", "is in use"),
    ],
)
def test_failures_of_the_machine_are_named(message: str, said: str) -> None:
    try:
        raise RuntimeError("training failed") from RuntimeError(message)
    except RuntimeError as error:
        known = describe_failure(error)
    assert known is not None and said in str(known)
    assert describe_failure(RuntimeError("a mistake of ours")) is None


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] can't allocate memory: 9"),
    ],
)
@pytest.mark.parametrize(("fitting", "said"), [(3, "3, which fits"), (0, "not even 2 videos fit")])
def test_out_of_memory_says_the_batch_that_would_fit(
    error: RuntimeError, fitting: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Recipe.forward

    def limited(
        self: Recipe,
        network: Recogniser,
        clips: torch.Tensor,
        labels: torch.Tensor,
        *,
        scale: float,
    ) -> dict[str, torch.Tensor]:
        if len(clips) > fitting:
            raise error
        return whole(self, network, clips, labels, scale=scale)

    monkeypatch.setattr(Recipe, "forward", limited)
    data, work_dir = (
        tiny_data(tmp_path / "data", clips_per_class=2),
        tiny_template(tmp_path / "work dir", batch_size=6).parent,
    )
    with pytest.raises(UserError) as raised:
        train(work_dir, options(data, tmp_path / "out"))
    assert "--batch-size: does not fit into memory" in str(raised.value) and said in str(
        raised.value
    )


def test_the_commands_of_the_page_have_the_flags_of_the_command() -> None:
    page = (REPOSITORY / "docs" / "cluster.md").read_text(encoding="utf-8")
    folder = template_dir("jester")
    parser = build_parser(folder)
    commands = [
        line.split("#")[0].split("train.py", 1)[1]
        for line in page.splitlines()
        if "train.py DATA" in line
    ]
    assert len(commands) >= 7 and load_template_dir(folder)
    needed = "--train-ann-files a --train-data-roots b --val-ann-files c --val-data-roots d"
    for command in commands:
        parser.parse_args(shlex.split(command.split("`")[0].replace("DATA", needed)))
    assert {
        flag for flag in re.findall(r"`(--[a-z-]+)", page) if flag != "--kill-on-bad-exit"
    } <= set(parser._option_string_actions)
