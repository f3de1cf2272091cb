"""A project of the studio on disk: gestures, clips, names, undo."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from action_recognition.dataset_tools.importing.formats.class_folders import read_class_folders
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import UserError
from action_recognition.studio.project import MAX_GESTURES, NO_GESTURE, Project


def add(project: Project, label: str, person: str = "anna", data: bytes = b"x") -> str:
    path = project.new_clip(label, person, "1", ".mp4")
    path.write_bytes(data)
    return project.added(path, person, "1").file


def table(project: Project) -> list[list[str]]:
    with (project.root / "metadata.csv").open(newline="", encoding="utf-8") as file:
        return [row[:4] for row in csv.reader(file)]


def test_it_is_what_the_importer_reads(tmp_path: Path) -> None:
    project = Project(tmp_path / "hands")
    assert project.gestures == [NO_GESTURE]
    project.add_gesture("wave")
    project.add_gesture("Größe 你好")
    files = [add(project, "wave"), add(project, "wave"), add(project, "Größe 你好", "李-雷")]
    assert files == ["wave/anna_1_0001.mp4", "wave/anna_1_0002.mp4", "Größe 你好/李-雷_1_0001.mp4"]
    header, *rows = table(project)
    assert header == ["file", "label", "person", "session"]
    assert sorted(rows) == sorted(
        [
            ["wave/anna_1_0001.mp4", "wave", "anna", "1"],
            ["wave/anna_1_0002.mp4", "wave", "anna", "1"],
            ["Größe 你好/李-雷_1_0001.mp4", "Größe 你好", "李-雷", "1"],
        ]
    )
    found = read_class_folders(project.root, SourceOptions())
    assert sorted(clip.path for clip in found.clips) == sorted(files)

    # Opened again, and with a file that somebody copied there, it is the same.
    (project.root / "wave/copied.MOV").write_bytes(b"x")
    again = Project(project.root)
    assert [clip.person for clip in again.clips("wave")] == ["anna", "anna", ""]


def test_every_change_can_be_taken_back(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for name in ("wave", "stop"):
        project.add_gesture(name)
    first, second = add(project, "wave"), add(project, "wave")
    before = table(project)

    project.remove_clip(first)
    assert [clip.file for clip in project.clips()] == [second]
    assert project.undo() == "deleting a clip" and sorted(table(project)) == sorted(before)

    moved = project.move_clip(first, "stop")
    assert moved == "stop/anna_1_0001.mp4" and (tmp_path / moved).is_file()
    assert project.undo() == "moving a clip" and (tmp_path / first).is_file()

    project.rename_gesture("wave", "Wave")
    assert [clip.label for clip in project.clips()] == ["Wave", "Wave"]
    assert [row[2] for row in table(project)[1:]] == ["anna", "anna"]
    assert project.undo() == "renaming wave"

    project.remove_gesture("wave")
    assert project.gestures == ["stop", NO_GESTURE] and not project.clips()
    assert project.undo() == "deleting wave" and sorted(table(project)) == sorted(before)
    assert project.undo() == "adding a clip" and len(project.clips()) == 1
    for _ in range(3):
        project.undo()
    assert project.undo() == "" and project.gestures == [NO_GESTURE]


def test_two_clips_of_one_name_can_both_be_taken_back(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for name in ("wave", "stop"):
        project.add_gesture(name)
        add(project, name)
    assert project.undo() == "adding a clip" and len(project.clips()) == 1
    assert project.undo() == "adding stop"
    assert project.undo() == "adding a clip" and not project.clips()
    assert len(list((tmp_path / ".studio/trash").rglob("anna_1_0001.mp4"))) == 2


def test_what_cannot_be_taken_back_is_said(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_gesture("wave")
    first, second = add(project, "wave"), add(project, "wave")
    project.remove_clip(first)
    (tmp_path / first).write_bytes(b"another")
    with pytest.raises(UserError, match=r"deleting a clip cannot be taken back: .* is there"):
        project.undo()
    assert (tmp_path / first).read_bytes() == b"another"

    (tmp_path / second).unlink()
    with pytest.raises(UserError, match=r"adding a clip cannot be taken back: .* is gone"):
        project.undo()
    assert project.undo() == "adding a clip" and not project.clips()


def test_no_two_clips_get_one_path(tmp_path: Path) -> None:
    project = Project(tmp_path)
    first, second = (project.new_clip(NO_GESTURE, "anna", "1", ".mp4") for _ in range(2))
    assert first != second
    second.write_bytes(b"x")
    project.added(second, "anna", "1")
    assert project.new_clip(NO_GESTURE, "anna", "1", ".jpg") not in (first, second)


def test_one_studio_at_a_time(tmp_path: Path) -> None:
    project, other = Project(tmp_path), Project(tmp_path)
    project.hold()
    with pytest.raises(UserError, match=rf"open in another studio \(process {os.getpid()}\)"):
        other.hold()
    project.release()
    other.hold()
    other.release()


@pytest.mark.parametrize(
    "name", ["", " ", "..", "a/b", "a\\b", ".hidden", "con", "a\x00b", "x" * 101, "wave", "WAVE"]
)
def test_names_that_no_folder_can_have(tmp_path: Path, name: str) -> None:
    project = Project(tmp_path)
    project.add_gesture("wave")
    with pytest.raises(UserError):
        project.add_gesture(name)
    assert project.gestures == ["wave", NO_GESTURE]


def test_nothing_leads_out_of_the_project(tmp_path: Path) -> None:
    project = Project(tmp_path / "hands")
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (project.root / "link").symlink_to(tmp_path)
    for file in ("../secret.mp4", "link/secret.mp4", "/etc/passwd", "no gesture/../../secret.mp4"):
        for refuse in (project.path_of, project.remove_clip):
            with pytest.raises(UserError, match="there is no"):
                refuse(file)
    for person in ("../x", "a_b", "", "a/b"):
        with pytest.raises(UserError, match="person and session"):
            project.new_clip(NO_GESTURE, person, "1", ".mp4")
    with pytest.raises(UserError, match="'no gesture' stays"):
        project.remove_gesture(NO_GESTURE)


def test_there_is_an_end_of_gestures(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for number in range(MAX_GESTURES - 1):
        (tmp_path / f"g{number}").mkdir()
    with pytest.raises(UserError, match=f"there are {MAX_GESTURES} already"):
        project.add_gesture("one more")


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        Project(tmp_path / "file")
    (tmp_path / "metadata.csv").write_text("a,b\n")
    with pytest.raises(UserError, match=r"has the columns a,b; allowed: file,label"):
        Project(tmp_path)
