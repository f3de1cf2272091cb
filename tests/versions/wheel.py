"""A wheel and a source distribution, and the commands of the wheel in a clean environment."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from pathlib import Path

from tests.synthetic import write_video
from tests.tiny import moving_bar
from tests.versions.environments import Uv, find_python

IN_WHEEL = (
    "action_recognition/shipped/model_templates/hand_landmarks/hand-landmarks-clips/template.yaml",
    "action_recognition/shipped/tools/workdir/train.py",
    "action_recognition/shipped/tools/export/run.py",
    "action_recognition/shipped/tools/quickstart.py",
    "action_recognition/studio/web/index.html",
    "action_recognition/photos/page/web/page.js",
    "action_recognition/building/report.css",
)
IN_SDIST = ("README.md", "requirements-lock.txt", "init_venv.sh", "tests/conftest.py", *IN_WHEEL)


def check(uv: Uv, folder: Path, repository: Path) -> int:
    """Build both, look into them, install the wheel, and go from clips to events. Return 0."""
    uv.run("build", "--quiet", "--out-dir", folder / "dist", repository)
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    check_contents(wheel, sdist)

    # Without extras: the run-time alone.
    environment = folder / "clean"
    uv.run("venv", "--quiet", "--python", find_python("3.12") or "3.12", environment)
    uv.run("pip", "install", "--quiet", "--python", environment, wheel)
    gestures = environment / "bin" / "gestures"
    assert "build-model" in _said(gestures, folder, "--help")
    assert "usage: gestures demo" in _said(gestures, folder, "demo", "--help")

    # With those for training.
    uv.run("pip", "install", "--quiet", "--python", environment, f"{wheel}[train,live]")
    _walk(gestures, folder)
    print("the wheel's commands went from clips to events")
    return 0


def check_contents(wheel: Path, sdist: Path) -> None:
    """Assert that the files which are read at run-time are in both."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert set(IN_WHEEL) <= names, set(IN_WHEEL) - names
    with tarfile.open(sdist) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    wanted = {name.removeprefix("action_recognition/shipped/") for name in IN_SDIST}
    assert wanted <= inside, wanted - inside


def _walk(gestures: Path, folder: Path) -> None:
    """Build a model of six drawn clips, and run it over one of them."""
    for label, name in enumerate(("wave", "stop")):
        for number, person in enumerate(("anna", "ben", "carl")):
            clip = folder / "clips" / name / f"{person}_{number}.mp4"
            write_video(clip, moving_bar(label, number), frame_rate_fps=15)
    template = "s3d-rgb-efficientnet-lite0-stream"
    words = ("--output", "model", "--template", template, "--epochs", "1", "--folds", "2")
    _said(gestures, folder, "build-model", "clips", *words)

    model = folder / "model" / "export" / "model.xml"
    clip = folder / "clips" / "wave" / "anna_0.mp4"
    _said(gestures, folder, "demo", "--model", model, "--input", clip, "--no-show")
    _said(gestures, folder, "--work-dir", folder / "model" / "work_dir", "train", "--help")
    _said(gestures, folder, "--work-dir", folder / "model" / "export", "run", clip)


def _said(program: Path, folder: Path, *words: object) -> str:
    """Run a command in `folder`, which must end well. Return what it prints."""
    command = [str(program), *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
