"""One OpenVINO core a process: what happens to a process with more of them, and that nothing makes
a second one.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A data worker of PyTorch leaves a handler for the end of children; the cores go in the order in
# which they came; then a child ends.
TWO_MODELS = """
import gc, subprocess, sys
import numpy as np, torch
from openvino import opset13 as ops, Model
from action_recognition.openvino_core import openvino_core

def compiled():
    x = ops.parameter([1, 4], np.float32)
    return openvino_core().compile_model(Model([ops.relu(x)], [x]), "CPU")

list(torch.utils.data.DataLoader([1, 2], num_workers=1))
first, second = compiled(), compiled()
del first; gc.collect()
del second; gc.collect()
subprocess.run([sys.executable, "-c", ""], check=True)
"""


def test_models_that_go_in_the_order_they_came_leave_the_process_alive() -> None:
    result = subprocess.run(
        [sys.executable, "-c", TWO_MODELS], capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr


def test_nothing_makes_a_core_of_its_own() -> None:
    files = [
        path
        for folder in ("action_recognition", "tools", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    ]
    makers = [
        path.relative_to(ROOT).as_posix()
        for path in files
        if "Core()" in path.read_text(encoding="utf-8")
    ]
    assert makers == ["action_recognition/openvino_core.py"]
