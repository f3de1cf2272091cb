"""Make the folders of `hand_images.yaml` from three published sets of photos.

    python experiments/hand_image_sets.py HAND_IMAGES OUT

Each set has a `splits.csv` (path, label, split). `HAND_IMAGES` holds sign_digits,
finger_counting_epsrc and hagrid_380. Each folder of `OUT` gets copies of the photos, train.txt,
val.txt, test.txt and classes.json. The finger counting set has no val. Of the frames of each class
in session 1, in the order of filming, the middle fifth is taken. It is one block, since frames
beside each other are nearly the same.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from action_recognition.data.dataset_files import write_lists

FINGERS = ["one", "two", "three", "four", "five"]
DIGITS = [str(number) for number in range(10)]
AS_FINGERS = dict(zip(DIGITS[1:6], FINGERS, strict=True))
_BLOCK = (0.4, 0.6)
Rows = list[dict[str, str]]


def read_rows(source: Path) -> Rows:
    with (source / "splits.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def with_val_block(rows: Rows) -> Rows:
    """The rows with the middle fifth of each class's training frames as val.

    >>> row = {"label": "one", "split": "train"}
    >>> rows = [{"path": f"one/Set1_one_{i}.jpg"} | row for i in (10, 2, 3, 1, 4)]
    >>> [row["path"] for row in with_val_block(rows) if row["split"] == "val"]
    ['one/Set1_one_3.jpg']
    """
    changed = [row for row in rows if row["split"] != "train"]
    for label in dict.fromkeys(row["label"] for row in rows):
        frames = [row for row in rows if row["label"] == label and row["split"] == "train"]
        frames.sort(key=lambda row: int(re.findall(r"\d+", row["path"])[-1]))
        low, high = (share * len(frames) for share in _BLOCK)
        changed += [
            row | {"split": "val" if low <= place < high else "train"}
            for place, row in enumerate(frames)
        ]
    return changed


def write_set(source: Path, rows: Rows, classes: Sequence[str], output: Path) -> None:
    """Copies of the photos of these classes, and their lists."""
    lines: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for row in rows:
        if row["label"] not in classes:
            continue
        target = output / row["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copyfile(source / row["path"], target)
        lines[row["split"]].append(f"{row['path']} {classes.index(row['label'])}")
    write_lists(output, lines, classes)
    print(f"{output}: " + ", ".join(f"{len(found)} {name}" for name, found in lines.items()))


def write_together(sets: Sequence[Path], output: Path) -> None:
    """Join folders, with separate classes: the sets show a number by different fingers."""
    lines: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    classes: list[str] = []
    for folder in sets:
        for split, found in lines.items():
            for line in (folder / f"{split}.txt").read_text(encoding="utf-8").splitlines():
                path, label = line.rsplit(" ", 1)
                (output / folder.name / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / path, output / folder.name / path)
                found.append(f"{folder.name}/{path} {len(classes) + int(label)}")
        classes += [
            f"{folder.name}_{label}"
            for label in json.loads((folder / "classes.json").read_text(encoding="utf-8"))
        ]
    write_lists(output, lines, classes)
    print(f"{output}: " + ", ".join(f"{len(found)} {name}" for name, found in lines.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("hand_images", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    digits, fingers, hagrid = (
        options.hand_images / name
        for name in ("sign_digits", "finger_counting_epsrc", "hagrid_380")
    )
    write_set(digits, read_rows(digits), DIGITS[:6], options.out / "sign_digits_6")
    write_set(digits, read_rows(digits), DIGITS, options.out / "sign_digits")
    renamed = [
        row | {"label": AS_FINGERS[row["label"]]}
        for row in read_rows(digits)
        if row["label"] in AS_FINGERS
    ]
    write_set(
        digits, renamed, FINGERS, options.out / "sign_digits_as_fingers"
    )  # 1 to 5 by the other set's names
    write_set(fingers, with_val_block(read_rows(fingers)), FINGERS, options.out / "finger_counting")
    rows = read_rows(hagrid)
    write_set(hagrid, rows, sorted({row["label"] for row in rows}), options.out / "hagrid_380")
    write_together(
        [options.out / name for name in ("sign_digits", "finger_counting", "hagrid_380")],
        options.out / "hands_together",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
