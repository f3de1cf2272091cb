"""docs/scale.md, its results and docs/search.md: commands run or parse, flags and links exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from action_recognition.commands import search, train
from action_recognition.commands.data.make_shards import main as make_shards
from action_recognition.data.shards.index import shard_files
from action_recognition.training.studies.search.space import load_space
from tests.conftest import REPOSITORY, template_dir
from tests.tiny import tiny_data

SCALE, SEARCH, RESULTS = (
    (REPOSITORY / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("scale", "search", "results/scale")
)


def test_the_commands_for_shards_run_or_parse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = re.findall(r"^```sh\n(.*?)^```$", SCALE, re.MULTILINE | re.DOTALL)[0].replace(
        "\\\n", " "
    )
    making, training = (shlex.split(line) for line in block.splitlines())
    tiny_data(tmp_path / "my_clips", clips_per_class=1)
    (tmp_path / "my_data").mkdir()
    (tmp_path / "my_model").mkdir()
    for name in ("train.txt", "val.txt", "classes.json"):
        (tmp_path / "my_clips" / name).rename(tmp_path / "my_data" / name)
    monkeypatch.chdir(tmp_path)
    assert making[:2] == ["python", "tools/data/make_shards.py"] and make_shards(making[2:]) == 0
    monkeypatch.chdir(tmp_path / "my_model")
    flags = train.build_parser(template_dir("jester")).parse_args(
        training[training.index("train.py") + 1 :]
    )
    assert flags.train_ann_files[0].is_file() and flags.val_ann_files[0].is_file()
    assert shard_files(str(flags.train_data_roots[0])) and shard_files(str(flags.val_data_roots[0]))


def test_the_example_of_a_search_is_sound(tmp_path: Path) -> None:
    example = re.findall(r"^```yaml\n(.*?)^```$", SEARCH, re.MULTILINE | re.DOTALL)[0]
    template = template_dir("msasl").parent / "s3d-rgb-efficientnet-lite0-stream"
    path = tmp_path / "SPACE.yaml"
    path.write_text(
        example.replace(
            "../model_templates/gesture_recognition/s3d-rgb-efficientnet-lite0-stream",
            str(template),
        )
    )
    space, _ = load_space(path)
    assert len(space.space) == 3 and space.trials == 30
    search._check_flags(path, space.train, template)


def test_flags_in_the_text_exist() -> None:
    sources = [
        *(REPOSITORY / "action_recognition" / "commands").rglob("*.py"),
        REPOSITORY / "benchmarks" / "harness.py",
    ]
    known = "".join(path.read_text(encoding="utf-8") for path in sources)
    for flag in set(re.findall(r"`[^`\n]*?(--[a-z][a-z0-9-]*)", SCALE + SEARCH + RESULTS)):
        assert (
            f'"{flag}"' in known
            or f"{flag[2:].removeprefix('train-').removeprefix('val-')}" in known
        ), flag


def test_links_lead_somewhere() -> None:
    for folder, text in (("docs", SCALE + SEARCH), ("docs/results", RESULTS)):
        for link in re.findall(r"\]\(([^)#]+)", text):
            assert link.startswith("https:") or (REPOSITORY / folder / link).exists(), link
