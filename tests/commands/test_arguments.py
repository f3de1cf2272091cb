"""Values of flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.commands.arguments import start_weights
from action_recognition.download import CACHE_VARIABLE, cache_folder


@pytest.mark.parametrize("keyword", ["imagenet", "kinetics700"])
def test_a_plain_name_is_a_keyword_and_a_path_is_a_file(keyword: str) -> None:
    assert start_weights(keyword) == keyword
    assert start_weights(f"./{keyword}") == Path(keyword)
    assert isinstance(start_weights(f"./{keyword}"), Path)
    assert start_weights("snapshot.pth") == Path("snapshot.pth")


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "action_recognition"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "action_recognition"
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
