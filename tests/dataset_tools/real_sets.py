"""The commands of docs/data_examples.md on the real sets, as they stand; what they import is
compared with the sets' own lists.

python tests/dataset_tools/real_sets.py [--data DIR] [--out DIR] [--epochs N]    all of it, every
training in full; an hour or two on 2 cores
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(
    0, str(Path(__file__).resolve().parents[2])
)  # `python tests/dataset_tools/real_sets.py` without an installed package

from action_recognition.data.annotations import read_annotations
from action_recognition.data.labels import read_classes
from tests.conftest import REPOSITORY, SHARED

PAGE = REPOSITORY / "docs" / "data_examples.md"
SPLITS = ("train", "val", "test")
# Filmed at 120 fps; the lists that come with the clips state 30.
SLOW_MOTION = {
    (f"{label}/p01_{label}_{number}.mp4", 120.0)
    for label, number in (("FanDown", 2), ("Num0", 2), ("SetThermo", 3))
}
# Frames at uneven times: the lists state the header's mean, which contradicts frames and times.
UNEVEN = {
    ("FanOn/p17_FanOn_1.mp4", 13.83649),
    ("Num1/p20_Num1_2.mp4", 16.83278),
    ("Num5/p20_Num5_3.mp4", 12.87423),
}


class RealSet(NamedTuple):
    """A set whose bare folder is imported: where it is, the folder of the imported lists, what is
    known of it.
    """

    name: str
    imported: str
    num_clips: int
    num_people: int
    other_rates: frozenset[tuple[str, float]] = frozenset()


SETS = (
    RealSet("smarthome_gestures", "smarthome", 558, 18, frozenset(SLOW_MOTION | UNEVEN)),
    RealSet("asl_words", "asl", 245, 77),
)


def page_commands(data: Path) -> Iterator[tuple[str, list[str]]]:
    """(folder relative to where the commands start, words) of each command of the page; `${DATA}`
    is put in.
    """
    text = PAGE.read_text(encoding="utf-8").replace("${DATA}", shlex.quote(str(data.resolve())))
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        folder = "."
        for words in map(shlex.split, block.splitlines()):
            if words[0] == "cd":
                folder = words[1]
            elif words[0] == "python":
                yield folder, words[1:]


def compare_with_own_lists(real_set: RealSet, data: Path, out: Path) -> None:
    """Fail where the imported lists lack a clip of the set, hold another, or differ in class,
    length, rate; or split a person.
    """
    source, folder = data / real_set.name, out / real_set.imported
    classes = read_classes(source / "classes.json")
    assert read_classes(folder / "classes.json") == classes
    own = {
        record.path: record
        for record in read_annotations(
            [source / f"{split}.txt" for split in SPLITS], [source], classes
        )
    }
    people: dict[str, str] = {
        row["file"]: row["person"]
        for row in csv.DictReader((folder / "metadata.csv").open(encoding="utf-8"))
    }
    seen: dict[str, str] = {}
    other_rates = set()
    num_clips = 0
    for split in SPLITS:
        records = list(read_annotations([folder / f"{split}.txt"], [source / "videos"], classes))
        assert {record.label for record in records} == set(range(len(classes))), (
            f"{split} lacks a class"
        )
        for record in records:
            known, path = (
                own.pop(record.path),
                record.path.relative_to(source / "videos").as_posix(),
            )
            assert (record.label, record.video_end) == (known.label, known.video_end), record.line
            assert seen.setdefault(people[path], split) == split, f"{people[path]} is in two splits"
            if record.frame_rate_fps != pytest.approx(known.frame_rate_fps, rel=0.01):
                other_rates.add((path, record.frame_rate_fps))
        num_clips += len(records)
    assert not own, f"{len(own)} clips are lost"
    assert (num_clips, len(seen), other_rates) == (
        real_set.num_clips,
        real_set.num_people,
        real_set.other_rates,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="The commands of docs/data_examples.md on the real sets."
    )
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="the folder of the sets")
    parser.add_argument("--out", type=Path, help="keep what is written here (default: nowhere)")
    parser.add_argument("--epochs", type=int, help="train for so many instead of the preset's")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        out = (arguments.out or Path(name)).resolve()
        out.mkdir(parents=True, exist_ok=True)
        for folder, words in page_commands(arguments.data):
            run_as_typed(words, out / folder, arguments.epochs)
        for real_set in SETS:
            compare_with_own_lists(real_set, arguments.data.resolve(), out)
            print(
                f"{real_set.name}: {real_set.num_clips} clips of {real_set.num_people} people, "
                f"as in the lists of the set"
            )
    return 0


def run_as_typed(words: Sequence[str], folder: Path, epochs: int | None) -> None:
    """Run a command of the page; those of the clone by their path, which the page has relative to
    it.
    """
    script, *flags = words
    if script.startswith("tools/"):
        flags = [
            str(REPOSITORY / flag) if flag.startswith("model_templates/") else flag
            for flag in flags
        ]
        script = str(REPOSITORY / script)
    if script == "train.py" and epochs is not None:
        flags += ["--epochs", str(epochs)]
    print(f"--- {' '.join(words)}", flush=True)
    start = time.monotonic()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    }
    done = subprocess.run(
        [sys.executable, script, *flags], cwd=folder, env=environment, check=False
    )
    print(f"--- exit code {done.returncode}, {time.monotonic() - start:.0f} s", flush=True)
    assert done.returncode == 0 or (done.returncode == 1 and script.endswith("check.py")), words


if __name__ == "__main__":
    sys.exit(main())
