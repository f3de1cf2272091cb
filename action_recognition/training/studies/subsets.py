"""Parts of a run's clips as separate annotation files: a run on a part is an ordinary run."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from action_recognition.data.annotation_files import AnnotationScan
from action_recognition.data.dataset_files import DATASET_FILE
from action_recognition.data.listed_clips import ListedClip
from action_recognition.files import write_text
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import PreparedRun

FEW_CLIPS_PER_CLASS = 20


def write_annotations(
    clips: Iterable[ListedClip], folder: Path, name: str
) -> tuple[list[Path], list[Path]]:
    """Write the clips' lines, one file for each root, the first `folder/name.txt`.

    The description of the data set beside the first clip's file is copied. Returns files and roots.
    """
    by_root: dict[Path, list[str]] = {}
    described: Path | None = None
    for clip in clips:
        by_root.setdefault(clip.root, []).append(clip.text)
        described = described or clip.file.parent / DATASET_FILE
    folder.mkdir(parents=True, exist_ok=True)
    if described is not None and described.is_file():
        shutil.copyfile(described, folder / DATASET_FILE)
    names = (f"{name}_{number}.txt" if number else f"{name}.txt" for number in range(len(by_root)))
    files = [folder / file_name for file_name in names]
    for file, lines in zip(files, by_root.values(), strict=True):
        write_text(file, "\n".join(lines) + "\n")
    return files, list(by_root)


def nested_subset(labels: Sequence[int], clips_per_class: int | None, seed: int) -> list[int]:
    """Return the places of `clips_per_class` clips of every class, in order.

    All are taken where a class has fewer, or for None. The draw follows from (seed, class), so a
    smaller subset is part of every larger one of the same seed.

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


def options_of_part(run: PreparedRun, folder: Path) -> TrainOptions:
    """Return the options of a run on a part of the clips: into `folder`, with the labels of all."""
    options = run.options
    logs = options.tensorboard_dir
    return dataclasses.replace(
        options,
        save_checkpoints_to=folder,
        tensorboard_dir=None if logs is None else logs / folder.name,
        classes=run.labels,
    )


def few_clips_note(scan: AnnotationScan) -> str:
    """Return a line that proposes the preset where there are few clips a class, else nothing."""
    num_lines, num_classes = scan.num_lines, len(scan.labels)
    if num_lines >= FEW_CLIPS_PER_CLASS * num_classes:
        return ""
    few = f"{num_lines / num_classes:.0f} training clips a class are few"
    return f"note: {few}; --preset small-data is made for that"
