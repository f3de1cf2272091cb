"""What cases start from, made once: clips, a trained network, its exports, a model of photos."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.conftest import REPOSITORY
from tests.tiny import LABELS, tiny_data, tiny_template


@dataclass(frozen=True)
class Stage:
    """Paths of good inputs. Cases read them, copy what they damage, and change none."""

    root: Path

    @property
    def template(self) -> Path:
        """A template folder's template.yaml, beside its model.yaml."""
        return self.root / "template/template.yaml"

    @property
    def data(self) -> Path:
        """A folder with train.txt, val.txt, classes.json and videos/."""
        return self.root / "data"

    @property
    def clip(self) -> Path:
        """A video of 8 frames, 15 a second."""
        return self.data / "videos/val 0-0.mp4"

    @property
    def fresh_work_dir(self) -> Path:
        """A work dir in which nothing was trained."""
        return self.root / "fresh"

    @property
    def work_dir(self) -> Path:
        """A work dir after one epoch of training."""
        return self.root / "work"

    @property
    def weights(self) -> Path:
        """Weights that train.py wrote."""
        return self.work_dir / "outputs/latest.pth"

    @property
    def export(self) -> Path:
        """The delivered folder of the weights."""
        return self.root / "export"

    @property
    def photos(self) -> Path:
        """The delivered folder of a model of photos."""
        return self.root / "photos"

    def files(self, split: str, flag: str = "") -> list[object]:
        """The flags that name the annotation file of a split."""
        flag = flag or split
        annotation = self.data / f"{split}.txt"
        return [f"--{flag}-ann-files", annotation, f"--{flag}-data-roots", self.data]


def make_stage(root: Path) -> Stage:
    """Make everything in `root`. It runs commands, so it needs a process of its own."""
    from tests.made_photos import write_photo_model

    stage = Stage(root)
    tiny_template(root / "template", epochs=1)
    tiny_data(stage.data, clips_per_class=2)
    _run("tools/instantiate_template.py", stage.template, stage.work_dir)
    _run("tools/instantiate_template.py", stage.template, stage.fresh_work_dir)
    flags = [*stage.files("train"), *stage.files("val"), "--num-workers", 0]
    _run(stage.work_dir / "train.py", *flags)
    _run(
        stage.work_dir / "export.py",
        *("--load-weights", stage.weights, "--save-model-to", stage.export),
    )
    write_photo_model(stage.photos)
    return stage


def copy_of(source: Path, target: Path) -> Path:
    """Copy a folder or a file, for a case that damages it."""
    if source.is_dir():
        return Path(shutil.copytree(source, target))
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(source, target))


def small_frames(number: int = 8, height: int = 40, width: int = 48) -> np.ndarray:
    """Return frames (T, H, W, 3) uint8 of a bar that moves to the right."""
    frames = np.full((number, height, width, 3), 40, np.uint8)
    for place, frame in enumerate(frames):
        start = 3 * place % max(1, width - 4)
        frame[:, start : start + 4] = 230
    return frames


def write_classes(path: Path) -> Path:
    """Write the labels of the stage."""
    path.write_text(json.dumps(LABELS))
    return path


def _run(script: str | Path, *arguments: object) -> None:
    sys.argv = [str(REPOSITORY / script), *map(str, arguments)]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"{script} ended with {end.code}") from end
