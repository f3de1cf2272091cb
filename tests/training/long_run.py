"""Resident memory over a long run: 100,000 steps of a tiny network, with checkpoints, validation,
logs and a process that decodes.

    python tests/training/long_run.py [--steps 100000] [--every 500] [--csv FILE]

Ends with code 0 when the process that trains and the one that decodes have grown by less than 1 %
each: the mean over the last tenth of the run against the mean over the second tenth (in the first
one libraries still load, and caches fill).
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(
    0, str(Path(__file__).resolve().parents[2])
)  # `python tests/training/long_run.py` without an installed package

import lightning as L
import numpy as np
import torch
import yaml
from lightning.pytorch.callbacks import Callback

from action_recognition.training.options import TrainOptions
from action_recognition.training.run import train
from tests.tiny import tiny_data, tiny_template

BATCH_SIZE, STEPS_PER_EPOCH, MOST_GROWTH = 2, 5000, 0.01
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MB


class Resident(Callback):
    """Resident memory of this process and of the one that decodes training clips, every so many
    steps.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.rows: list[tuple[int, float, float]] = []
        self._began = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if trainer.global_step % self.every:
            return
        children = [
            int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        ]
        self.rows.append(
            (
                trainer.global_step,
                resident_mb(os.getpid()),
                max(map(resident_mb, children), default=0.0),
            )
        )
        seconds = time.monotonic() - self._began
        print(
            f"step {self.rows[-1][0]}, {seconds:.0f} s: {self.rows[-1][1]:.1f} MB, decoding "
            f"{self.rows[-1][2]:.1f} MB",
            flush=True,
        )


def growth(values: np.ndarray[Any, Any]) -> float:
    """The last tenth's mean over the second tenth's, less 1."""
    tenth = max(1, len(values) // 10)
    return float(values[-tenth:].mean() / values[tenth : 2 * tenth].mean()) - 1.0


def options(folder: Path, steps: int) -> tuple[Path, TrainOptions]:
    """A work dir and a run of so many steps; the lines of a few clips are repeated."""
    work_dir = tiny_template(
        folder / "work dir", batch_size=BATCH_SIZE, epochs=max(1, steps // STEPS_PER_EPOCH)
    ).parent
    template = yaml.safe_load((work_dir / "template.yaml").read_text())
    template["training"]["num_workers"] = 1
    template["input"] |= {"clip_len": 2, "crop_size": 16, "resize_short_side": 18}
    (work_dir / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))
    model = yaml.safe_load((work_dir / "model.yaml").read_text())
    model["backbone"] |= {
        name: value[:1] for name, value in model["backbone"].items() if isinstance(value, list)
    }
    (work_dir / "model.yaml").write_text(yaml.safe_dump(model, sort_keys=False))
    data = tiny_data(folder / "data", clips_per_class=8)
    lines = (data / "train.txt").read_text().splitlines()
    num_clips = BATCH_SIZE * min(steps, STEPS_PER_EPOCH)
    (data / "train.txt").write_text(
        "\n".join((lines * (num_clips // len(lines) + 1))[:num_clips]) + "\n"
    )
    return work_dir, TrainOptions(
        train_ann_files=[data / "train.txt"],
        train_data_roots=[data],
        val_ann_files=[data / "val.txt"],
        val_data_roots=[data],
        save_checkpoints_to=folder / "run",
        gpu_num=0,
        frame_cache=folder / "cache",
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    resident = Resident(given.every)
    with tempfile.TemporaryDirectory(prefix="long_run_") as folder:
        train(*options(Path(folder), given.steps), watchers=[resident])
    rows = np.array(resident.rows)
    if given.csv is not None:
        with given.csv.open("w", newline="") as file:
            csv.writer(file).writerows(
                [("step", "resident_mb", "decoding_resident_mb"), *resident.rows]
            )
    grown = [growth(rows[:, column]) for column in (1, 2)]
    print(f"{time.process_time() / rows[-1, 0] * 1000:.1f} ms of CPU time a step, without decoding")
    print(
        f"{int(rows[-1, 0])} steps: resident memory grew by {grown[0]:.2%} to "
        f"{rows[-1, 1]:.0f} MB, "
        f"that of the decoding process by {grown[1]:.2%} to {rows[-1, 2]:.0f} MB"
    )
    return 0 if max(grown) < MOST_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
