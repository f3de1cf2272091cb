"""A template so small that a whole run takes seconds, and clips that it can learn: a bright bar
that moves left, right or not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from tests.conftest import template_dir
from tests.synthetic import write_video

LABELS = ("to the left", "to the right", "no gesture")
CLIP_LEN, CROP_SIZE = 4, 32


def tiny_template(folder: Path, **basic: Any) -> Path:
    """A template folder made from the msasl one: two blocks, 4 frames of 32 pixels; returns its
    template.yaml.
    """
    folder.mkdir(parents=True, exist_ok=True)
    template = yaml.safe_load((template_dir("msasl") / "template.yaml").read_text())
    template |= {
        "name": "tiny",
        "labels": [],
        "negative_label": None,
        "dependencies": [],
        "gpu_num": 0,
    }
    template["input"] |= {"clip_len": CLIP_LEN, "resize_short_side": 36, "crop_size": CROP_SIZE}
    template["hyper_parameters"]["basic"] = {
        "batch_size": 6,
        "base_learning_rate": 0.05,
        "epochs": 2,
    } | basic
    template["training"]["num_workers"] = 0
    template["training"]["augmentation"] |= {
        "rotate": None,
        "block_dropout": None,
        "photometric": None,
    }
    template["training"]["augmentation"]["flip"] = {
        "probability": 0.5,
        "label_swaps": {LABELS[0]: LABELS[1]},
    }
    template["training"]["regularisers"] = dict.fromkeys(template["training"]["regularisers"])
    template["training"]["loss"] |= {"scale_start": 10.0, "scale_end": 5.0, "margin": 0.1}
    template["training"]["schedule"] |= {"freeze_epochs": 0, "warmup_epochs": 0, "step_epochs": []}
    table = {
        "stem_channels": 8,
        "kernel_size": [3, 3],
        "expand_channels": [8, 16],
        "out_channels": [8, 16],
        "squeeze_excite": [False, True],
        "activation": ["relu", "hswish"],
        "spatial_stride": [2, 2],
        "temporal_kernel_size": [3, 3],
        "temporal_stride": [1, 2],
        "attention": ["none", "spatial_temporal"],
        "last_channels": 32,
        "gaussian_dropout": None,
    }
    model = {"type": "s3d_mobilenet_v3", "backbone": table, "head": {"embedding_size": 16}}
    (folder / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))
    (folder / "model.yaml").write_text(yaml.safe_dump(model, sort_keys=False))
    return folder / "template.yaml"


def causal_tiny_template(folder: Path, **basic: Any) -> Path:
    """`tiny_template` as a causal network with a step of 2 frames, by the recipe of the causal
    templates.
    """
    path = tiny_template(folder, **basic)
    model = yaml.safe_load((folder / "model.yaml").read_text())
    model |= {"type": "causal_s3d_mobilenet_v3", "running_pool": {"steps": 2}}
    causal = yaml.safe_load(
        (
            template_dir("msasl").parent / "causal-s3d-mobilenet-v3-stream" / "template.yaml"
        ).read_text()
    )
    template = yaml.safe_load(path.read_text())
    template["training"] = modern_recipe(loss=causal["training"]["loss"])
    (folder / "model.yaml").write_text(yaml.safe_dump(model, sort_keys=False))
    path.write_text(yaml.safe_dump(template, sort_keys=False))
    return path


def moving_bar(label: int, seed: int, num_frames: int = 8) -> NDArray[np.uint8]:
    """(T, 40, 48, 3) uint8: a bar that crosses from right to left (label 0), left to right (1), or
    stands (2).
    """
    rng = np.random.default_rng([label, seed])
    frames = rng.integers(0, 60, (1, 40, 48, 3), dtype=np.uint8).repeat(num_frames, 0)
    start, speed = int(rng.integers(8, 14)), 3
    for i, frame in enumerate(frames):
        x = {0: 47 - start - speed * i, 1: start + speed * i, 2: 20 + start}[label]
        frame[:, max(0, x - 4) : x + 4] = rng.integers(200, 255)
    return frames


def tiny_data(folder: Path, clips_per_class: int = 6) -> Path:
    """Videos, train.txt, val.txt and classes.json in `folder`; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for split, offset in (("train", 0), ("val", 1000)):
        for label in range(len(LABELS)):
            for i in range(clips_per_class if split == "train" else 2):
                name = f"{split} {label}-{i}.mp4"
                write_video(
                    folder / "videos" / name, moving_bar(label, offset + i), frame_rate_fps=15
                )
                lines[split].append(f"videos/{name} {label} 0 8 0 8 15.0")
    for split, rows in lines.items():
        (folder / f"{split}.txt").write_text("\n".join(rows) + "\n")
    (folder / "classes.json").write_text(json.dumps(LABELS))
    return folder


def modern_recipe(**changes: Any) -> dict[str, Any]:
    """The `training` section of the EfficientNet-Lite0 template for `tiny_template`: nothing
    frozen, no dropout, no workers.
    """
    folder = template_dir("msasl").parent / "s3d-rgb-efficientnet-lite0-stream"
    training: dict[str, Any] = yaml.safe_load((folder / "template.yaml").read_text())["training"]
    training["augmentation"]["flip"] = {"probability": 0.5, "label_swaps": {LABELS[0]: LABELS[1]}}
    small = {"num_workers": 0, "frozen_blocks": 0, "batch_norm": "train", "feature_dropout": 0.0}
    return training | small | changes
