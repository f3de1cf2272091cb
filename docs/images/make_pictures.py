#!/usr/bin/env python3
"""Make the pictures of the guides by the commands that they show, from drawn clips.

Type in the clone:

    python docs/images/make_pictures.py FOLDER [STEP ...]

FOLDER receives the clips and runs, and is kept: a step may be made again alone. The pictures are
written beside this file. Chromium draws the pages. All steps take about 15 minutes on 2 cores.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks and tests

from action_recognition.dataset_tools.drawn_hands import (
    MOTIONS,
    TRAIN_STYLE,
    clip_seeds,
    draw_clip,
    write_video,
)
from benchmarks.build_model import write_clips

PICTURES = Path(__file__).resolve().parent
REPOSITORY = PICTURES.parents[1]
TEMPLATES = REPOSITORY / "model_templates"
QUICKSTART = TEMPLATES / "gesture_recognition" / "s3d-rgb-mobilenet-v3-stream-quickstart"
PEOPLE = ("anna", "ben", "carl", "dora", "emil")
CLIPS_OF_A_PERSON = 8  # of each motion
EPOCHS = 14
# Wider pictures are made smaller: a guide shows at most about this.
WIDTH = 1100
SHEET_HEIGHT = 652  # four clips of a contact sheet


def draw_clips(folder: Path) -> None:
    """Draw a folder of clips for each motion, and divide the people."""
    for number, seed in enumerate(clip_seeds(0, len(MOTIONS) * len(PEOPLE) * CLIPS_OF_A_PERSON)):
        motion = MOTIONS[number % len(MOTIONS)]
        person = PEOPLE[number // len(MOTIONS) % len(PEOPLE)]
        take = number // len(MOTIONS) // len(PEOPLE) + 1
        clip = draw_clip(motion, seed, TRAIN_STYLE)
        file = folder / "clips" / motion.replace("_", " ") / f"{person}_{take}.mp4"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_video(file, clip.frames_thwc, clip.frame_rate_fps)
    people = ("--person-regex", r"/([a-z]+)_", "--fractions", "80,20,0", "--force")
    tool("data/import_clips.py", folder / "clips", "--output", folder / "data", *people)


def statistics(folder: Path) -> None:
    """Draw what a data set holds: lengths, rates, classes."""
    picture = folder / "statistics.png"
    tool("data/stats.py", *lists(folder, "--ann-files", "--data-roots"), "--histogram", picture)
    keep(picture, "statistics.png")


def data_page(folder: Path) -> None:
    """Show the page of a data set."""
    # From the folder: the page shows the paths that it is given.
    lists_of_both = ("--ann-files", "data/train.txt,data/val.txt", "--data-roots", "clips")
    show = REPOSITORY / "tools" / "data" / "show.py"
    run(show, *lists_of_both, "--output", "page.html", folder=folder)
    photograph(folder / "page.html", "data_page.jpg", 1100, 760)


def training(folder: Path) -> None:
    """Train, and keep the pictures that a run leaves."""
    work_dir = make_work_dir(folder, "run", QUICKSTART)
    script(work_dir, "train.py", *train_flags(folder), "--epochs", EPOCHS)
    outputs = work_dir / "outputs"
    keep(outputs / "curves.png", "curves.png")
    keep(outputs / "confusion.png", "confusion.png")
    keep(outputs / "augmented_clips.png", "augmented_clips.jpg", SHEET_HEIGHT)
    keep(outputs / "worst_errors.png", "worst_errors.jpg", SHEET_HEIGHT)


def report(folder: Path) -> None:
    """Build a model of gestures that the networks of hands see, and show its page."""
    write_clips(folder / "my_clips")
    shutil.rmtree(folder / "my_model", ignore_errors=True)
    # Beside the clips: the page shows the commands that were typed.
    build = REPOSITORY / "tools" / "build_model.py"
    asked = ("--input-kind", "landmarks")
    run(build, "my_clips", "--output", "my_model", *asked, folder=folder)
    photograph(folder / "my_model" / "report.html", "report.jpg", 900, 1180)


STEPS: dict[str, Callable[[Path], None]] = {
    step.__name__: step for step in (draw_clips, statistics, data_page, training, report)
}


def lists(folder: Path, files: str, roots: str) -> tuple[object, ...]:
    """Return the flags for both annotation files."""
    data = folder / "data"
    return files, f"{data / 'train.txt'},{data / 'val.txt'}", roots, folder / "clips"


def train_flags(folder: Path) -> tuple[object, ...]:
    """Return the flags of train.py for the drawn clips."""
    return split_flags(folder / "data", folder / "clips")


def split_flags(data: Path, root: Path) -> tuple[object, ...]:
    """Return the flags of train.py for the files `train.txt` and `val.txt` of a folder."""
    train = ("--train-ann-files", data / "train.txt", "--train-data-roots", root)
    return *train, "--val-ann-files", data / "val.txt", "--val-data-roots", root


def make_work_dir(folder: Path, name: str, template: Path) -> Path:
    """Make a fresh work dir."""
    shutil.rmtree(folder / name, ignore_errors=True)
    tool("instantiate_template.py", template, folder / name, "--do-not-load-snapshot")
    return folder / name


def tool(name: str, *arguments: object) -> None:
    """Run a command of the clone."""
    run(REPOSITORY / "tools" / name, *arguments, folder=REPOSITORY)


def script(work_dir: Path, name: str, *arguments: object) -> None:
    """Run a script in its work dir."""
    run(work_dir / name, *arguments, folder=work_dir)


def run(file: Path, *arguments: object, folder: Path) -> None:
    """Run a Python script. Raises CalledProcessError: it failed."""
    words = [sys.executable, str(file), *map(str, arguments)]
    print("$", file.name, *words[2:], flush=True)
    subprocess.run(words, cwd=folder, check=True)  # noqa: S603 - our own scripts, no shell


def photograph(page: Path, name: str, width: int, height: int) -> None:
    """Draw a page with Chromium."""
    picture = page.with_suffix(".png")
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or "chromium-browser"
    size = f"--window-size={width},{height}"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size]
    shot = f"--screenshot={picture}"
    command = [chromium, *flags, shot, page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - no shell
    keep(picture, name)


def keep(picture: Path, name: str, height: int | None = None) -> None:
    """Copy the upper part of a picture beside this file, at the width that guides show."""
    pixels = cv2.imread(str(picture))[:height]
    if pixels.shape[1] > WIDTH:
        size = (WIDTH, round(pixels.shape[0] * WIDTH / pixels.shape[1]))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 85] if name.endswith(".jpg") else []
    cv2.imwrite(str(PICTURES / name), pixels, quality)
    print("made", name, flush=True)


def main() -> None:
    """Make the pictures of the steps that are named, or of all."""
    folder, *names = sys.argv[1:] or sys.exit(__doc__)
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        sys.exit(f"error: no step {unknown[0]!r}; allowed: {', '.join(STEPS)}")
    for name in names or STEPS:
        STEPS[name](Path(folder).resolve())


if __name__ == "__main__":
    main()
