#!/usr/bin/env bash
# OpenVINO 2026.4.1: processes with one inference thread each all compute on the first core.
#
# One would guess that four processes with INFERENCE_NUM_THREADS=1 use four cores. By default the CPU
# plugin pins its threads, and every process begins at the same core. While it infers, the thread that
# called is pinned too. So two workers share one core, each at half its speed, and the others idle.
# ENABLE_CPU_PINNING=False gives each a core of its own.
#
# Seen on 2 cores of an AMD EPYC, Python 3.11. Two processes infer for 4 seconds at the same time.
# Printed are the cores that the calling threads may use while they infer, as the kernel says:
#   pinned:   one core, the same in both processes
#   unpinned: all cores in both processes
# Two processes that tracked hands had 52 % of a core each, while the other core idled.
#
# What to do: set ENABLE_CPU_PINNING to False wherever a number of threads is set and several
# processes run side by side.
#
# Exit code 0: as described. 1: the behaviour has changed. 77: one core alone, so that nothing can be
# shown. Needs Linux x86-64, Python 3.10 to 3.13.
set -euo pipefail

if [ "$(nproc)" -lt 2 ]; then
  echo "one core: nothing to show"
  exit 77
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install openvino==2026.4.1 numpy==2.4.6
# Without this package OpenVINO does not report its use to its makers.
"$folder/venv/bin/pip" --quiet uninstall --yes openvino-telemetry

cat > "$folder/cores.py" <<'PYTHON'
"""Print the cores that the calling threads of two processes may use while they infer."""

import multiprocessing
import threading
import time
from pathlib import Path

SECONDS = 4.0


def infer(properties: dict, results: multiprocessing.Queue) -> None:
    """Infer for some seconds. Put the cores that this thread may use meanwhile."""
    import numpy as np
    import openvino as ov
    from openvino import opset13 as op

    picture = op.parameter([1, 32, 128, 128], np.float32)
    x = picture
    for _ in range(8):
        weights = op.constant(np.full((32, 32, 3, 3), 0.01, np.float32))
        x = op.relu(op.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    request = ov.Core().compile_model(ov.Model([x], [picture]), "CPU", properties)
    request = request.create_infer_request()
    value = np.zeros((1, 32, 128, 128), np.float32)

    status = Path(f"/proc/self/task/{threading.get_native_id()}/status")
    seen: dict[str, int] = {}

    def watch() -> None:
        """Read every 20 ms which cores the inferring thread may use."""
        while time.monotonic() < end:
            line = next(x for x in status.read_text().splitlines() if "Cpus_allowed_list" in x)
            seen[line.split()[1]] = seen.get(line.split()[1], 0) + 1
            time.sleep(0.02)

    end = time.monotonic() + SECONDS
    watcher = threading.Thread(target=watch)
    watcher.start()
    while time.monotonic() < end:
        request.infer({0: value})
    watcher.join()
    results.put(max(seen, key=seen.get))


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    for name, extra in (("pinned", {}), ("unpinned", {"ENABLE_CPU_PINNING": False})):
        results = context.Queue()
        properties = {"INFERENCE_NUM_THREADS": 1} | extra
        workers = [context.Process(target=infer, args=(properties, results)) for _ in range(2)]
        for worker in workers:
            worker.start()
        cores = [results.get() for _ in workers]
        for worker in workers:
            worker.join()
        is_one = all(core.isdecimal() for core in cores)
        same = "the same" if len(set(cores)) == 1 else "different ones"
        print(f"{name}: {'one core' if is_one else 'several cores'}, {same} in both processes")
PYTHON

expected="pinned: one core, the same in both processes
unpinned: several cores, the same in both processes"
seen=$("$folder/venv/bin/python" "$folder/cores.py")

echo "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'changed; expected:\n%s\n' "$expected" >&2
  exit 1
fi
