"""Run every command on small data, in one process and in a folder that is given.

Each writes its name into the file $OUTSIDE_LOG first, so that whatever leaves the machine stands
below the name of the command that sent it.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.conftest import REPOSITORY
from tests.made_photos import write_photo_model, write_photos
from tests.synthetic import write_video
from tests.tiny import moving_bar, tiny_template

PORT = "8765"


def main(root: Path) -> None:
    videos = videos_by_class(root / "videos")
    template = tiny_template(root / "templates" / "tiny", epochs=1)
    data, work_dir = root / "data", root / "work"
    train = files("train", data, videos)
    val = files("val", data, videos)

    run("tools/data/import_clips.py", videos, "--output", data, "--fractions", "0.6,0.4,0")
    run("tools/data/check.py", "--ann-files", data / "train.txt", "--data-roots", videos)
    run("tools/instantiate_template.py", template, work_dir)

    run(work_dir / "train.py", *train, *val, "--num-workers", 0)
    weights = ("--load-weights", work_dir / "outputs/latest.pth", "--num-workers", 0)
    metrics = ("--save-metrics-to", root / "metrics.yaml")
    run(work_dir / "eval.py", *weights, *metrics, *files("test", data, videos, "val"))
    run(work_dir / "calibrate.py", *weights, *val)
    run(work_dir / "export.py", *weights[:2], "--save-model-to", root / "export")
    run(work_dir / "compress.py", *weights, *train, *val, "--num-folds", 2, "--max-drop", 100)
    model = ("--model", work_dir / "export/model.xml", "--no-show")
    run(work_dir / "demo.py", *model, "--input", videos / "left/0.mp4")

    run("tools/search.py", space_file(root, template, train, val), "--output", root / "search")
    photos(root)


def photos(root: Path) -> None:
    """Classify a photo by the command and on the page."""
    folder = write_photo_model(root / "photo_model")
    (photo,) = write_photos(root, [np.full((60, 80, 3), 90, np.uint8)])
    instead_of_a_work_dir = REPOSITORY / "tools/workdir/predict.py"
    for form in ("model.xml", "model.onnx"):
        run(instead_of_a_work_dir, photo, "--model", folder / form)

    sent = partial(classify_on_page, photo.read_bytes())
    flags = (folder, "--model", folder / "model.xml", "--port", PORT)
    run("tools/serve.py", *flags, meanwhile=sent)


def run(script: Path | str, *words: Any, meanwhile: Callable[[], None] | None = None) -> None:
    """Run a script as if it was typed. It must end with exit code 0."""
    note(f"# {Path(script).stem}")
    sys.argv = [str(REPOSITORY / script), *map(str, words)]
    if meanwhile is not None:
        threading.Thread(target=meanwhile).start()
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"{script} ended with {end.code}") from end


def note(line: str) -> None:
    with Path(os.environ["OUTSIDE_LOG"]).open("a") as log:
        log.write(f"{line}\n")


def classify_on_page(photo: bytes) -> None:
    """Send a photo to the page once it listens, then press Ctrl-C."""
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/api/predict", photo)
    for _ in range(600):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                note(f"# the page answered {answer.status}")
            break
        except urllib.error.URLError:
            time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)


def videos_by_class(folder: Path) -> Path:
    """Four people make each gesture."""
    for label, name in enumerate(("left", "right", "none")):
        for number in range(4):
            frames = moving_bar(label, number)
            write_video(folder / name / f"{number}.mp4", frames, frame_rate_fps=15)
    return folder


def files(split: str, data: Path, videos: Path, name: str = "") -> tuple[Any, ...]:
    annotation = data / f"{name or split}.txt"
    return (f"--{split}-ann-files", annotation, f"--{split}-data-roots", videos)


def space_file(root: Path, template: Path, *flags: tuple[Any, ...]) -> Path:
    """One trial."""
    words = [str(word) for pair in flags for word in pair]
    given = {name[2:]: value for name, value in zip(words[::2], words[1::2], strict=True)}
    rate = "hyper_parameters.basic.base_learning_rate"
    space = {
        "template": str(template.parent.relative_to(root)),
        "trials": 1,
        "startup_trials": 1,
        "train": {**given, "epochs": 1, "gpu-num": 0},
        "space": {rate: {"low": 0.001, "high": 0.1}},
    }
    (root / "space.yaml").write_text(yaml.safe_dump(space))
    return root / "space.yaml"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
