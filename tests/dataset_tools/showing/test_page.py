"""The page: everything in one file, text that stays text, and filters that show what they say."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from action_recognition.dataset_tools.checking.findings import Finding
from action_recognition.dataset_tools.showing.items import ClipItem, _chosen
from action_recognition.dataset_tools.showing.page import page, write_page
from action_recognition.dataset_tools.showing.strips import (
    HEIGHT,
    NUM_FRAMES,
    Stretch,
    make_strip,
    make_strips,
    strip_frames,
)
from action_recognition.errors import UserError
from tests.synthetic import numbered_frames, read_frame_number, write_video

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\"'\ud800"


class Elements(HTMLParser):
    """Tags with their attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.scripts.append(data)


def items() -> list[ClipItem]:
    found = Finding("train.txt", 2, "rate-differs", EVIL, "write it")
    note = Finding("val.txt", 1, "note-rotated", "turned")
    stretch = Stretch(Path("a.mp4"), 0, 9)
    return [
        ClipItem("train.txt", 1, "train", "wave", "a.mp4", 1.5, 30.0, stretch, person="anna"),
        ClipItem("train.txt", 2, "train", EVIL, EVIL, 2.0, 25.0, findings=[found]),
        ClipItem("val.txt", 1, "val", "wave", "b.mp4", None, None, findings=[note]),
    ]


def made_page() -> str:
    return page(
        EVIL,
        items(),
        [Finding("train.txt", None, "note-class-imbalance", EVIL)],
        {Stretch(Path("a.mp4"), 0, 9): b"jpeg"},
        EVIL,
    )


def test_text_stays_text_and_nothing_is_loaded() -> None:
    text = made_page()
    parsed = Elements(text)
    assert [tag for tag, _ in parsed.tags].count("script") == 2 and "img" not in [
        tag for tag, _ in parsed.tags
    ]
    assert not any(
        name in ("src", "href") or name.startswith("on")
        for _, attributes in parsed.tags
        for name in attributes
    )
    assert re.search(r"https?://", text.replace("http://www.w3.org/2000/svg", "")) is None
    data = json.loads(next(script for script in parsed.scripts if script.startswith("{")))
    assert (
        data["clips"][1]["label"] == EVIL
        and data["clips"][1]["findings"][0]["message"] == EVIL
        and data["files"][0]["message"] == EVIL
    )
    assert (
        data["clips"][0]["image"] == "data:image/jpeg;base64," + base64.b64encode(b"jpeg").decode()
        and data["clips"][1]["image"] == ""
    )
    assert "innerHTML" not in text and "eval(" not in text


def test_the_policy_allows_the_pages_own_script_and_style_alone() -> None:
    text = made_page()
    parsed = Elements(text)
    policy = (
        next(
            attributes["content"]
            for tag, attributes in parsed.tags
            if attributes.get("http-equiv") == "Content-Security-Policy"
        )
        or ""
    )
    assert policy.startswith("default-src 'none'; img-src data:; ") and "unsafe" not in policy
    script = next(script for script in parsed.scripts if script.startswith('"use strict"'))
    for directive, content in (("style-src", parsed.scripts[0]), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy


def test_filters_and_histograms(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no JavaScript here")
    write_page(tmp_path / "page.html", made_page())
    command = [node, str(Path(__file__).with_name("run_page.js")), str(tmp_path / "page.html")]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert shown["all"] == ["3 of 3 clips", 3] and shown["bars"] == [
        27,
        27,
    ]  # 24 bars, a title and two ends
    assert shown["options"]["person"] == ["all", "anna (1)", "unknown (2)"]
    assert shown["chosen"]["person=anna"] == "1 of 3 clips"
    assert shown["table"][0] == ["class", "train", "val", "all", "people"]
    assert ["wave", "1", "1", "2", "1"] in shown["table"]
    assert shown["table"][-1] == ["all", "2", "1", "3", "1"]
    assert shown["options"]["split"] == ["all", "train (2)", "val (1)"]
    assert shown["options"]["finding"] == [
        "all",
        "any finding (2)",
        "no findings (1)",
        "note-rotated (1)",
        "rate-differs (1)",
    ]
    assert (
        shown["chosen"]["split=train"] == "2 of 3 clips"
        and shown["chosen"]["class=wave"] == "2 of 3 clips"
    )
    assert (
        shown["chosen"]["finding=no findings"] == "1 of 3 clips"
        and shown["chosen"]["finding=any finding"] == "2 of 3 clips"
    )


def test_a_page_is_replaced_and_a_file_of_somebody_else_is_not(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", made_page())
    write_page(tmp_path / "page.html", made_page())
    (tmp_path / "notes.html").write_text("mine")
    with pytest.raises(UserError, match="no page of this command"):
        write_page(tmp_path / "notes.html", made_page())
    assert (tmp_path / "notes.html").read_text() == "mine"


def test_a_strip_shows_the_stretch(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(40, 96, 128), options={"crf": "10"})
    strip = strip_frames(make_strip(Stretch(path, 3, 31)))
    assert strip.shape == (NUM_FRAMES, HEIGHT, 128, 3)
    assert [read_frame_number(frame) for frame in strip] == [3, 7, 11, 15, 18, 22, 26, 30]
    assert [read_frame_number(frame) for frame in strip_frames(make_strip(Stretch(path, 3)))] == [
        *(3, 8, 13, 18, 24, 29, 34, 39),
    ]
    (tmp_path / "b.mp4").write_bytes(b"nothing")
    done: list[tuple[int, int]] = []
    strips = make_strips(
        [Stretch(path), Stretch(tmp_path / "b.mp4"), Stretch(path)],
        1,
        lambda *numbers: done.append(numbers),
    )
    assert (
        len(strips) == 2 and strips[Stretch(tmp_path / "b.mp4")] == b"" and done == [(1, 2), (2, 2)]
    )


def test_long_pictures_are_cut_at_both_sides(tmp_path: Path) -> None:
    frames = np.zeros((4, 96, 400, 3), np.uint8)
    frames[:, :, 190:210] = 255
    strip = strip_frames(make_strip(Stretch(write_video(tmp_path / "a.mp4", frames))))
    assert strip.shape[2] == 192 and strip[:, 48, 96].min() > 200 and strip[:, 48, 0].max() < 40


def test_of_too_many_clips_those_with_findings_are_shown() -> None:
    finding = Finding("a.txt", 1, "rate-differs", "")
    many = [
        ClipItem("a.txt", i, "train", "", "", findings=[finding] if i % 50 == 0 else [])
        for i in range(100)
    ]
    shown = [item.line for item in _chosen(many, 12)]
    assert len(shown) == 12 and {0, 50} <= set(shown) and shown == sorted(shown) and max(shown) > 80
