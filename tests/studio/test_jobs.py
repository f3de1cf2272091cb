"""Long work of the studio: the commands are those of a user, and what they say is shown."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.building.command import main as build_model
from action_recognition.studio.jobs import Jobs
from action_recognition.studio.project import NO_GESTURE, Project
from tests.conftest import REPOSITORY


def project_of(folder: Path) -> Project:
    """Two gestures of two people, a photo among their films, and nothing in `no gesture`."""
    project = Project(folder)
    for label in ("wave", "stop"):
        project.add_gesture(label)
        for person in ("anna", "ben", "anna", "ben"):
            path = project.new_clip(label, person, "1", ".mp4")
            path.write_bytes(b"x")
            project.added(path, person, "1")
    path = project.new_clip("wave", "anna", "1", ".jpg")
    path.write_bytes(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
    project.added(path, "anna", "1")
    return project


def ended(jobs: Jobs) -> str:
    for _ in range(600):
        if jobs.current is not None and jobs.current.state != "running":
            break
        time.sleep(0.05)
    assert jobs.current is not None
    return jobs.current.state


def test_a_full_training_takes_any_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = project_of(tmp_path / "hands")
    jobs = Jobs(project, REPOSITORY / "tools", lambda: None)
    _, script, *arguments = jobs.build_command(tmp_path / "hands_trained")
    assert Path(script).is_file()
    assert build_model([*arguments, "--dry-run"]) == 0
    plan = capsys.readouterr().out
    assert "8 clips in 2 classes" in plan and "(anna, ben)" in plan
    assert "1 photos lie there, too" in plan and NO_GESTURE not in plan

    path = project.new_clip(NO_GESTURE, "anna", "1", ".mp4")
    path.write_bytes(b"x")
    assert build_model([*arguments, "--dry-run"]) == 0
    assert f"class {NO_GESTURE!r} is taken for no gesture" in capsys.readouterr().out


def test_the_page_sees_what_a_command_says_and_how_it_ended(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    jobs = Jobs(Project(tmp_path / "hands"), tools, lambda: None)
    for code, state in ((0, "done"), (2, "failed")):
        text = f"import sys\nprint(sys.argv[1:])\nsys.exit({code})\n"
        (tools / "build_model.py").write_text(text)
        jobs.train()
        assert ended(jobs) == state
        assert jobs.current is not None and "hands_trained" in jobs.current.lines[1]

    (tools / "build_model.py").write_text("import time\ntime.sleep(60)\n")
    jobs.train()
    jobs.stop()
    assert ended(jobs) == "stopped"
