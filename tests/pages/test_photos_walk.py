"""From photos to a classifier, by docs/photos.md: its commands, typed where it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.pages.blocks import blocks_of
from tests.pages.reader import Reader

# A camera.
NOT_TYPED = ("python predict.py 0",)


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


class SmallReader(Reader):
    """Makes the template small that it took."""

    def after(self, command: str) -> None:
        if "instantiate_template" in command:
            make_small(Path("my_model"))


def test_every_command_runs_where_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_photos(tmp_path / "my_photos")
    work_dir = tmp_path / "my_model"
    reader = SmallReader(tmp_path, work_dir.name, monkeypatch)
    skipped = ("python tools/collect.py", "npm ci", "python tools/serve.py")
    typed = [block for block in blocks_of("docs/photos.md") if block.name not in skipped]
    names = ["python tools/data/import_clips.py", "python tools/data/build_dataset.py"]
    assert [block.name for block in typed] == [*names, "python predict.py"]
    for block in typed:
        if block.name == "python predict.py":
            photo = tmp_path / "my_photos" / "one" / "anna_kitchen_0000.png"
            Image.open(photo).save(work_dir / "photo.jpg")
        reader.types(block, leaving_out=NOT_TYPED)

    assert (work_dir / "export" / "model.onnx").is_file()
    assert (tmp_path / "my_small" / "test.txt").is_file()
    assert (work_dir / "found.csv").is_file() and (work_dir / "found.json").is_file()
    assert len(list((work_dir / "heat").rglob("*_heat.jpg"))) == 12
    assert "wrote 12 heat maps into heat" in capsys.readouterr().out
