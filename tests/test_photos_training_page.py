"""docs/photos.md, training: its commands run as they stand, over photos of one colour each."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from action_recognition.commands import instantiate
from action_recognition.dataset_tools.importing.recognise import READERS
from action_recognition.template import load_template
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "photos.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Train on photos") : PAGE.index("## Classify photos")]
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"^```sh\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
TEMPLATES = REPOSITORY / "model_templates" / "image_gesture"


def draw_photos(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for person in ("anna", "ben", "carl", "dora", "eva", "finn"):
        for number, name in enumerate(("one", "two", "three")):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for shot in range(2):
                picture = rng.integers(0, 80, (40, 50, 3), dtype=np.uint8)
                picture[..., number] += 150
                Image.fromarray(picture).save(folder / name / f"{person}_kitchen_{shot:04d}.png")


def make_small(work_dir: Path) -> None:
    """One short epoch of small pictures."""
    template = yaml.safe_load((work_dir / "template.yaml").read_text())
    template["input"]["crop_size"] = 32
    template["training"]["num_workers"] = 0
    template["hyper_parameters"]["basic"] |= {"epochs": 1, "batch_size": 8}
    (work_dir / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))


def test_the_commands_run_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_photos(tmp_path / "my_photos")
    monkeypatch.chdir(tmp_path)
    assert [Path(words[1]).stem for words in COMMANDS if words[0] == "python"] == [
        "import_clips", "instantiate_template", "train", "eval", "export", "build_dataset"
    ]  # fmt: skip
    for words in COMMANDS:
        if words[0] == "cd":
            monkeypatch.chdir(words[1])
            make_small(Path())
        elif words[1].startswith("tools/data/"):
            monkeypatch.chdir(tmp_path)
            assert (
                importlib.import_module(
                    f"action_recognition.commands.data.{Path(words[1]).stem}"
                ).main(words[2:])
                == 0
            ), words
        elif words[1] == "tools/instantiate_template.py":
            assert instantiate.main([str(REPOSITORY / words[2]), *words[3:]]) == 0
        else:
            command = importlib.import_module(f"action_recognition.commands.{Path(words[1]).stem}")
            assert command.main(Path.cwd(), words[2:]) == 0, words
    assert (tmp_path / "my_model" / "export" / "model.onnx").is_file() and (
        tmp_path / "my_small" / "test.txt"
    ).is_file()


def test_every_template_and_format_of_photos_is_on_the_page() -> None:
    for folder in TEMPLATES.iterdir():
        template = load_template(folder / "template.yaml")
        assert f"`{folder.name}`" in SECTION and f"{template.metrics[0].value:g} %" in SECTION
    for name in READERS:
        assert f"`{name}`" in SECTION or not (name.startswith("photo_") or name == "hagrid")


def test_flags_in_the_text_exist() -> None:
    known = "".join(
        path.read_text() for path in (REPOSITORY / "action_recognition" / "commands").rglob("*.py")
    )
    prose = re.sub(r"^```sh\n.*?^```$", "", SECTION, flags=re.MULTILINE | re.DOTALL)
    for flag in set(re.findall(r"(?<![-\w])(--[a-z][a-z-]+)", prose)):
        assert f'"{flag}"' in known, flag
