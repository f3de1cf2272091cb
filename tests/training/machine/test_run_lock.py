"""A second run in a folder is refused before its first byte, whatever kind of run it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from action_recognition.checkpoint import (
    NETWORK_PREFIX,
    TRAINED_MODEL_KEY,
    describe_training,
)
from action_recognition.commands.search import main as search
from action_recognition.errors import UserError
from action_recognition.models.build import build_recogniser
from action_recognition.template import load_template_dir
from action_recognition.training.machine.run_lock import LOCK_FILE, among_searches, sole_run
from action_recognition.training.studies.choose_study import Plan, carry_out
from tests.tiny import LABELS, tiny_data, tiny_template
from tests.training.studies.test_search import write_space
from tests.training.test_run import options

_HOLD = (
    "import fcntl, sys\n"
    "file = open(sys.argv[1], 'a+')\n"
    "fcntl.lockf(file, fcntl.LOCK_EX)\n"
    "print('held', flush=True)\n"
    "sys.stdin.read()\n"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=2)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A folder that another process holds."""
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-c", _HOLD, str(folder / LOCK_FILE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        yield folder
        holder.communicate(timeout=20)


@pytest.mark.parametrize(
    "plan", [Plan(preset="small-data"), Plan(learning_curve=[1, 2]), Plan(folds=2)]
)
def test_a_second_study_is_refused_before_it_writes(
    plan: Plan, held: Path, data: Path, tmp_path: Path
) -> None:
    work_dir = tiny_template(tmp_path / "work").parent
    weights = tmp_path / "weights.pth"
    template, model = load_template_dir(work_dir)
    network = build_recogniser(model, len(LABELS)).state_dict()
    content = {
        "state_dict": {f"{NETWORK_PREFIX}{name}": value for name, value in network.items()},
        TRAINED_MODEL_KEY: describe_training(list(LABELS), template, model, {}),
    }
    torch.save(content, weights)
    given = options(data, held, epochs=1, load_weights=weights)
    if plan.folds is not None:
        given = options(data, held, epochs=1, val_ann_files=(), val_data_roots=())

    with pytest.raises(UserError, match="another run writes there"):
        carry_out(work_dir, given, plan)
    assert [path.name for path in held.iterdir()] == [LOCK_FILE]
    assert not (work_dir / "feature_cache").exists()


def test_a_search_is_refused_where_a_run_writes(held: Path, data: Path, tmp_path: Path) -> None:
    tiny_template(tmp_path / "tiny")
    space = write_space(tmp_path / "space.yaml", data)
    with pytest.raises(UserError, match="another run writes there"):
        search([str(space), "--output", str(held)])
    assert [path.name for path in held.iterdir()] == [LOCK_FILE]


def test_a_study_and_its_runs_hold_one_folder(tmp_path: Path) -> None:
    with sole_run(tmp_path):
        with sole_run(tmp_path / "." / "part" / ".."):
            pass
        # The inner block did not free the lock of the outer one.
        assert "another run" in _asked_elsewhere(tmp_path, "sole_run")
    assert _asked_elsewhere(tmp_path, "sole_run") == ""


def test_searches_share_a_folder_and_keep_runs_out(tmp_path: Path) -> None:
    with among_searches(tmp_path):
        assert _asked_elsewhere(tmp_path, "among_searches") == ""
        assert "another run" in _asked_elsewhere(tmp_path, "sole_run")


def _asked_elsewhere(folder: Path, name: str) -> str:
    """Return what another process is told when it asks for the folder."""
    program = (
        "import sys; from pathlib import Path\n"
        f"from action_recognition.training.machine.run_lock import {name}\n"
        f"with {name}(Path(sys.argv[1])): pass\n"
    )
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr
