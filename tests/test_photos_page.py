"""docs/photos.md: its commands, flags and pictures exist, and its keys do what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from action_recognition.commands import collect, predict, serve
from action_recognition.photos import collector, photo_camera
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "photos.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PARSERS = {
    "tools/collect.py": collect.build_parser,
    "predict.py": predict.build_parser,
    "tools/serve.py": serve.build_parser,
}


def test_every_command_of_ours_is_understood() -> None:
    words = [
        shlex.split(line) for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()
    ]
    calls = [line[1:] for line in words if line[0] == "python" and line[1] in PARSERS]
    assert {call[0] for call in calls} == set(PARSERS)
    for call in calls:
        PARSERS[call[0]]().parse_args(call[1:])


def test_npm_is_called_where_its_files_are() -> None:
    (folder,) = re.findall(r"npm ci --prefix (\S+)", PAGE)
    assert (REPOSITORY / folder / "package-lock.json").is_file()
    assert f"(cd {folder} && npm ci)" in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")


def test_pictures_and_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert "://" in link or (REPOSITORY / "docs" / link).exists(), link
    sources = (REPOSITORY / "docs" / "images" / "SOURCE.md").read_text(encoding="utf-8")
    for picture in re.findall(r"\(images/([^)]+)\)", PAGE):
        assert picture in sources


def test_the_keys_are_those_of_the_windows() -> None:
    for module in (collector, photo_camera):
        keys = re.findall(
            r'key (?:==|in) \(?"(.)"', Path(module.__file__ or "").read_text(encoding="utf-8")
        )
        assert keys
        for key in keys:
            assert f"`{key}`" in PAGE, key
