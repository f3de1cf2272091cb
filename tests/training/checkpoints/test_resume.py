"""Going on with a run: after any kill to the bit, from which checkpoint, and when it is refused."""

from __future__ import annotations

import copy
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from action_recognition.checkpoint import read_checkpoint
from action_recognition.data.clip_orders import ClassBalancedSampler, EpochShuffleSampler
from action_recognition.errors import UserError
from action_recognition.training.checkpoints.changes import changes_since
from action_recognition.training.checkpoints.resume import find_checkpoint
from action_recognition.training.machine.run_lock import sole_run
from action_recognition.training.run import train
from tests.conftest import REPOSITORY
from tests.tiny import tiny_data, tiny_template
from tests.training.kills import different
from tests.training.test_run import edit_template, options


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=4)


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    return tiny_template(tmp_path / "work dir", epochs=1).parent


KILLED = re.compile(r"^[1-3] kills by SIGKILL.* 0 problems$", re.MULTILINE)


def test_after_any_kill_a_run_goes_on_to_the_bit() -> None:
    command = [sys.executable, "tests/training/kills.py", "--kills", "3", "--epochs", "12"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and KILLED.search(done.stdout), done.stdout + done.stderr[-2000:]


def test_a_place_in_an_epoch_is_gone_on_from_in_this_epoch_only() -> None:
    for whole, part in (
        (EpochShuffleSampler(7, 1, 1, 2, 2), EpochShuffleSampler(7, 1, 1, 2, 2)),
        (ClassBalancedSampler([0, 1, 1, 2], 1), ClassBalancedSampler([0, 1, 1, 2], 1)),
    ):
        part.skip(3, 3)
        for epoch, behind in ((3, 3), (4, 0)):
            whole.set_epoch(epoch)
            part.set_epoch(epoch)
            assert list(part) == list(whole)[behind:]
            assert len(part) == len(whole) == len(list(whole))


def test_a_damaged_checkpoint_is_recognised_and_the_one_before_offered_or_taken(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    train(work_dir, options(data, out, epochs=2))
    latest, previous = out / "latest.pth", out / "previous.pth"
    assert [read_checkpoint(path).content["epoch"] for path in (latest, previous)] == [1, 0]
    whole = latest.read_bytes()
    with zipfile.ZipFile(latest) as archive:  # between its entries are bytes that say nothing
        entry = max(archive.infolist(), key=lambda item: item.file_size)
        middle = whole.index(archive.read(entry)) + entry.file_size // 2
    for damage in (
        whole[:middle],
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        b"",
    ):
        latest.write_bytes(damage)
        with pytest.raises(
            UserError,
            match=r"--resume-from \S*previous\.pth resumes from the one before it \(epoch 1, "
            r"step 2\)",
        ):
            find_checkpoint("latest", out)
        found, said = find_checkpoint("auto", out)
        assert (
            found is not None
            and found.path == previous
            and said is not None
            and "resuming from the one before" in said
        )
    edit_template(work_dir, "hyper_parameters", "basic", "epochs", value=2)
    train(
        work_dir,
        options(data, out, resume_from="auto", load_weights=tmp_path / "not needed any more"),
    )
    assert "warning: " in capsys.readouterr().out
    again = read_checkpoint(latest).content
    latest.write_bytes(whole)
    assert different(read_checkpoint(latest).content, again) == []
    previous.write_bytes(b"")
    latest.write_bytes(b"")
    with pytest.raises(UserError, match=r"latest\.pth: is not a readable"):
        find_checkpoint("auto", out)


def test_auto_starts_afresh_goes_on_and_ends_where_nothing_is_left(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for expected in ("starts afresh", "has all 1 epochs behind it: nothing to do"):
        assert train(work_dir, options(data, out, resume_from="auto")) == out / "latest.pth"
        assert expected in capsys.readouterr().out
    with pytest.raises(UserError, match="has completed 1 epochs"):
        train(work_dir, options(data, out, resume_from="latest"))


def test_what_changed_is_listed_and_refused_unless_it_is_safe(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    latest = train(work_dir, options(data, out))
    edit_template(work_dir, "training", "loss", "margin", value=0.25)
    edit_template(work_dir, "training", "num_workers", value=1)
    other = tmp_path / "other.txt"
    other.write_text("\n".join((data / "train.txt").read_text().splitlines()[1:]) + "\n")
    (tmp_path / "classes.json").write_text((data / "classes.json").read_text())
    before = latest.read_bytes()
    changes: dict[str, Any] = {
        "resume_from": "latest",
        "epochs": 2,
        "seed": 5,
        "batch_size": 3,
        "base_learning_rate": 0.01,
    }
    with pytest.raises(UserError) as error:
        train(work_dir, options(data, out, train_ann_files=[other], **changes))
    said = str(error.value)
    for part in (
        "training.loss.margin: 0.1 before, 0.25 now",
        "base_learning_rate: 0.05 before, 0.01 now",
        "seed: 0 before, 5 now",
    ):
        assert part in said
    assert (
        "train_data" in said
        and "= 6 clips a step before" in said
        and "= 3 clips a step now" in said
    )
    assert "num_workers" not in said and latest.read_bytes() == before
    edit_template(work_dir, "training", "loss", "margin", value=0.1)
    train(
        work_dir,
        options(
            data,
            out,
            resume_from="latest",
            epochs=2,
            val_ann_files=[data / "train.txt"],
            num_workers=0,
        ),
    )
    said = capsys.readouterr().out
    assert (
        "note: template.yaml: training.num_workers: 0 before, 1 now" in said
        and "note: val_data" in said
    )


@pytest.mark.parametrize(
    ("now", "safe"),
    [
        ({"world_size": 2, "batch_size": 3}, True),
        ({"world_size": 2}, False),
        ({"accumulate": 2, "batch_size": 3}, True),
    ],
)
def test_other_processes_are_safe_with_as_many_clips_a_step(
    data: Path, work_dir: Path, tmp_path: Path, now: dict[str, int], safe: bool
) -> None:
    raw = read_checkpoint(train(work_dir, options(data, tmp_path / "out")))
    from action_recognition.checkpoint import trained_model

    changes = changes_since(raw, trained_model(raw).template, raw.content["run"] | now)
    assert [change.safe for change in changes] == [safe]
    raw.content["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] = (
        0  # within an epoch
    )
    changes = changes_since(raw, trained_model(raw).template, raw.content["run"] | now)
    assert [change.safe for change in changes] == [safe and "accumulate" not in now]


def test_flags_that_are_not_given_again_stay_as_they_were(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    train(work_dir, options(data, out, epochs=1, batch_size=4))
    train(work_dir, options(data, out, epochs=2, resume_from="latest"))
    assert read_checkpoint(out / "latest.pth").content["global_step"] == 6
    assert "clips a step" not in capsys.readouterr().out


def _set(content: dict[str, Any], keys: str, value: Any) -> None:
    *sections, name = keys.split("/")
    for key in sections:
        content = content[int(key) if isinstance(content, list) else key]  # type: ignore[call-overload]
    content[name] = value


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The work dir and the content of a checkpoint after one of two epochs."""
    folder = tmp_path_factory.mktemp("edited")
    work_dir = tiny_template(folder / "work").parent
    latest = train(work_dir, options(data, folder / "out", epochs=1))
    return work_dir, torch.load(latest, weights_only=True)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        ("epoch", "one", "epoch, a part of the run's state, is damaged"),
        ("epoch", -1, "epoch, a part of the run's state"),
        ("global_step", None, "global_step, a part"),
        ("global_step", 10**12, "global_step, a part"),
        ("loops", {}, "loops.fit_loop, a part"),
        ("loops/fit_loop/epoch_progress/current", [], "epoch_progress.current, a part"),
        ("run", [1], "run, a part"),
        ("run/batch_size", 0, "run.batch_size, a part"),
        ("run/seed", "x", "run.seed, a part"),
        ("optimizer_states", 7, "optimizer_states, a part"),
        ("optimizer_states", [], "optimizer_states, a part"),
        ("optimizer_states", [{}], "its state does not fit this run"),
        ("lr_schedulers", [{"x": 1}, {}], "its state does not fit this run"),
        ("callbacks", "none", "callbacks, a part"),
        ("loops/fit_loop/epoch_loop.state_dict", 3, "its state does not fit this run"),
        ("ClipData", {"epochs": "x"}, "its state does not fit this run"),
    ],
)
def test_an_edited_state_is_one_message(
    keys: str,
    value: Any,
    message: str,
    data: Path,
    trained: tuple[Path, dict[str, Any]],
    tmp_path: Path,
) -> None:
    work_dir, content = trained
    edited = copy.deepcopy(content)
    _set(edited, keys, value)
    torch.save(edited, tmp_path / "edited.pth")
    resumed = str(tmp_path / "edited.pth")
    with pytest.raises(UserError, match=message) as error:
        train(work_dir, options(data, tmp_path / "out", epochs=2, resume_from=resumed))
    assert f"--resume-from: {resumed}: " in str(error.value) and len(error.value.problems) == 1


def test_optimiser_state_of_another_shape_is_one_message(
    data: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    work_dir, content = trained
    edited = copy.deepcopy(content)
    state = edited["optimizer_states"][0]["state"]
    state[0] = {name: torch.zeros(3, 7) for name in state[0]}
    torch.save(edited, tmp_path / "edited.pth")
    given = options(data, tmp_path / "out", epochs=2, resume_from=str(tmp_path / "edited.pth"))
    with pytest.raises(UserError, match=r"its state does not fit this run .RuntimeError: The size"):
        train(work_dir, given)


def test_two_runs_in_one_folder_are_refused(data: Path, work_dir: Path, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from "
        "action_recognition.training.machine.run_lock import sole_run\n"
    )
    program += "with sole_run(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(UserError, match=f"another run writes there .process {holder.pid} on "):
            train(work_dir, options(data, tmp_path / "out"))
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".run.lock"]
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with sole_run(tmp_path / "out"):
        pass


def test_a_second_signal_ends_at_once() -> None:
    from action_recognition.training.checkpoints.stop_request import StopRequest

    stop = StopRequest()
    before = signal.getsignal(signal.SIGTERM)
    stop.install()
    signal.raise_signal(signal.SIGTERM)
    assert stop.signum == signal.SIGTERM
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    stop.restore()
    assert signal.getsignal(signal.SIGTERM) == before
