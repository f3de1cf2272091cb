"""A run that is refused leaves what an earlier run wrote, byte for byte."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from action_recognition.commands.train import main
from action_recognition.errors import UserError
from action_recognition.training.reporting.head_result import HeadResult
from action_recognition.training.run import train
from tests.tiny import tiny_data, tiny_template
from tests.training.test_run import edit_template, options

PRESET = ("--preset", "small-data", "--load-weights")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=2)


@pytest.fixture(scope="module")
def work_dir(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work dir with an earlier run in `outputs`, and what earlier studies left beside it."""
    folder = tiny_template(tmp_path_factory.mktemp("work"), epochs=1).parent
    out = train(folder, options(data, folder / "outputs")).parent
    assert (out / "train_record.json").is_file()
    assert (out / "template.yaml").is_file()
    (out / "head.pth").write_bytes(b"an earlier head")
    for part in (out, out / "fold_1", out / "clips_2"):
        HeadResult(50.0, 70.0, epoch=3).write(part)
        (part / "train.txt").write_text("an earlier list\n")
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flags(data: Path, folder: Path, plan: tuple[str, ...]) -> list[str]:
    given = ["--train-ann-files", str(data / "train.txt"), "--train-data-roots", str(data)]
    if "--folds" not in plan:
        given += ["--val-ann-files", str(data / "val.txt"), "--val-data-roots", str(data)]
    weights = [str(folder / "outputs/best.pth")] if plan == PRESET else []
    return [*given, *plan, *weights, "--gpu-num", "0", "--num-workers", "0"]


@pytest.mark.parametrize(
    ("plan", "more", "said"),
    [
        ((), ("--precision", "16-mixed"), "--precision: 16-mixed needs a GPU"),
        ((), ("--tensorboard-dir", "FILE"), "--tensorboard-dir: .*file is a file"),
        ((), ("--tensorboard-dir", "FILE/logs"), "--tensorboard-dir: .*file is a file"),
        ((), ("--save-checkpoints-to", "FILE"), "--save-checkpoints-to: .*file is a file"),
        ((), ("--num-nodes", "2"), "MASTER_ADDR: is not set"),
        pytest.param(
            (),
            ("--compile",),
            r"--compile: needs a C\+\+ compiler",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU needs no compiler"),
        ),
        (PRESET, ("--precision", "16-mixed"), "--precision: 16-mixed needs a GPU"),
        (PRESET, ("--tensorboard-dir", "FILE"), "--tensorboard-dir: .*file is a file"),
        (PRESET, ("--num-nodes", "2"), "MASTER_ADDR: is not set"),
        (PRESET, ("--batch-size", "1"), "--batch-size: found 1"),
        (("--folds", "2"), ("--precision", "16-mixed"), "--precision: 16-mixed needs a GPU"),
        (("--learning-curve", "2"), ("--num-nodes", "2"), "MASTER_ADDR: is not set"),
    ],
)
def test_a_refusal_leaves_the_files_of_an_earlier_run(
    data: Path,
    work_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plan: tuple[str, ...],
    more: tuple[str, ...],
    said: str,
) -> None:
    folder = Path(shutil.copytree(work_dir, tmp_path / "work"))
    (tmp_path / "file").write_text("no folder")
    before = contents(tmp_path)

    # A machine without a compiler, and without the variables of several machines.
    monkeypatch.setenv("PATH", "")
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    words = [word.replace("FILE", str(tmp_path / "file")) for word in more]
    with pytest.raises(UserError, match=said):
        main(folder, [*flags(data, folder, plan), *words])
    assert contents(tmp_path) == before


def test_the_preset_refuses_frozen_blocks_before_it_writes(
    data: Path, work_dir: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(work_dir, tmp_path / "work"))
    edit_template(folder, "training", "frozen_blocks", value=99)
    before = contents(folder)
    with pytest.raises(UserError, match=r"training\.frozen_blocks: found 99"):
        main(folder, flags(data, folder, PRESET))
    assert contents(folder) == before


def test_a_run_without_validation_clips_is_refused(data: Path, tmp_path: Path) -> None:
    given = dataclasses.replace(
        options(data, tmp_path / "out"), val_ann_files=[], val_data_roots=[]
    )
    with pytest.raises(UserError, match="--val-ann-files: none given"):
        train(tiny_template(tmp_path / "work").parent, given)
    assert not (tmp_path / "out").exists()
