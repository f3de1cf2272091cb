"""A check over photos: the same picture in two classes and two splits, a file that is none, an
empty class.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from action_recognition.dataset_tools.checking.check_dataset import CheckOptions, check


def test_what_is_wrong_with_photos_is_named_at_its_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "d"):
        Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    (tmp_path / "copy.png").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "again.png").write_bytes((tmp_path / "b.png").read_bytes())
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "train.txt").write_text(
        "a.png fist\nb.png palm\ncopy.png palm\ntext.jpg fist\nc.png fist\n"
    )
    (tmp_path / "val.txt").write_text("again.png palm\nd.png fist\n")
    (tmp_path / "classes.json").write_text(json.dumps(["fist", "palm", "empty"]))
    checked = check(
        CheckOptions(
            ann_files=[tmp_path / "train.txt", tmp_path / "val.txt"], data_roots=[tmp_path]
        )
    )
    found = {(Path(item.file).name, item.line, item.kind) for item in checked.findings}
    assert {
        ("train.txt", 3, "content-two-labels"),
        ("train.txt", 4, "unreadable"),
        ("val.txt", 1, "content-in-two-splits"),
    } <= found
    assert "class-without-training-clips" in {kind for *_, kind in found}
