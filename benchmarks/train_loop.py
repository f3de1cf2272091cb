"""The whole training loop against the bare step: decoding, augmentation, losses, Lightning.

Batch 2, 112 x 112 pixels.
Figures:
    time_over_bare_step_msasl, time_over_bare_step_jester: a step of the loop, with clips that
        worker processes decode from synthetic H.264 files of 224 x 224, over a step (forward, one
        loss, backward, SGD) on a clip that is ready. Both take as many steps, in turn.
    speedup_tuned: an f32 eager step over the fastest of bf16, compiled, and compiled bf16.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault(
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384"
)  # as in train_step.py: several networks in turn

import av
import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/train_loop.py` without an installed package

from action_recognition.checkpoint import describe_training
from action_recognition.data.annotations import read_annotations
from action_recognition.data.datasets import ClipDataset
from action_recognition.dataset_tools.preparing.clip_files import H264_OPTIONS
from action_recognition.models.build import build_recogniser
from action_recognition.schedules import scale_schedule
from action_recognition.template import load_template_dir
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.engine import quieten_lightning
from action_recognition.training.step.module import GestureTraining
from benchmarks.harness import (
    REPOSITORY,
    Timing,
    fastest,
    interleaved,
    parse_arguments,
    ratio,
    report,
)
from benchmarks.train_step import BATCH_SIZE, CROP_SIZE, Extra, Variant, training_step

NUM_VIDEOS, NUM_FRAMES, SIDE, RATE_FPS = 24, 60, 224, 30
# Levels of noise: 0.16 bits a pixel. Real recordings at that size and quality have 0.13 and 0.16
# (8 clips each of two data sets).
NOISE = 6
NUM_WORKERS = 1


def write_videos(folder: Path) -> Path:
    """Write noisy clips of a drifting pattern, 2 s each, and their annotation file."""
    rng, lines = np.random.default_rng(0), []
    for number in range(NUM_VIDEOS):
        pattern = np.repeat(
            np.repeat(rng.integers(0, 255, (14, 28, 3), dtype=np.uint8), 16, 0), 16, 1
        )
        with av.open(str(folder / f"{number}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=RATE_FPS)
            stream.height = stream.width = SIDE
            stream.pix_fmt, stream.options = "yuv420p", H264_OPTIONS
            for i in range(NUM_FRAMES):
                picture = np.roll(pattern, 3 * i, 1)[:, :SIDE] // 2 + rng.integers(
                    0, NOISE, (SIDE, SIDE, 3), dtype=np.uint8
                )
                container.mux(
                    stream.encode(
                        av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                    )
                )
            container.mux(stream.encode())
        lines.append(f"{number}.mp4 {number % 4} 8 52 0 {NUM_FRAMES} {RATE_FPS}")
    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    return folder


class StepTimes(Callback):
    """Note the time at which each batch ended, but for the first steps, which warm up."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self.ends.append(time.perf_counter())


def loop(variant: Variant, data_root: Path) -> tuple[GestureTraining, ClipData]:
    """Return the template's recipe over the clips, without the epochs of the head alone."""
    template, model = load_template_dir(
        REPOSITORY
        / "model_templates"
        / "gesture_recognition"
        / f"s3d-rgb-mobilenet-v3-stream-{variant}"
    )
    clip_input = template.frames.model_copy(
        update={"crop_size": CROP_SIZE, "resize_short_side": CROP_SIZE * 8 // 7}
    )
    schedule = template.training.schedule.model_copy(
        update={"freeze_epochs": 0, "warmup_epochs": 0}
    )
    training = template.training.model_copy(update={"schedule": schedule})
    template = template.model_copy(update={"input": clip_input, "training": training})
    labels = template.labels
    records = read_annotations([data_root / "train.txt"], [data_root], labels)
    data = ClipData(
        ClipDataset(records, clip_input, augmentation=template.training.augmentation),
        ClipDataset(records, clip_input),
        batch_size=BATCH_SIZE // template.training.clips_per_video,
        clips_per_video=template.training.clips_per_video,
        num_workers=NUM_WORKERS,
        seed=0,
    )
    torch.manual_seed(0)
    network = build_recogniser(model, len(labels))
    scaled = scale_schedule(template.training.schedule, 1, 1)
    description = describe_training(labels, template, model, {})
    module = GestureTraining(
        network,
        template,
        model,
        base_learning_rate=1e-4,
        schedule=scaled,
        steps_per_epoch=lambda: 100,
        description=description,
        seed=0,
    )
    return module, data


def steps_of_loop(module: GestureTraining, data: ClipData, num_steps: int) -> float:
    """Seconds of a step, over `num_steps` after three that are not counted."""
    quieten_lightning()
    times = StepTimes()
    trainer = L.Trainer(
        accelerator="cpu",
        max_steps=num_steps + 4,
        max_epochs=-1,
        callbacks=[times],
        gradient_clip_val=module.recipe.optimizer.gradient_clip_norm,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        use_distributed_sampler=False,
    )
    trainer.fit(module, datamodule=data)
    return (times.ends[-1] - times.ends[3]) / num_steps


def compare(
    variant: Variant, data_root: Path, rounds: int, num_steps: int
) -> tuple[Timing, Timing]:
    """Time of a bare step and of one of the loop, round by round."""
    bare = training_step(variant, "folded")
    module, data = loop(variant, data_root)
    seconds: list[tuple[float, float]] = []
    for turn in range(rounds + 1):
        began = time.perf_counter()
        for _ in range(num_steps):
            bare()
        of_bare = (time.perf_counter() - began) / num_steps
        of_loop = steps_of_loop(module, data, num_steps)
        if turn:  # the first round compiles oneDNN's primitives
            seconds.append((of_bare, of_loop))
    return Timing(np.array([pair[0] for pair in seconds])), Timing(
        np.array([pair[1] for pair in seconds])
    )


def tuned(rounds: int) -> dict[str, Timing]:
    extras: dict[str, Extra] = {
        "f32 eager": "",
        "bf16": "bf16",
        "compiled": "compile",
        "compiled bf16": "compile_bf16",
    }
    return interleaved(
        {name: training_step("msasl", "folded", extra) for name, extra in extras.items()},
        rounds,
        warm_up=2,
    )


def main() -> None:
    options = parse_arguments(__doc__.splitlines()[0] if __doc__ else "")
    torch.set_num_threads(options.threads)
    timings: dict[str, Timing] = {}
    figures = {}
    variants: tuple[Variant, ...] = ("msasl", "jester")
    with tempfile.TemporaryDirectory() as folder:
        data_root = write_videos(Path(folder))
        for variant in variants:
            bare, whole = compare(variant, data_root, options.rounds(8), 6 if options.quick else 30)
            timings |= {f"{variant} bare step": bare, f"{variant} whole loop": whole}
            figures[f"time_over_bare_step_{variant}"] = ratio(whole, bare)
    notes = [f"batch {BATCH_SIZE}, {CROP_SIZE} x {CROP_SIZE}, {NUM_WORKERS} process decodes"]
    if not options.quick:  # compiling takes minutes
        timed = tuned(options.rounds(12))
        timings |= timed
        best = fastest({name: timing for name, timing in timed.items() if name != "f32 eager"})
        figures["speedup_tuned"] = ratio(timed["f32 eager"], timed[best])
        notes.append(f"speedup_tuned is that of {best}")
    report("train_loop", options, timings, figures, notes=notes)


if __name__ == "__main__":
    main()
