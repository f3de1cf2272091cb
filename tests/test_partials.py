"""Hidden files in the making: held by their process, cleared after a kill, never another's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from action_recognition import partials
from action_recognition.files import write_atomically, write_text
from action_recognition.partials import clear_abandoned, held_file, held_folder
from tests.conftest import REPOSITORY

# A process that holds a file and a folder, says so, and waits to be killed.
_HOLDER = """
import sys, time
from pathlib import Path
from action_recognition.partials import held_file, held_folder
folder = Path(sys.argv[1])
with held_file(folder / "clip.mp4", suffix=".mp4") as file, held_folder(folder / "w") as made:
    file.write_bytes(b"half")
    (made / "a").touch()
    print("holds", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def nothing_was_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partials, "_cleared", set())


def _clear(folder: Path) -> None:
    partials._cleared.clear()
    clear_abandoned(folder)


def test_what_a_killed_process_left_is_cleared_by_the_next_and_not_before(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert holder.stdout is not None and holder.stdout.readline() == "holds\n"
    (tmp_path / ".mine").touch()
    (tmp_path / ".mine.d").mkdir()
    write_text(tmp_path / "a.txt", "whole")
    assert len([item for item in tmp_path.iterdir() if ".part" in item.name]) == 2

    holder.kill()
    holder.wait()
    assert len([item for item in tmp_path.iterdir() if ".part" in item.name]) == 2
    _clear(tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == [".mine", ".mine.d", "a.txt"]


def test_two_writers_of_one_place_do_not_meet(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    with held_file(place) as first, held_file(place) as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
        _clear(tmp_path)
        assert (first.read_text(), second.read_text()) == ("1", "2")
    assert not list(tmp_path.iterdir())


def test_the_name_of_a_file_that_was_renamed_is_free_for_others(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    with held_file(place) as first:
        first.rename(place)
        with held_file(place) as second:
            assert second == first
            second.write_text("of another")
            first_is_over = second
    assert not first_is_over.exists() and place.exists()


def test_links_and_folders_of_other_names_stay(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / ".a.part").symlink_to(tmp_path / "kept")
    for name in (".settings.part", ".w.notdigit", "clip.part"):
        (tmp_path / name).mkdir()
    _clear(tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


def test_a_long_name_has_a_hidden_one_too(tmp_path: Path) -> None:
    place = tmp_path / ("ä" * 125 + ".txt")
    write_text(place, "text")
    assert place.read_text() == "text"
    with held_folder(tmp_path / ("n" * 250)) as folder:
        assert folder.is_dir()


def test_a_device_is_written_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "full.csv"
    link.symlink_to("/dev/full")
    with (
        pytest.raises(OSError, match="No space left") as error,
        write_atomically(link) as partial,
        partial.open("w") as file,
    ):
        file.write("text")
    assert error.value.filename == str(link)
    assert link.is_symlink() and [item.name for item in tmp_path.iterdir()] == ["full.csv"]


def test_an_error_names_the_file_and_not_its_hidden_part(tmp_path: Path) -> None:
    (tmp_path / ".a.txt.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as error:
        write_text(tmp_path / "a.txt", "text")
    assert error.value.filename == str(tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())
