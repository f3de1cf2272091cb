"""Every JSON and YAML file is read in one bounded way: what cannot be read is one message."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from action_recognition.data.frame_folder import read_image
from action_recognition.data.labels import read_classes
from action_recognition.data.photo import read_photo
from action_recognition.data.tables import read_text
from action_recognition.errors import UserError
from action_recognition.json_files import parse_json, read_json
from action_recognition.live.decision_file import read_rules
from action_recognition.template import load_template
from action_recognition.yaml_lines import load_yaml

# Text, and a part of the message about it.
_BAD_JSON = {
    "deep": (b"[" * 200_000, "nested too deeply"),
    "deep objects": (b'{"a":' * 200_000, "nested too deeply"),
    "digits": (b"[" + b"9" * 100_000 + b"]", "is not valid JSON .Exceeds the limit"),
    "cut": (b'["a",', "x.json:1: is not valid JSON"),
    "no text": (b"\xff\xfe[", "not UTF-8"),
    "empty": (b"", "is not valid JSON"),
}


@pytest.mark.parametrize("kind", _BAD_JSON)
def test_what_is_no_json_is_one_message(kind: str, tmp_path: Path) -> None:
    content, message = _BAD_JSON[kind]
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_json(tmp_path / "x.json", "[...]")
    for reader in (read_rules, read_classes):
        with pytest.raises(UserError, match=r"x\.json"):
            reader(tmp_path / "x.json")


def test_text_of_files_within_others_is_bounded_too() -> None:
    for content, _ in _BAD_JSON.values():
        with pytest.raises(ValueError, match=r"."):
            parse_json(content)
    assert parse_json('{"a": [1, 2.5]}') == {"a": [1, 2.5]}


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b'\xef\xbb\xbf["a"]')
    assert read_json(tmp_path / "x.json") == ["a"]


_BAD_YAML = {
    "date": ("a: 2024-13-41\n", "has a value that cannot be read .month must be"),
    "tag": ("a: !!int word\n", "has a value that cannot be read .invalid literal"),
    "float": ("a: !!float word\n", "has a value that cannot be read"),
    "timestamp": ("a: !!timestamp word\n", "has a value that cannot be read"),
    "binary": ("a: !!binary 'é'\n", "x.yaml:1: is not YAML"),
    "digits": ("a: " + "9" * 100_000 + "\n", "has a value that cannot be read .Exceeds the limit"),
    "sixties": ("a: " + "1:" * 5000 + "1.0e+300\n", "."),
    "alias of itself": ("a: &a [*a]\n", "an alias stands for itself"),
    "laughs": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n"
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "stands for more than 100000 values, by aliases",
    ),
    "deep": ("a: " + "[" * 20_000 + "\n", "is nested too deeply|is not YAML"),
    "tuple key": ("? [a, b]\n: c\n", "."),
    "mapping key": ("? {a: b}\n: c\n", "."),
    "python": ("a: !!python/object/apply:os.system [ls]\n", "is not YAML"),
}


@pytest.mark.parametrize("kind", _BAD_YAML)
def test_yaml_that_cannot_be_built_is_one_message(kind: str, tmp_path: Path) -> None:
    text, message = _BAD_YAML[kind]
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    began = time.process_time()
    with pytest.raises(UserError, match=message):
        load_template(tmp_path / "x.yaml")
    # Not what the aliases stand for: only what the file holds costs time.
    assert time.process_time() - began < 15


def test_plain_values_and_aliases_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: &few [1, 2]\nb: *few\nc: {d: on, e: 1e3}\n")
    assert load_yaml(tmp_path / "x.yaml") == {
        "a": [1, 2],
        "b": [1, 2],
        "c": {"d": True, "e": "1e3"},
    }
    (tmp_path / "x.yaml").write_text("")
    assert load_yaml(tmp_path / "x.yaml") is None


def test_a_pipe_that_nobody_writes_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    for reader in (read_json, load_yaml, read_classes, read_photo, read_image, read_text):
        with pytest.raises(UserError, match="x: is a named pipe, not a file"):
            reader(tmp_path / "x")


def test_a_file_of_another_size_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.yaml").open("wb") as file:
        file.truncate(2_000_000)
    with pytest.raises(UserError, match="has 2 MB; allowed: up to 1 MB"):
        load_yaml(tmp_path / "x.yaml")


def test_a_key_twice_is_an_error_in_files_written_by_hand(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": {"b": 1, "b": 2}}')
    assert read_json(tmp_path / "x.json") == {"a": {"b": 2}}
    with pytest.raises(UserError, match=r"x\.json: is not valid JSON \(the key 'b' stands twice\)"):
        read_json(tmp_path / "x.json", is_by_hand=True)
