"""Lightning is imported without the libraries that this toolkit does not use of it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import action_recognition.training
import lightning, torchmetrics, torch
heavy = {"scipy", "torchvision", "matplotlib", "torch._dynamo"}
print(sorted(heavy & sys.modules.keys()))

# Optimisers of runs ask for no compiler.
from action_recognition.training.step.eager_optimizers import EagerAdamW, EagerSGD
for kind in (EagerAdamW, EagerSGD):
    optimizer = kind([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    optimizer.zero_grad()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print(sorted(heavy & sys.modules.keys()))

# Everybody else finds them, and metrics work.
import importlib.metadata
import matplotlib, scipy
from torch._dynamo import OptimizedModule
from torchmetrics.classification import MulticlassAccuracy
print(importlib.metadata.version("scipy") == scipy.__version__)
print(float(MulticlassAccuracy(2)(torch.tensor([0, 1]), torch.tensor([0, 1]))))
print(any("lean_imports" in type(finder).__module__ for finder in sys.meta_path))
print(isinstance(torch.compile(torch.nn.Linear(2, 2), backend="eager"), OptimizedModule))
"""


def test_they_are_imported_lean_and_nothing_stays_hidden() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[]", "[]", "True", "1.0", "False", "True"]
