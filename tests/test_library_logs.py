"""A machine without Triton gets no line about it from torch."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_is_said_about_triton() -> None:
    program = """
import sys
sys.modules["triton"] = None
import action_recognition
import torch
torch.version.cuda = "13.0"
import torch.utils.flop_counter
print("imported")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == ("imported\n", "")
