"""Parts of a run's clips as annotation files of their own, so that a run on a part is an ordinary run."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from action_recognition.data.annotation_lines import numbered_lines, split_line
from action_recognition.data.annotations import find_annotation_files
from action_recognition.data.dataset_files import DATASET_FILE
from action_recognition.data.listed_clips import ListedClip
from action_recognition.errors import UserError

FEW_CLIPS_PER_CLASS = 20


def write_annotations(
    clips: Iterable[ListedClip], folder: Path, name: str
) -> tuple[list[Path], list[Path]]:
    """The clips' lines as one file for each root, `folder/name.txt` the first; returns files and roots.

    The description of the data set that stands beside the first clip's file comes along.
    """
    by_root: dict[Path, list[str]] = {}
    described: Path | None = None
    for clip in clips:
        by_root.setdefault(clip.root, []).append(clip.text)
        described = described or clip.file.parent / DATASET_FILE
    folder.mkdir(parents=True, exist_ok=True)
    if described is not None and described.is_file():
        shutil.copyfile(described, folder / DATASET_FILE)
    files = [
        folder / (f"{name}_{number}.txt" if number else f"{name}.txt")
        for number in range(len(by_root))
    ]
    for file, lines in zip(files, by_root.values(), strict=True):
        partial = file.with_name(f".{file.name}.part")
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        partial.replace(file)
    return files, list(by_root)


def nested_subset(labels: Sequence[int], clips_per_class: int | None, seed: int) -> list[int]:
    """Places of `clips_per_class` clips of every class (all where a class has fewer, or for None), in order.

    Drawn by (seed, class): a smaller subset is part of every larger one of the same seed.

    >>> small, large = nested_subset([0, 1] * 9, 2, seed=1), nested_subset([0, 1] * 9, 5, seed=1)
    >>> len(small), len(large), set(small) <= set(large)
    (4, 10, True)
    """
    places = np.asarray(labels)
    chosen: list[int] = []
    for label in np.unique(places):
        order = np.random.default_rng([seed, int(label)]).permutation(
            np.flatnonzero(places == label)
        )
        chosen += order[:clips_per_class].tolist()
    return sorted(chosen)


def few_clips_note(ann_files: Sequence[Path], data_roots: Sequence[Path]) -> str:
    """A line that proposes the preset when the annotation files hold few clips a class, else an empty one.

    Only counts lines; what is wrong with the files is said by those who read them.
    """
    try:
        texts = [
            text
            for file, _ in find_annotation_files(ann_files, data_roots)
            for _, text in numbered_lines(file)
        ]
    except UserError:
        return ""
    num_classes = len({split_line(text).label for text in texts})
    if not texts or len(texts) >= FEW_CLIPS_PER_CLASS * num_classes:
        return ""
    return f"note: {len(texts) / num_classes:.0f} training clips a class are few; --preset small-data is made for that"
