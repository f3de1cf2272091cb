"""From a command to its first result: train.py to the first step, demo.py to the first event.

Figures:
    train_cpu_over_baseline: CPU time of train.py to its first step, over that of BASELINE
    train_cpu_s: the same time of this commit
    demo_first_event_cpu_s, demo_first_event_s: CPU time and time of demo.py to its first event
train.py gets 60 small clips and the template of the quickstart. CPU times are those of the main
process: they say the same on a busy machine. demo.py runs an IR for 16 frames of 224x224.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/command_start.py` without an installed package

from benchmarks import harness
from benchmarks.harness import Figure, Timing, interleaved, parse_arguments, ratio, report
from benchmarks.window_inference import export_ours, random_model
from tests.synthetic import numbered_frames, write_lines, write_video

BASELINE = "0ff301a"
TEMPLATE = "model_templates/gesture_recognition/s3d-rgb-mobilenet-v3-stream-quickstart"
LABELS = [f"gesture{number}" for number in range(6)]
EVERYTHING_IS_AN_EVENT = {"onset": 0.005, "release": 0.001, "smoothing_s": 0, "refractory_s": 0}
# Ends the process at the first step of an optimiser, wherever PyTorch is imported.
UNTIL_FIRST_STEP = """
import os, runpy, sys, threading, time
def ends(*_):
    times = os.times()
    print("CPU", times.user + times.system, flush=True)
    os._exit(0)
def watch():
    hook = "register_optimizer_step_post_hook"
    while not hasattr(sys.modules.get("torch.optim.optimizer"), hook):
        time.sleep(0.05)
    getattr(sys.modules["torch.optim.optimizer"], hook)(ends)
threading.Thread(target=watch, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def make_clips(folder: Path) -> list[str]:
    """Write 60 clips of six gestures. Return the flags of train.py."""
    lines = []
    for number in range(60):
        video = write_video(folder / f"{number}.mp4", numbered_frames(32, first=64 * number), 15)
        lines.append(f"{video.name} {LABELS[number % len(LABELS)]}")
    write_lines(folder / "train.txt", lines[:48])
    write_lines(folder / "val.txt", lines[48:])
    flags = [f"--classes={','.join(LABELS)}", "--epochs", "2", "--gpu-num", "0"]
    # Decoding processes end with the main one only if there are none.
    flags += ["--num-workers", "0"]
    for split in ("train", "val"):
        file = folder / f"{split}.txt"
        flags += [f"--{split}-ann-files", str(file), f"--{split}-data-roots", str(folder)]
    return flags


def work_dir_of(clone: Path, folder: Path) -> Path:
    """Make a work dir with the code of `clone`."""
    tool = clone / "tools" / "instantiate_template.py"
    command = [sys.executable, str(tool), str(clone / TEMPLATE / "template.yaml"), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(clone)}
    subprocess.run(
        [*command, "--do-not-load-snapshot"], env=environment, check=True, capture_output=True
    )
    return folder


class FirstStep:
    """train.py of one clone until its first step. Keeps the CPU seconds of every run."""

    def __init__(self, clone: Path, work_dir: Path, flags: list[str]) -> None:
        self.clone, self.work_dir, self.flags = clone, work_dir_of(clone, work_dir), flags
        self.cpu_s: list[float] = []

    def __call__(self) -> None:
        """Train until the first step."""
        outputs = tempfile.mkdtemp(dir=self.work_dir)
        # -P: otherwise the package of the current folder would come before that of the clone.
        command = [sys.executable, "-P", "-c", UNTIL_FIRST_STEP, str(self.work_dir / "train.py")]
        done = subprocess.run(
            [*command, *self.flags, "--save-checkpoints-to", outputs],
            env={**os.environ, "PYTHONPATH": str(self.clone)},
            capture_output=True,
            text=True,
            check=False,
        )
        said = [line for line in done.stdout.splitlines() if line.startswith("CPU ")]
        if not said:
            raise RuntimeError(f"no step was taken:\n{done.stdout}\n{done.stderr}")
        self.cpu_s.append(float(said[-1].split()[1]))


class FirstEvent:
    """demo.py over a file until its first event."""

    def __init__(self, folder: Path, threads: int) -> None:
        model = export_ours(random_model("msasl"), folder / "export")
        video = write_video(folder / "film.mp4", numbered_frames(300), 15)
        (folder / "rules.json").write_text(json.dumps(EVERYTHING_IS_AN_EVENT), encoding="utf-8")
        self.command = [
            sys.executable, str(harness.REPOSITORY / "tools" / "workdir" / "demo.py"),
            "--model", str(model), "--input", str(video), "--no-show", "--events", "-",
            "--decision", str(folder / "rules.json"), "--threads", str(threads),
        ]  # fmt: skip
        self.cpu_s: list[float] = []
        self.seconds: list[float] = []

    def __call__(self) -> None:
        """Recognise until the first event."""
        start = time.perf_counter()
        with subprocess.Popen(
            self.command,
            env={**os.environ, "PYTHONPATH": str(harness.REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            self.seconds.append(time.perf_counter() - start)
            # Linux. User and system time stand behind the name, which may hold blanks.
            stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
            self.cpu_s.append(sum(map(int, stat.split()[11:13])) / os.sysconf("SC_CLK_TCK"))
            process.kill()
        if b"gesture" not in line:
            raise RuntimeError("demo.py reported no event")


def main() -> None:
    """Measure, print the table, and write the JSON."""
    options = parse_arguments(__doc__.splitlines()[0] if __doc__ else "")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        git = ["git", "-C", str(harness.REPOSITORY), "worktree"]
        baseline = folder / "baseline"
        subprocess.run([*git, "add", "--quiet", "--detach", str(baseline), BASELINE], check=True)
        try:
            flags = make_clips(folder / "clips")
            ours = FirstStep(harness.REPOSITORY, folder / "ours", flags)
            theirs = FirstStep(baseline, folder / "theirs", flags)
            event = FirstEvent(folder, options.threads)
            timed: dict[str, Callable[[], object]] = {
                "train.py": ours,
                f"train.py of {BASELINE}": theirs,
                "demo.py": event,
            }
            # The first run of each compiles its modules. Its figures are left out.
            for run in timed.values():
                run()
            for figures_of_first in (ours.cpu_s, theirs.cpu_s, event.cpu_s, event.seconds):
                figures_of_first.clear()
            timings = interleaved(timed, rounds=options.rounds(5), warm_up=0)
        finally:
            subprocess.run([*git, "remove", "--force", str(baseline)], check=False)

    cpu = {"ours": Timing(np.array(ours.cpu_s)), "theirs": Timing(np.array(theirs.cpu_s))}
    figures = {"train_cpu_over_baseline": ratio(cpu["ours"], cpu["theirs"])}
    for name, seconds in (
        ("train_cpu_s", ours.cpu_s),
        ("demo_first_event_cpu_s", event.cpu_s),
        ("demo_first_event_s", event.seconds),
    ):
        low, median, high = map(float, np.percentile(seconds, (25, 50, 75)))
        figures[name] = Figure(median, low, high)
    report("command_start", options, timings, figures)


if __name__ == "__main__":
    main()
