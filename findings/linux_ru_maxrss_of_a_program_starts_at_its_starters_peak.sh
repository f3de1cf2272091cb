#!/usr/bin/env bash
# Linux 6.18, Python 3.11: ru_maxrss of a fresh program is at least the peak of its starter.
#
# One would guess that `getrusage(RUSAGE_SELF).ru_maxrss`, read by a program about itself, is the
# most memory that this program held. So benchmarks start each candidate as a process of its own,
# "to measure its peak alone". But `exec` keeps the number, and `subprocess` starts by vfork: the
# child still has its starter's memory then, peak and all. Whatever the starter once held, and has
# freed long ago, is the least that any child of it reports. RUSAGE_CHILDREN has the same number. A
# small candidate that is measured after a large one, from one driver, seems as large.
#
# `VmHWM` in /proc/self/status is the peak of the program alone.
#
# Printed are MB, of a Python that imports nothing, started before and after its starter held 400 MB:
#   started by a small process: ru_maxrss 26, VmHWM 9
#   started after 400 MB were held and freed: ru_maxrss 407, VmHWM 9
#
# What to do: read VmHWM, as action_recognition/peak_memory.py does, or let a small process start
# what is measured.
#
# Exit code 0: as described. 1: the behaviour has changed. Needs Linux and Python 3.11 or newer.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install numpy==2.4.6

cat > "$folder/child.py" <<'PYTHON'
"""Print this program's peak by getrusage and by /proc, in MB."""
import re
import resource

status = open("/proc/self/status").read()
by_proc = int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) // 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, by_proc)
PYTHON

cat > "$folder/starter.py" <<'PYTHON'
"""Start the child before and after this process held much memory."""
import subprocess
import sys
from pathlib import Path

import numpy as np

child = [sys.executable, str(Path(__file__).with_name("child.py"))]


def peaks(words):
    done = subprocess.run(child, capture_output=True, text=True, check=True)
    by_getrusage, by_proc = map(int, done.stdout.split())
    print(f"{words}: ru_maxrss {by_getrusage}, VmHWM {by_proc}")
    return by_getrusage, by_proc


small, _ = peaks("started by a small process")
held = np.ones(50_000_000)
del held
large, alone = peaks("started after 400 MB were held and freed")
sys.exit(not (small < 100 and large > 350 and alone < 60))
PYTHON
"$folder/venv/bin/python" "$folder/starter.py"
