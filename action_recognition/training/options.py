"""The options of a training run, as `train.py` takes them. Imports neither torch nor Lightning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from action_recognition.data.frame_cache import DEFAULT_CACHE_GB
from action_recognition.download import StartKeyword

Precision = Literal["32", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The flags of `train.py`; None means the template's value."""

    train_ann_files: Sequence[Path]
    train_data_roots: Sequence[Path]
    val_ann_files: Sequence[Path]
    val_data_roots: Sequence[Path]
    save_checkpoints_to: Path
    load_weights: Path | StartKeyword | None = None
    resume_from: str | None = None
    gpu_num: int | None = None
    num_nodes: int = 1
    precision: Precision = "32"
    compile: bool = False
    accumulate: int = 1
    tensorboard_dir: Path | None = None
    batch_size: int | None = None
    epochs: int | None = None
    base_learning_rate: float | None = None
    classes: Sequence[str] | None = None
    num_workers: int | None = None
    seed: int = 0
    strict: bool = False
    frame_cache: Path | None = None
    frame_cache_gb: float = DEFAULT_CACHE_GB
    find: Literal["batch_size", "lr"] | None = None
    profile: bool = False
    backbone: str | None = None
    crop: Literal["hand"] | None = None
    hand_detector: Path | None = None
    save_every_minutes: float = 10.0
