"""`show.py` as it is called, and that `--as-trained` shows what a run learns from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from action_recognition.commands.data.show import main
from action_recognition.errors import UserError
from action_recognition.training.as_trained import trained_batches
from action_recognition.training.options import TrainOptions
from action_recognition.training.reporting.contact_sheet import contact_sheet
from action_recognition.training.reporting.sheets import AUGMENTED_TITLE
from action_recognition.training.run import train
from tests.dataset_tools.checking.made import DataSet, command_flags
from tests.tiny import modern_recipe, tiny_data, tiny_template


def test_a_page_and_contact_sheets_also_of_broken_data(data: DataSet, tmp_path: Path) -> None:
    data.replace("train", 2, b"")
    data.edit("val", 1, "dora_wave", "dora_wawe")
    html, sheets = tmp_path / "out" / "page.html", tmp_path / "sheets"
    assert main(command_flags(data, "--output", str(html), "--contact-sheets", str(sheets))) == 0
    found = re.search(r'id="data">(.*?)</script>', html.read_text(), re.DOTALL)
    assert found is not None
    clips = json.loads(found[1])["clips"]
    assert len(clips) == 15 and sum(bool(clip["image"]) for clip in clips) == 13
    broken = {
        (Path(clip["file"]).name, clip["line"]): [finding["kind"] for finding in clip["findings"]]
        for clip in clips
        if clip["findings"]
    }
    assert broken == {("train.txt", 2): ["zero-bytes"], ("val.txt", 1): ["path-missing"]}
    names = sorted(file.name for file in sheets.iterdir())
    assert [name[4:] for name in names][:3] == [
        "test_stop.png",
        "test_thumb_up.png",
        "test_wave.png",
    ] and len(names) == 8
    picture = cv2.imread(
        str(sheets / next(name for name in names if name.endswith("train_wave.png")))
    )
    assert picture is not None and len(np.unique(picture)) > 100


def test_wrong_calls(data: DataSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to write"):
        main(command_flags(data))
    with pytest.raises(UserError, match="--contact-sheets DIR beside it"):
        main(
            command_flags(
                data, "--output", str(tmp_path / "page.html"), "--as-trained", str(tmp_path)
            )
        )
    (tmp_path / "notes.html").write_text("mine")
    with pytest.raises(UserError, match="no page of this command"):
        main(command_flags(data, "--output", str(tmp_path / "notes.html")))


def work_dir(folder: Path, modern: bool) -> Path:
    file = tiny_template(folder, epochs=1)
    if modern:
        template = yaml.safe_load(file.read_text())
        template["training"] = modern_recipe(mix=None)
        file.write_text(yaml.safe_dump(template, sort_keys=False))
    return folder


@pytest.mark.parametrize("modern", [False, True], ids=["reference recipe", "batch augmentation"])
def test_as_trained_is_what_the_run_learns_from(modern: bool, tmp_path: Path) -> None:
    folder, root = work_dir(tmp_path / "work", modern), tiny_data(tmp_path / "data")
    options = TrainOptions(
        train_ann_files=[root / "train.txt"],
        train_data_roots=[root],
        val_ann_files=[root / "val.txt"],
        val_data_roots=[root],
        save_checkpoints_to=tmp_path / "run",
        seed=3,
    )
    train(folder, options)
    first = next(iter(trained_batches(folder, options, 1)))
    shown = contact_sheet(first.clips[:12], first.captions[:12], title=AUGMENTED_TITLE)
    learned_from = cv2.imread(str(tmp_path / "run" / "augmented_clips.png"))
    assert learned_from is not None
    np.testing.assert_array_equal(shown, learned_from[..., ::-1])


def test_as_trained_writes_a_sheet_for_every_step_with_mixed_labels(tmp_path: Path) -> None:
    folder, root = tiny_template(tmp_path / "work").parent, tiny_data(tmp_path / "data")
    template = yaml.safe_load((folder / "template.yaml").read_text())
    template["training"] = modern_recipe(mix={"type": "mixup", "alpha": 1.0, "probability": 1.0})
    (folder / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))
    files = ["--ann-files", str(root / "train.txt"), "--data-roots", str(root)]
    assert (
        main(
            [
                *files,
                "--as-trained",
                str(folder),
                "--contact-sheets",
                str(tmp_path / "out"),
                "--steps",
                "2",
            ]
        )
        == 0
    )
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "step_000.png",
        "step_001.png",
    ]
    files_and_roots = {
        f"{split}_{name}": [value]
        for split in ("train", "val")
        for name, value in (("ann_files", root / "train.txt"), ("data_roots", root))
    }
    options = TrainOptions(**files_and_roots, save_checkpoints_to=tmp_path)  # type: ignore[arg-type]
    (batch,) = trained_batches(folder, options, 1)
    assert any(
        re.fullmatch(r"[a-z ]+ \d+ % \+ [a-z ]+ \d+ %\n[\w -]+\.mp4", caption)
        for caption in batch.captions
    )
    assert len(batch.paths) == len(batch.captions) == len(batch.clips)
