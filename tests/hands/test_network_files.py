"""The files of the hand networks: missing ones, other ones, and a pip that cannot fetch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from action_recognition.commands.hands.fetch import main
from action_recognition.errors import UserError
from action_recognition.hands.network_files import checked_hand_models
from action_recognition.hands.network_names import HAND, PALM


def test_a_missing_network_is_named_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"{PALM}: there is no such.*tools/fetch_hands\.py"):
        checked_hand_models(tmp_path)


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    for name in (PALM, HAND):
        (tmp_path / name).write_bytes(b"another network")
    with pytest.raises(UserError, match=rf"{PALM}: is another file: size 15 bytes.*delete it"):
        checked_hand_models(tmp_path)


def test_without_a_network_pip_says_so_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    folder = tmp_path / "networks"
    with pytest.raises(UserError, match=r"mediapipe==0\.10\.21: pip cannot fetch it: .*"):
        main(["--hand-models", str(folder)])
    assert not folder.exists()


def test_a_place_for_no_folder_is_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("pip was started"))
    with pytest.raises(UserError, match=r"file is a file; allowed: a folder"):
        main(["--hand-models", str(tmp_path / "file" / "networks")])
    assert (tmp_path / "file").read_text() == "no folder"
