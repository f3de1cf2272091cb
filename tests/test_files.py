"""Atomic writes: whole or absent."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import av
import pytest

from action_recognition.errors import UserError
from action_recognition.files import (
    check_picture_name,
    check_result_places,
    naming_file,
    sha256_of,
    write_atomically,
    write_csv,
    write_json,
    write_text,
)


def test_a_file_appears_whole_in_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"name": "Größe"}, ensure_ascii=False)
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Größe"}
    assert path.read_text(encoding="utf-8").endswith("}\n")
    assert [item.name for item in path.parent.iterdir()] == ["a.json"]


def test_an_error_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ValueError, match="half"):
        _write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _write_half(path: Path) -> None:
    with write_atomically(path) as partial:
        partial.write_text("ne")
        raise ValueError("half")


def test_the_file_is_not_there_before_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with write_atomically(path, per_process=True, keep_suffix=True) as partial:
        partial.write_bytes(b"ab")
        assert not path.exists()
        assert partial.parent == tmp_path
        assert partial.name.startswith(".")
        assert partial.suffix == ".mp4"
    assert path.read_bytes() == b"ab"


def test_rows_of_a_csv_keep_commas_and_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_csv(path, [["label", "count"], ["a, b", 1]])
    assert path.read_bytes() == b'label,count\r\n"a, b",1\r\n'


def test_the_sum_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(path) == known


def test_a_table_replaces_nothing_that_is_read_and_no_other_kind_of_file(tmp_path: Path) -> None:
    for name in ("read.txt", "film.mp4", "old.json"):
        (tmp_path / name).write_text("kept")
    (tmp_path / "link.txt").symlink_to(tmp_path / "read.txt")

    def check(*names: str) -> None:
        places = {f"--{number}": tmp_path / name for number, name in enumerate(names)}
        check_result_places({**places, "--none": None}, [tmp_path / "read.txt"])

    check("old.json", "new.csv", "other")
    check_result_places({"--csv": Path("/dev/null"), "--json": Path("/dev/null")}, [])
    # A picture may replace an older one, and nothing that is read.
    check_result_places({}, [], {"--plot": tmp_path / "film.mp4"})
    with pytest.raises(UserError, match=r"--plot: .* is read by this command"):
        check_result_places({}, [tmp_path / "read.txt"], {"--plot": tmp_path / "read.txt"})
    with pytest.raises(UserError, match=r"--plot: .* is the place of --json too"):
        check_result_places({"--json": tmp_path / "a"}, [], {"--plot": tmp_path / "a"})
    check_picture_name("--plot", tmp_path / "a.PNG")
    with pytest.raises(UserError, match=r"--plot: found 'a\.txt'; allowed: a name that ends in"):
        check_picture_name("--plot", tmp_path / "a.txt")
    for names, message in {
        ("read.txt",): "--0: .* is read by this command",
        ("link.txt",): "--0: .* is read by this command",
        ("film.mp4",): "--0: .* exists and is no table",
        (".",): "--0: .* is a folder",
        ("a", "a"): "--1: .* is the place of --0 too",
    }.items():
        with pytest.raises(UserError, match=message):
            check(*names)


def test_a_full_disk_names_the_file_also_where_ffmpeg_says_so(tmp_path: Path) -> None:
    """Its errors name the hidden file, and their name cannot be changed."""
    hidden = f"file:{tmp_path}/.a.mp4.part.mp4"
    error = av.error.OSError(errno.ENOSPC, "No space left on device", hidden)
    with pytest.raises(OSError, match="No space left") as caught, naming_file(tmp_path / "a.mp4"):
        raise error
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "a.mp4"))
