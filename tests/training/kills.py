"""A run that is killed (SIGKILL) at random moments and gone on with each time, against one that
nobody disturbed.

    python tests/training/kills.py [--kills 100] [--seed 0] [--signal KILL|TERM|INT] [--recipe
    modern|reference]

Ends with code 0 when the last checkpoint (weights, average, optimiser, every state), the best one
and the curves are equal to the bit, and every checkpoint found after a kill could be read. Two
processes decode; checkpoints are written several times a second.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(
    0, str(Path(__file__).resolve().parents[2])
)  # `python tests/training/kills.py` without an installed package

import torch
import yaml

# What every child needs is there before the first fork.
import action_recognition.training.studies.choose_study
from action_recognition.checkpoint import read_checkpoint
from action_recognition.commands.train import main as train_main
from action_recognition.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, UserError, run_command
from tests.tiny import modern_recipe, tiny_data, tiny_template

assert action_recognition.training.studies.choose_study
EXPECTED_CODES = {signal.SIGTERM: EXIT_TERMINATED, signal.SIGINT: EXIT_INTERRUPTED}
NOT_COMPARED = {"trained_model", "pytorch-lightning_version"}  # the record of when and how


def make_work_dir(folder: Path, recipe: str, epochs: int) -> Path:
    work_dir = tiny_template(folder / "work dir", batch_size=4, epochs=epochs).parent
    template = yaml.safe_load((work_dir / "template.yaml").read_text())
    if recipe == "modern":
        schedule = {"type": "cosine", "freeze_epochs": 2, "warmup_share": 0.1}
        template["training"] = modern_recipe(
            ema_decay=0.95, sampling="class_balanced", schedule=schedule, early_stop_epochs=None
        )
    template["training"]["num_workers"] = 2
    (work_dir / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))
    return work_dir


def start(work_dir: Path, data: Path, out: Path, log: Path) -> int:
    """A child process that trains, and goes on with what is in `out`; its process id."""
    child = os.fork()
    if child:
        return child
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    flags = [
        "--train-ann-files",
        data / "train.txt",
        "--train-data-roots",
        data,
        "--val-ann-files",
        data / "val.txt",
    ]
    flags += [
        "--val-data-roots",
        data,
        "--save-checkpoints-to",
        out,
        "--resume-from",
        "auto",
        "--save-every-minutes",
        "0.002",
    ]
    try:
        run_command(lambda: train_main(work_dir, [str(flag) for flag in flags]))
    except SystemExit as end:
        os._exit(int(end.code or 0))
    finally:
        os._exit(1)


def kill_at_random(child: int, signum: signal.Signals, wait_s: float) -> int | None:
    """Exit code of a child that ended by itself before `wait_s` were over or by its own means after
    a signal; None when it was killed.
    """
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return 0
        time.sleep(0.01)
    os.kill(child, signum)
    _, status = os.waitpid(child, 0)
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def run_with_kills(
    work_dir: Path,
    data: Path,
    folder: Path,
    kills: int,
    signum: signal.Signals,
    seed: int,
    longest_s: float,
) -> tuple[int, list[str]]:
    """How many kills met the run, each at most `longest_s` after a start, and the problems on the
    way; then the run is complete.
    """
    rng, out, log = random.Random(seed), folder / "run", folder / "killed.log"
    problems: list[str] = []
    for number in range(kills):
        code = kill_at_random(start(work_dir, data, out, log), signum, rng.uniform(0.0, longest_s))
        if code == 0 and (out / "latest.pth").is_file() and is_complete(out):
            print(f"note: the run ended after {number} of {kills} kills; --epochs makes it longer")
            return number, problems
        if code is not None and code not in (0, EXPECTED_CODES.get(signum, 0)):
            problems.append(f"kill {number}: exit code {code}")
        for path in sorted(out.glob("*.pth")):
            try:
                read_checkpoint(path)
            except UserError as error:
                problems.append(f"kill {number}: {error}")
        print(f"\r{number + 1} of {kills}, {place(out)}   ", end="", file=sys.stderr, flush=True)
    os.waitpid(start(work_dir, data, out, log), 0)
    return kills, problems


def place(out: Path) -> str:
    path = out / "latest.pth"
    content = read_checkpoint(path).content if path.is_file() else {"epoch": -1, "global_step": 0}
    return f"epoch {content['epoch'] + 1}, step {content['global_step']}"


def is_complete(out: Path) -> bool:
    content = read_checkpoint(out / "latest.pth").content
    return bool(
        content["epoch"] + 1
        >= content["trained_model"]["template"]["hyper_parameters"]["basic"]["epochs"]
    )


def different(ours: Any, theirs: Any, key: str = "") -> list[str]:
    """Dotted keys of what is not equal to the bit."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = [name for name in ours | theirs if name not in NOT_COMPARED]
        return [
            part
            for name in names
            for part in different(ours.get(name), theirs.get(name), f"{key}.{name}")
        ]
    if (
        isinstance(ours, (list, tuple))
        and isinstance(theirs, (list, tuple))
        and len(ours) == len(theirs)
    ):
        return [
            part
            for place, pair in enumerate(zip(ours, theirs, strict=True))
            for part in different(*pair, f"{key}.{place}")
        ]
    if isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
        return [] if torch.equal(ours, theirs) else [key]
    return [] if ours == theirs else [key]


def curves(out: Path) -> list[dict[str, str]]:
    with (out / "curves.csv").open(newline="") as file:
        return [
            {name: value for name, value in row.items() if name != "seconds"}
            for row in csv.DictReader(file)
        ]


def logged(out: Path) -> list[tuple[str, str]]:
    """Step and columns of the rows of metrics.csv."""
    with (out / "log" / "metrics.csv").open(newline="") as file:
        return [
            (row["step"], " ".join(name for name, value in row.items() if value))
            for row in csv.DictReader(file)
        ]


def compare(whole: Path, killed: Path) -> list[str]:
    problems = []
    for name in ("latest.pth", "best.pth"):
        keys = different(
            read_checkpoint(whole / name).content, read_checkpoint(killed / name).content
        )
        problems += (
            [f"{name}: {len(keys)} values differ, first {', '.join(keys[:4])}"] if keys else []
        )
    if curves(whole) != curves(killed):
        problems.append("curves.csv differs")
    rows = logged(killed)
    if len(set(rows)) < len(rows) or not set(rows) <= set(
        logged(whole)
    ):  # the last row before a kill may be lost
        problems.append("metrics.csv has rows twice, or others")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", choices=["KILL", "TERM", "INT"], default="KILL")
    parser.add_argument("--recipe", choices=["modern", "reference"], default="modern")
    given = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="kills_"))
    work_dir, data = (
        make_work_dir(folder, given.recipe, given.epochs),
        tiny_data(folder / "data", clips_per_class=8),
    )
    began = time.monotonic()
    os.waitpid(start(work_dir, data, folder / "run", folder / "whole.log"), 0)
    longest_s = (
        0.5 + (time.monotonic() - began) / given.kills
    )  # so that the run is seldom over before the last kill
    (folder / "run").rename(folder / "whole")  # the same place for both, since checkpoints name it
    kills, problems = run_with_kills(
        work_dir,
        data,
        folder,
        given.kills,
        signal.Signals[f"SIG{given.signal}"],
        given.seed,
        longest_s,
    )
    (folder / "run").rename(folder / "killed")
    problems += compare(folder / "whole", folder / "killed")
    for problem in problems:
        print(f"problem: {problem}")
    print(
        f"{kills} kills by SIG{given.signal}, {given.epochs} epochs, "
        f"{time.monotonic() - began:.0f} s: {len(problems)} problems"
    )
    if problems:
        print(f"left in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
