"""Measure teaching by showing: gestures that a network was not trained on, from a few examples.

    python experiments/teach_by_showing.py --data ../shared/data/smarthome_gestures --taught 7 \\
        --out runs/teach [--draws 3] [--seeds 1] [--template hand-landmarks-teachable]

Each draw leaves other gestures out of the training. They are then taught by 1, 3 and 5 examples of
people of train, 10 times with other examples, and told apart in clips of the people of val and
test. Figures are means over classes, in per cent. A draw that is done is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from action_recognition.checkpoint import load_trained_model
from action_recognition.data.annotations import read_annotations
from action_recognition.data.labels import read_classes
from action_recognition.data.landmarks.datasets import clip_array
from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.files import write_json, write_text
from action_recognition.teaching.taught_file import Example
from action_recognition.teaching.teachable_model import TeachableModel
from action_recognition.training.options import TrainOptions
from action_recognition.training.run import train

REPOSITORY = Path(__file__).resolve().parents[1]
SPLITS = ("train", "val", "test")
NUM_EXAMPLES = (1, 3, 5)
REPEATS = 10


@dataclass(frozen=True)
class Embedded:
    """Embeddings (N, E) of the clips of a split, and their labels (N,) in the whole set."""

    rows: NDArray[np.float32]
    labels: NDArray[np.int64]


def main() -> None:
    """Train and measure every draw, and print the table."""
    arguments = _parser().parse_args()
    labels = read_classes(arguments.data / "classes.json")
    found: dict[str, list[float]] = defaultdict(list)
    for draw in range(arguments.draws):
        for seed in range(arguments.seeds):
            file = arguments.out / f"draw_{draw}_seed_{seed}.json"
            if not file.is_file():
                write_json(file, _measured(arguments, labels, draw, seed))
            for key, value in json.loads(file.read_text()).items():
                found[key].append(value)
    print("\n".join(_lines(found)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Folder with annotation files.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of the runs.")
    parser.add_argument("--taught", type=int, default=7, help="Gestures left out of training.")
    parser.add_argument("--draws", type=int, default=3, help="Choices of those gestures.")
    parser.add_argument("--seeds", type=int, default=1, help="Trainings of each choice.")
    parser.add_argument("--template", default="hand-landmarks-teachable", help="Its name.")
    return parser


def _measured(
    arguments: argparse.Namespace, labels: list[str], draw: int, seed: int
) -> dict[str, float]:
    """Train without the gestures of a draw, and measure what is taught afterwards."""
    rng = np.random.default_rng([arguments.taught, draw])
    taught = sorted(rng.choice(len(labels), arguments.taught, replace=False).tolist())
    trained = [number for number in range(len(labels)) if number not in taught]
    folder = arguments.out / f"draw_{draw}_seed_{seed}"
    model = _trained(arguments, [labels[number] for number in trained], folder, seed)

    rate = model.clips.tracking_rate_fps
    splits = {split: _embedded(model, arguments.data, labels, split, rate) for split in SPLITS}
    return _figures(model, splits, trained, taught, labels)


def _trained(
    arguments: argparse.Namespace, labels: list[str], folder: Path, seed: int
) -> TeachableModel:
    """Train on clips of these labels alone, and export. An export that is there is taken."""
    export = folder / "export"
    if not (export / "model.xml").is_file():
        work_dir = folder / "work"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(
            REPOSITORY / "model_templates/hand_landmarks" / arguments.template, work_dir
        )
        for split in ("train", "val"):
            write_text(folder / f"{split}.txt", _lines_of(arguments.data, labels, split))
        write_json(folder / "classes.json", labels)
        options = TrainOptions(
            train_ann_files=[folder / "train.txt"],
            train_data_roots=[arguments.data],
            val_ann_files=[folder / "val.txt"],
            val_data_roots=[arguments.data],
            save_checkpoints_to=work_dir / "outputs",
            seed=seed,
        )
        train(work_dir, options)
        # The last epoch, so that nothing is selected on val.
        export_model(load_trained_model(work_dir / "outputs/latest.pth"), export, ExportOptions())
    return TeachableModel(export, num_threads=1)


def _lines_of(data: Path, labels: list[str], split: str) -> str:
    """Return the annotation lines of these labels, with their names in place of numbers."""
    everything = read_classes(data / "classes.json")
    lines = []
    for line in (data / f"{split}.txt").read_text().splitlines():
        path, label, *rest = line.split()
        name = everything[int(label)] if label.isdigit() else label
        if name in labels:
            lines.append(" ".join([path, str(labels.index(name)), *rest]))
    return "\n".join(lines) + "\n"


def _embedded(
    model: TeachableModel, data: Path, labels: list[str], split: str, rate: float
) -> Embedded:
    """Return the embeddings of the clips of a split. Clips without any hand are left out."""
    store = LandmarkStore(default_store_folder(), rate)
    records = read_annotations([data / f"{split}.txt"], [data], labels)
    arrays = [(clip_array(store, record), int(record.label)) for record in records]
    kept = [(model.clips.of_array(array), label) for array, label in arrays if array[..., -1].any()]
    rows = model.embed(np.stack([clip for clip, _ in kept]))
    return Embedded(rows, np.array([label for _, label in kept]))


def _figures(
    model: TeachableModel,
    splits: dict[str, Embedded],
    trained: list[int],
    taught: list[int],
    labels: list[str],
) -> dict[str, float]:
    """Return the figures of one trained model."""
    figures: dict[str, list[float]] = defaultdict(list)
    order = np.array([*trained, *taught])
    for split in ("val", "test"):
        rows, numbers = splits[split].rows, splits[split].labels
        is_old = np.isin(numbers, trained)
        base = rows @ model.with_taught(model.taught)[1]
        figures[f"{split}/trained alone"].append(_mean(order[base.argmax(1)], numbers, trained))

        for count in NUM_EXAMPLES:
            for repeat in range(REPEATS):
                directions, took = _taught(model, splits["train"], taught, labels, count, repeat)
                cosines = rows @ directions
                every = order[cosines.argmax(1)]
                among = np.array(taught)[cosines[:, len(trained) :].argmax(1)]
                old = np.where(is_old, every, -1)
                figures[f"{split}/{count}/among taught"].append(_mean(among, numbers, taught))
                figures[f"{split}/{count}/among all"].append(_mean(every, numbers, order.tolist()))
                figures[f"{split}/{count}/trained among all"].append(_mean(old, numbers, trained))
                figures[f"{split}/{count}/seconds"].append(took)
    return {key: statistics.fmean(values) for key, values in figures.items()}


def _taught(
    model: TeachableModel,
    examples: Embedded,
    taught: list[int],
    labels: list[str],
    count: int,
    repeat: int,
) -> tuple[NDArray[np.float32], float]:
    """Return the directions (E, C) after every gesture got `count` examples, and the seconds."""
    rng = np.random.default_rng([repeat, count])
    known = dataclasses.replace(model.taught, gestures={})
    began = time.perf_counter()
    for number in taught:
        places = rng.choice(np.flatnonzero(examples.labels == number), count, replace=False)
        shown = [Example(str(place), str(place), examples.rows[place]) for place in places]
        known = known.with_examples(labels[number], shown)
    directions = model.with_taught(known)[1]
    return directions, time.perf_counter() - began


def _mean(predicted: NDArray[np.int64], numbers: NDArray[np.int64], classes: list[int]) -> float:
    """Return the mean over classes of the share that is right, in per cent."""
    shares = [
        float((predicted[numbers == number] == number).mean())
        for number in classes
        if (numbers == number).any()
    ]
    return 100.0 * statistics.fmean(shares)


def _lines(found: dict[str, list[float]]) -> list[str]:
    """Return the table: mean over the runs, and their least and largest value."""
    return [
        f"{key:32} {statistics.fmean(values):7.2f}  ({min(values):.2f} to {max(values):.2f})"
        for key, values in found.items()
    ]


if __name__ == "__main__":
    main()
