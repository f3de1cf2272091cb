"""Fetching videos: only the annotation's addresses, once each, slowly; a program of ours stands in
for yt-dlp and its network.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

from action_recognition.commands.data.prepare_msasl import main
from action_recognition.errors import UserError
from tests.dataset_tools.preparing.made import sign, write_annotation
from tests.dataset_tools.preparing.stand_in import put_yt_dlp


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return put_yt_dlp(tmp_path / "bin", monkeypatch)


def run(tmp_path: Path, videos: list[str], *more: str) -> int:
    entries = [sign(name, 30 * number, 30 * number + 30) for number, name in enumerate(videos)]
    files = write_annotation(tmp_path, train=[*entries, sign("other", 0, 30, label=1)])
    return main(["download", *files, "-o", str(tmp_path / "100 % videos"), "--pause", "0", *more])


def asked(log: Path) -> list[list[str]]:
    return [ast.literal_eval(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_each_video_once_and_only_what_is_missing(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, ["-aa_", "gone1", "-aa_"]) == 0
    folder = tmp_path / "100 % videos"
    assert sorted(file.name for file in folder.iterdir()) == [
        "-aa_.mp4",
        "download.json",
        "other.mp4",
    ]
    gone = json.loads((folder / "download.json").read_text())
    assert (
        list(gone) == ["gone1"] and "unavailable" in gone["gone1"] and "\x1b" not in gone["gone1"]
    )
    assert "2 of 3 videos" in capsys.readouterr().out
    words = asked(log)
    assert len(words) == 3 and words[0][-1] == "https://www.youtube.com/watch?v=-aa_"
    for found in words:
        assert (
            found[-2] == "--"
            and "--ignore-config" in found
            and found[found.index("--limit-rate") + 1] == "4M"
        )
        assert found[found.index("--sleep-interval") + 1] == "0"
    assert run(tmp_path, ["-aa_", "gone1"]) == 0
    assert len(asked(log)) == 3
    assert run(tmp_path, ["-aa_", "gone1"], "--again") == 0
    assert len(asked(log)) == 4


def test_addresses_that_are_none_are_not_asked_for(log: Path, tmp_path: Path) -> None:
    strange = [
        "file:///etc/passwd",
        "https://x/watch?v=../../escape",
        "ftp://host/video.mp4",
        "--exec",
        "https://a b/%(title)s",
    ]
    entries = [sign("aaa", 0, 30) | {"url": url} for url in strange]
    files = write_annotation(tmp_path, train=[*entries, sign("bbb", 0, 30)])
    assert main(["download", *files, "-o", str(tmp_path / "videos")]) == 0
    assert [words[-1] for words in asked(log)] == ["https://www.youtube.com/watch?v=bbb"]


def test_only_the_first_classes(log: Path, tmp_path: Path) -> None:
    assert run(tmp_path, ["aaa"], "-k", "1") == 0
    assert len(asked(log)) == 1


def test_a_server_that_has_had_enough_is_left_alone(log: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"5 videos in a row failed.*429"):
        run(tmp_path, [f"busy{number}" for number in range(9)])
    assert len(asked(log)) == 5 and not (tmp_path / "100 % videos" / "download.json").exists()
    assert run(tmp_path, ["busy1"]) == 1


def test_without_yt_dlp_a_message_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "yt_dlp", None)  # as where it is not installed
    monkeypatch.setattr("sys.path", [path for path in sys.path if "site-packages" not in path])
    with pytest.raises(UserError, match=r"pip install yt-dlp"):
        run(tmp_path, ["aaa"])


def test_a_broken_list_of_gone_videos_is_named(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "100 % videos"
    folder.mkdir()
    (folder / "download.json").write_text("[1]")
    with pytest.raises(UserError, match=r"download.json.*delete it"):
        run(tmp_path, ["aaa"])


@pytest.mark.parametrize("flags", [["--pause", "-1"], ["--limit-rate", "4 MB"], ["--pause", "nan"]])
def test_wrong_values_are_refused(tmp_path: Path, flags: list[str]) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, ["aaa"], *flags)
