"""What a step frees is there for the next one."""

from __future__ import annotations

import gc
import platform
import resource
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from matplotlib.figure import Figure

from action_recognition.training.machine.memory import (
    CollectEachEpoch,
    keep_freed_memory,
    objects_kept,
)
from action_recognition.training.options import TrainOptions
from action_recognition.training.reporting import curves
from action_recognition.training.run import train
from tests.tiny import tiny_data, tiny_template

NUM_BYTES = 64 * 1024**2  # more than the C library ever keeps by itself


def new_pages() -> int:
    """Pages that the system has to fill for one tensor."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensor = torch.ones(NUM_BYTES // 4)
    assert float(tensor[-1]) == 1.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="told to the GNU C library")
def test_freed_tensors_are_not_asked_for_again() -> None:
    assert keep_freed_memory()
    asked = [new_pages() for _ in range(20)]  # the first ones find their places
    assert max(asked[10:]) < NUM_BYTES // resource.getpagesize() // 4, (
        asked
    )  # else every page is a new one


@pytest.fixture
def nothing_is_kept() -> Iterator[None]:
    """Take back that the tests keep what the libraries have made."""
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.usefixtures("nothing_is_kept")
def test_what_is_drawn_in_an_epoch_is_gone_before_the_next_one() -> None:
    class Drawn:
        def __init__(self) -> None:
            self.parts = [self]

    with objects_kept():
        assert gc.get_freeze_count() > 0
        with objects_kept():
            assert gc.get_freeze_count() > 0
        # The inner block has not taken back what the outer one keeps.
        assert gc.get_freeze_count() > 0
        drawn = weakref.ref(Drawn())
        CollectEachEpoch().on_train_epoch_start(None, None)
        assert drawn() is None
    assert gc.get_freeze_count() == 0


class FiguresHeld(Callback):
    """How many pictures are in memory when an epoch begins, and whether what was there before is
    left out of collections.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.kept: list[bool] = []

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.numbers.append(sum(isinstance(thing, Figure) for thing in gc.get_objects()))
        self.kept.append(gc.get_freeze_count() > 0)


def test_training_holds_no_picture_of_the_epoch_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Path] = []
    draw_curves = curves.draw_curves

    def draw(path: Path, rows: Any, num_classes: int) -> None:
        drawn.append(path)
        draw_curves(path, rows, num_classes)

    monkeypatch.setattr(
        curves, "_DRAW_EVERY_S", 0.0
    )  # a short run draws its curves at its end alone
    monkeypatch.setattr(curves, "draw_curves", draw)
    held = FiguresHeld()
    data = tiny_data(tmp_path / "data")
    work_dir = tiny_template(tmp_path / "work dir", epochs=3).parent
    options = TrainOptions(
        train_ann_files=[data / "train.txt"],
        train_data_roots=[data],
        val_ann_files=[data / "val.txt"],
        val_data_roots=[data],
        save_checkpoints_to=tmp_path / "run",
        gpu_num=0,
    )
    gc.disable()  # else it depends on what ran before whether the collector comes by itself
    try:
        train(work_dir, options, watchers=[held])
    finally:
        gc.enable()
    assert len(drawn) >= 3 and held.kept == [True] * 3
    assert held.numbers == [0, 0, 0]
