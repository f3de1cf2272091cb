"""Several devices: two processes on the CPU stand for two GPUs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from action_recognition.schedules import ScaledCosine
from action_recognition.training.run import _strategy
from tests.conftest import REPOSITORY
from tests.tiny import modern_recipe, tiny_data, tiny_template
from tests.training.test_run import edit_template, weights

PROGRAM = """
import sys
from pathlib import Path
import action_recognition.training.run as run
from tests.training.test_run import options

folder = Path(sys.argv[1])
run._devices = lambda template, given, schedule: {"accelerator": "cpu", "devices": 2, "strategy": run._strategy(schedule)}
run.train(folder / "work dir", options(folder / "data", folder / "out", epochs=int(sys.argv[2]), batch_size=3))
"""


@pytest.mark.parametrize("freeze_epochs", [0, 1])
def test_two_devices_train_what_is_frozen_first_or_always(freeze_epochs: int, tmp_path: Path) -> None:
    tiny_data(tmp_path / "data", clips_per_class=2)
    work_dir = tiny_template(tmp_path / "work dir").parent
    schedule = {"type": "cosine", "freeze_epochs": freeze_epochs, "warmup_share": 0.0}
    edit_template(work_dir, "training", value=modern_recipe(schedule=schedule, frozen_blocks=1, ema_decay=0.9))
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path), "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "epoch 2/2" in done.stdout
    assert all(bool(value.isfinite().all()) for value in weights(tmp_path / "out" / "latest.pth").values() if value.dtype == torch.float32)


def test_unused_gradients_are_looked_for_only_where_epochs_are_frozen() -> None:
    assert [_strategy(ScaledCosine(epochs, 0.0, 4)) for epochs in (0, 1)] == ["ddp", "ddp_find_unused_parameters_true"]
