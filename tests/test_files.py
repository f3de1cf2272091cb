"""Atomic writes: whole or absent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from action_recognition.files import sha256_of, write_atomically, write_csv, write_json, write_text


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
