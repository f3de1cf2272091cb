"""Both ends of setup.py's ranges, with each Python: install, then a quick part of the suite.

    python -m tests.versions                          every Python that is found, both ends
    python -m tests.versions --pythons 3.13 --ends lower
    python -m tests.versions --lock                   make requirements-lock.txt again
    python -m tests.versions --wheel                  a wheel in a clean environment, its commands

Environments are made by uv, one after the other, in a temporary folder, and are removed. uv keeps
what it fetched in its cache: some 12 GB for all. A row takes minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.versions import wheel
from tests.versions.environments import LOCK_FILE, Uv, find_python, write_lock

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ENDS = {"lower": "lowest-direct", "upper": "highest"}
# A minute of CPU time: the parts that lean on other packages, and each way through once.
QUICK_TESTS = (
    "tests/test_template.py",
    "tests/test_losses.py",
    "tests/data/test_video.py",
    "tests/data/test_photo.py",
    "tests/data/test_transforms.py",
    "tests/models/test_layers.py",
    "tests/models/test_pretrained.py",
    "tests/deploy/test_predictor.py",
    "tests/deploy/test_backends.py",
    "tests/compression/test_quantised_layers.py",
    "tests/live/test_regions.py",
    "tests/test_plots.py",
    "tests/teaching/test_teach.py",
)
SHOWN = ("torch", "torchvision", "numpy", "openvino", "opencv-python", "lightning", "nncf")


def main() -> int:
    """Run the rows that the flags name, and print the table. Return 1 if one of them failed."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="versions_") as temporary:
        folder = Path(temporary)
        uv = Uv.made_in(folder)
        if arguments.lock:
            write_lock(uv, REPOSITORY)
            print(f"written: {LOCK_FILE}")
            return 0
        if arguments.wheel:
            return wheel.check(uv, folder, REPOSITORY)
        rows = [
            _row(uv, folder, version, end)
            for version in arguments.pythons.split(",")
            for end in arguments.ends.split(",")
        ]
    print(f"\n| Python | end | {' | '.join(SHOWN)} | tests | minutes |")
    print(f"|---|---|{'---|' * len(SHOWN)}---|---|")
    print("\n".join(f"| {' | '.join(row)} |" for row in rows))
    return int(any("failed" in row[-2] for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.versions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pythons", default=",".join(PYTHONS), metavar="3.11,3.12")
    parser.add_argument("--ends", default=",".join(ENDS), metavar="lower,upper")
    parser.add_argument("--lock", action="store_true", help="Make requirements-lock.txt again.")
    parser.add_argument("--wheel", action="store_true", help="Try a wheel in a clean environment.")
    return parser


def _row(uv: Uv, folder: Path, version: str, end: str) -> list[str]:
    """Return one row of the table. The environment is gone afterwards."""
    python = find_python(version)
    empty = ["" for _ in SHOWN]
    if python is None:
        return [version, end, *empty, f"no Python {version} here", ""]

    start, environment = time.monotonic(), folder / f"{version}-{end}"
    print(f"\n== Python {version}, {end} ends", flush=True)
    try:
        installed = uv.install(environment, python, REPOSITORY, ENDS[end])
        told = _run_tests(environment / "bin" / "python")
    except subprocess.CalledProcessError as error:
        installed, told = {}, f"failed to install: {error.returncode}"
    finally:
        shutil.rmtree(environment, ignore_errors=True)
    minutes = f"{(time.monotonic() - start) / 60:.1f}"
    return [version, end, *(installed.get(name, "") for name in SHOWN), told, minutes]


def _run_tests(python: Path) -> str:
    """Run the quick tests. Return pytest's last line: how many passed and failed."""
    tests = [*QUICK_TESTS, "-q", "--durations=8", "-p", "no:cacheprovider", "-m", "not slow"]
    process = subprocess.Popen(
        [str(python), "-m", "pytest", *tests],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    last = "pytest did not start: failed"
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line.strip() or last
    # A test that cannot be collected is an error, not a failure.
    code, told = process.wait(), last.partition(" in ")[0].strip("= ")
    return told if code == 0 else f"failed ({code}): {told}"


if __name__ == "__main__":
    sys.exit(main())
