"""Run the rows of a table of experiments by the commands a user would type, and write a table.

    python experiments/run.py experiments/smarthome_gestures.yaml --data-root ../shared/data \\
        --out runs [--jobs 2] [--rows NAME,...]

A row that is done is not run again, so an interrupted table continues where it stopped. Every row
trains with its seeds and takes the last epoch's weights. Nothing is selected, but where a row says
`weights: best`. It is evaluated on val, and on test where `--test` is given: once per row that is
reported.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
TEMPLATES = REPOSITORY / "model_templates"
_COLUMNS = {
    "top1": "top-1",
    "top5": "top-5",
    "mean_of_classes": "mean of classes",
    "lowest_class": "lowest class",
}


@dataclass(frozen=True)
class Row:
    """One line of the table: data, start, and what differs from the template (dotted keys)."""

    name: str
    data: str
    template: str
    # What --load-weights takes. "run:TABLE/ROW" is the same seed's result of another table,
    # "run:TABLE/ROW@0" that of seed 0.
    start: str = ""
    template_values: dict[str, Any] = field(default_factory=dict)
    model_values: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    without: str = ""  # column of metadata.csv: clips where it is 1 are left out of training
    # An expression over paths: these training clips are validated on, with those of val.
    validate_too: str = ""
    weights: str = "latest"  # or best: the epoch that was best on val
    backbone: str = ""  # of photos: what --backbone takes
    crop: str = ""  # of photos: what --crop takes; the detector is the command's --hand-detector
    elsewhere: str = ""  # another data set with the same classes, whose test split is evaluated too


def read_table(path: Path) -> list[Row]:
    """The rows of a table: `defaults` are merged under each of `rows`."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = []
    for name, values in document["rows"].items():
        merged: dict[str, Any] = dict(document["defaults"]) | (values or {})
        for key in ("template_values", "model_values"):
            merged[key] = document["defaults"].get(key, {}) | ((values or {}).get(key) or {})
        merged["seeds"] = tuple(merged["seeds"])
        rows.append(Row(name=name, **merged))
    return rows


def set_dotted(document: dict[str, Any], values: dict[str, Any]) -> None:
    """Put values at dotted keys of a nested mapping. A missing key is an error: it is misspelt.

    >>> document = {"a": {"b": 1}}
    >>> set_dotted(document, {"a.b": 2}); document
    {'a': {'b': 2}}
    """
    for dotted, value in values.items():
        *sections, key = dotted.split(".")
        target = document
        for section in sections:
            target = target[section]
        if key not in target:
            raise KeyError(dotted)
        target[key] = value


def template_file(name: str) -> Path:
    """The template.yaml of that name, of clips or of photos."""
    return next(iter(TEMPLATES.glob(f"*/{name}/template.yaml")), TEMPLATES / name)


def prepare(row: Row, folder: Path) -> None:
    """A work dir with the row's values in template.yaml and model.yaml."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [
        sys.executable,
        str(REPOSITORY / "tools/instantiate_template.py"),
        str(template_file(row.template)),
    ]
    subprocess.run(
        [*command, str(folder), "--do-not-load-snapshot"], check=True, stdout=subprocess.DEVNULL
    )
    for name, values in (("template.yaml", row.template_values), ("model.yaml", row.model_values)):
        document = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        set_dotted(document, values)
        (folder / name).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def annotation_files(row: Row, root: Path, folder: Path) -> dict[str, Path]:
    """Return train and val of a row: the data set's, or copies where the row changes them."""
    if not (row.without or row.validate_too):
        return {"train": root / "train.txt", "val": root / "val.txt"}
    left_out = set()
    if row.without:
        with (root / "metadata.csv").open(newline="", encoding="utf-8") as file:
            left_out = {line["file"] for line in csv.DictReader(file) if line[row.without] == "1"}
    lines: dict[str, list[str]] = {"train": [], "val": (root / "val.txt").read_text().splitlines()}
    for line in (root / "train.txt").read_text().splitlines():
        path = line.split()[0]
        moved = row.validate_too and re.search(row.validate_too, path)
        if path not in left_out:
            lines["val" if moved else "train"].append(line)
    shutil.copy(root / "classes.json", folder / "classes.json")
    for name, kept in lines.items():
        (folder / f"{name}.txt").write_text("\n".join(kept) + "\n")
    return {name: folder / f"{name}.txt" for name in lines}


def run_one(row: Row, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train and evaluate one row with one seed; a result that is there already is read."""
    folder = Path(options.out).resolve() / options.table.stem / f"{row.name}-{seed}"
    result_file = folder / "result.json"
    if not result_file.exists():
        prepare(row, folder)
        root = Path(options.data_root).resolve() / row.data
        began = time.monotonic()
        _call(folder, "train.py", _training_flags(row, seed, root, folder, options), options)
        result = {"row": row.name, "seed": seed, "train_minutes": (time.monotonic() - began) / 60}
        result_file.write_text(json.dumps(result) + "\n")
    result = json.loads(result_file.read_text())
    wanted = [
        "val",
        *(["test"] if options.test else []),
        *(["elsewhere"] if options.test and row.elsewhere else []),
    ]
    for split in wanted:
        if split not in result:
            result[split] = _evaluate(row, split, folder, options)
            result_file.write_text(json.dumps(result) + "\n")
    if options.test:
        result["both"] = _together(result["val"], result["test"])
    return dict(result)


def _together(*splits: dict[str, float]) -> dict[str, float]:
    """Share of right clips over several splits."""
    clips = sum(split["clips"] for split in splits)
    return {
        key: sum(split[key] * split["clips"] for split in splits) / clips
        for key in ("top1", "top5")
    } | {"clips": clips}


def _training_flags(
    row: Row, seed: int, root: Path, folder: Path, options: argparse.Namespace
) -> list[str]:
    files = annotation_files(row, root, folder)
    flags = ["--train-ann-files", str(files["train"]), "--train-data-roots", str(root)]
    flags += [
        "--val-ann-files",
        str(files["val"]),
        "--val-data-roots",
        str(root),
        "--seed",
        str(seed),
    ]
    flags += ["--gpu-num", "0", "--num-workers", str(options.num_workers)]
    flags += (
        ["--frame-cache", str(Path(options.frame_cache).resolve())] if options.frame_cache else []
    )
    start = row.start
    if start.startswith("run:"):
        result, _, of_seed = start[4:].partition("@")
        start = str(folder.parents[1] / f"{result}-{of_seed or seed}" / "outputs" / "latest.pth")
    flags += ["--backbone", row.backbone] if row.backbone else []
    flags += ["--crop", row.crop, *_detector(row, options)] if row.crop else []
    return [*flags, "--load-weights", start] if start else flags


def _detector(row: Row, options: argparse.Namespace) -> list[str]:
    return (
        ["--hand-detector", str(Path(options.hand_detector).resolve())]
        if row.crop and options.hand_detector
        else []
    )


def _evaluate(row: Row, split: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Shares of right clips, their mean over classes, and the lowest class's, in percent."""
    root = Path(options.data_root).resolve() / (row.elsewhere if split == "elsewhere" else row.data)
    metrics = folder / f"{split}_metrics.yaml"
    file = annotation_files(row, root, folder)["val"] if split == "val" else root / "test.txt"
    flags = [
        "--test-ann-files",
        str(file),
        "--test-data-roots",
        str(root),
        "--save-output-to",
        str(folder / split),
    ]
    flags += [
        "--load-weights",
        str(folder / f"outputs/{row.weights}.pth"),
        "--save-metrics-to",
        str(metrics),
    ]
    flags += _detector(row, options)
    _call(folder, "eval.py", flags, options)
    values = {
        metric["key"]: metric["value"] for metric in yaml.safe_load(metrics.read_text())["metrics"]
    }
    clips = len(file.read_text().splitlines())
    return {
        "top1": values["top1_of_clips"],
        "top5": values["top5_of_clips"],
        "clips": clips,
        "mean_of_classes": values["accuracy"],
        "lowest_class": lowest_class(folder / split / "evaluation.json"),
    }


def lowest_class(evaluation: Path) -> float:
    """Of the classes that the split shows, the lowest share of right clips, in percent."""
    found = json.loads(evaluation.read_text(encoding="utf-8"))["per_class"]
    return float(
        min(100 * item["right"] / item["num_clips"] for item in found if item["num_clips"])
    )


def _call(folder: Path, script: str, flags: Sequence[str], options: argparse.Namespace) -> None:
    environment = os.environ | {
        "OMP_NUM_THREADS": str(options.threads),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    with (folder / f"{Path(script).stem}.log").open("a", encoding="utf-8") as log:
        done = subprocess.run(
            [sys.executable, str(folder / script), *flags],
            env=environment,
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode:
        raise SystemExit(
            f"{folder.name}: {script} ended with exit code {done.returncode}, "
            f"see {folder / Path(script).stem}.log"
        )


def table_lines(rows: Sequence[Row], results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Markdown: mean over the seeds, with the single figures where there are several."""
    splits = [
        split
        for split in ("val", "test", "both", "elsewhere")
        if any(split in result for result in results)
    ]
    columns = [(split, key) for split in splits for key in ("top1", "top5")]
    columns += [
        ("test", key)
        for key in ("mean_of_classes", "lowest_class")
        if any(key in result.get("test", {}) for result in results)
    ]
    yield (
        "| row | seeds | "
        + " | ".join(f"{split} {_COLUMNS[key]}" for split, key in columns)
        + " | train, min |"
    )
    yield "|---|---|" + "---|" * (len(columns) + 1)
    for row in rows:
        mine = [result for result in results if result["row"] == row.name]
        if not mine:
            continue
        cells = [
            _cell([result[split][key] for result in mine if key in result.get(split, {})])
            for split, key in columns
        ]
        minutes = statistics.mean(result["train_minutes"] for result in mine)
        seeds = ", ".join(str(result["seed"]) for result in mine)
        yield f"| {row.name} | {seeds} | {' | '.join(cells)} | {minutes:.1f} |"


def _cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    mean = f"{statistics.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ({' '.join(f'{value:.1f}' for value in values)})"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path)
    parser.add_argument(
        "--data-root", required=True, help="holds a folder for each data set of the table"
    )
    parser.add_argument(
        "--out", required=True, help="work dirs and results; the finished table is written here"
    )
    parser.add_argument("--rows", help="only these, separated by commas")
    parser.add_argument("--seeds", help="instead of each row's own, separated by commas")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of each run")
    parser.add_argument("--num-workers", type=int, default=1, help="decoding processes of each run")
    parser.add_argument("--frame-cache", help="folder of decoded frames that the runs share")
    parser.add_argument("--hand-detector", help="for rows with crop: hand")
    parser.add_argument("--test", action="store_true", help="evaluate on the test split too")
    options = parser.parse_args(arguments)
    rows = read_table(options.table)
    if options.rows:
        wanted, known = options.rows.split(","), {row.name: row for row in rows}
        if unknown := [name for name in wanted if name not in known]:
            parser.error(
                f"--rows {','.join(unknown)}: not in {options.table}; its rows: {', '.join(known)}"
            )
        rows = [known[name] for name in wanted]
    if options.seeds:
        rows = [
            dataclasses.replace(row, seeds=tuple(int(seed) for seed in options.seeds.split(",")))
            for row in rows
        ]
    Path(options.out).mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        results += pool.map(
            lambda job: run_one(job[0], job[1], options),
            [(row, seed) for row in rows for seed in row.seeds],
        )
    text = "\n".join(table_lines(rows, results)) + "\n"
    (Path(options.out) / f"{options.table.stem}.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
