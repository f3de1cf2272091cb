"""docs/data.md: its commands run as they stand on small clips.

The flags of those that train exist.
"""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from action_recognition.workdir import InstantiateOptions, instantiate, silent
from tests.conftest import REPOSITORY, template_dir
from tests.synthetic import numbered_frames, write_lines, write_video

PAGE = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
DATA_COMMANDS = [words for words in COMMANDS if words[1].startswith("tools/data/")]


def test_the_commands_for_data_run_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = iter(range(20, 40))  # no two clips alike
    for person in ("anna", "ben", "carl", "dora"):
        for label in ("wave", "stop", "no gesture"):
            write_video(
                tmp_path / "my_clips" / label / f"{person}_1.mp4",
                numbered_frames(40, first=100 * next(rates)),
            )
    write_video(tmp_path / "long" / "a.mp4", numbered_frames(200))
    write_video(tmp_path / "long" / "b.mp4", numbered_frames(200))
    for name, video in (("train", "a"), ("val", "b")):
        write_lines(tmp_path / "long" / f"{name}.txt", [f"{video}.mp4 0 100 120 0 200 30"])
    seen = [Path(words[1]).stem for words in DATA_COMMANDS]
    assert seen == [
        "import_clips",
        "check",
        "import_clips",
        "make_negatives",
        "split",
        "stats",
        "extract",
    ]
    monkeypatch.chdir(tmp_path)
    for words in DATA_COMMANDS:
        command = importlib.import_module(f"action_recognition.commands.data.{Path(words[1]).stem}")
        assert command.main(words[2:]) == 0 or words[1].endswith("check.py"), (
            words
        )  # drawn clips are odd clips
    for written in (
        "my_data/report.json",
        "long_with_negatives/dataset.json",
        "my_other_split/test.txt",
        "stats.png",
        "my_frames/val.txt",
    ):
        assert (tmp_path / written).is_file(), written


def test_the_other_commands_have_flags_that_exist(tmp_path: Path) -> None:
    work_dir = instantiate(
        template_dir("msasl").parent / "s3d-rgb-efficientnet-lite0-stream",
        tmp_path / "work",
        InstantiateOptions(load_snapshot=False, say=silent),
    ).path
    others = [words for words in COMMANDS if words not in DATA_COMMANDS and words[0] == "python"]
    assert [words[1] for words in others] == [
        "tools/instantiate_template.py",
        "train.py",
        "eval.py",
        "export.py",
    ]
    for words in others:
        folder = REPOSITORY if words[1].startswith("tools/") else work_dir
        text = subprocess.run(
            [sys.executable, words[1], "--help"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for flag in (word for word in words if word.startswith("--")):
            assert re.search(rf"{flag}\b", text), (words[1], flag)


@pytest.mark.parametrize(
    "script", sorted(path.name for path in (REPOSITORY / "tools" / "data").glob("*.py"))
)
def test_help_comes_at_once_without_heavy_packages(script: str) -> None:
    code = (
        "import runpy, sys; sys.argv = [sys.argv[1], '--help']\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n"
        "    heavy = ('torch', 'cv2', 'av', 'mmcv', 'matplotlib')\n"
        "    print([name for name in heavy if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(REPOSITORY / "tools" / "data" / script)]
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        == "[]"
    )


def test_flags_in_the_text_exist() -> None:
    commands = (REPOSITORY / "action_recognition" / "commands" / "data").glob("*.py")
    known = "".join(path.read_text(encoding="utf-8") for path in commands)
    for flag in set(re.findall(r"`(--[a-z][a-z0-9-]*)", PAGE)) - {"--epochs"}:
        assert f'"{flag}"' in known, flag


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "name",
    [
        *("data.md", "data_check.md", "data_examples.md", "data_msasl.md", "data_jester.md"),
        *("data_public_sets.md", "results/data.md"),
    ],
)
def test_links_lead_somewhere(name: str) -> None:
    page = REPOSITORY / "docs" / name
    links = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
