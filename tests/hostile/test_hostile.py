"""A tenth of the odd inputs, in a process of its own: it forks, and this one has threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY
from tests.hostile.__main__ import table
from tests.hostile.harness import Call, Case, Verdict


@pytest.mark.slow
def test_odd_inputs_end_in_a_message_or_a_right_answer() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile", "--every", "10", "--processes", "1"],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " 0 bad, " in done.stdout.splitlines()[-1]


BROKEN = {
    "traceback": "raise ValueError",
    "wrong": "print('taken')",
    "left over": "open('.a.part', 'w'); raise SystemExit(2)",
    "input changed": "open(sys.argv[1] + '/good', 'w'); raise SystemExit(2)",
    "refused": "print('a message', file=sys.stderr); raise SystemExit(2)",
}


def test_the_harness_sees_what_goes_wrong() -> None:
    """Judge commands that misbehave, each in its own way."""
    program = f"""
import sys, tempfile
from pathlib import Path
from tests.hostile.harness import Call, Case, run_cases
broken = {BROKEN!r}
with tempfile.TemporaryDirectory() as name:
    root = Path(name)
    (root / "stage").mkdir()
    (root / "stage" / "good").write_text("kept")
    def case(kind, code):
        def make(folder):
            (folder / "script.py").write_text("import sys; " + code)
            return Call(folder / "script.py", [root / "stage"])
        return Case(kind, "", make, "refused")
    cases = [case(*item) for item in broken.items()]
    for verdict in run_cases(cases, root, root / "stage"):
        print(verdict.case.kind + ": " + verdict.outcome)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert sorted(done.stdout.splitlines()) == sorted(f"{name}: {name}" for name in BROKEN), done


def test_the_table_counts_each_kind() -> None:
    case = Case("films", "one", lambda folder: Call("tools/verify.py", [folder]))
    lines = table([Verdict(case, "worked"), Verdict(case, "hung")]).splitlines()
    assert lines[0].startswith("| kind | cases | worked | refused | traceback | hung |")
    assert lines[2].startswith("| films | 2 | 1 | 0 | 0 | 1 |")
