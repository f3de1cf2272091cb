"""The peak of a process is its own, and not that of the process that started it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from action_recognition.peak_memory import peak_memory_bytes

_CHILD = "from action_recognition.peak_memory import peak_memory_bytes; print(peak_memory_bytes())"


def test_what_is_held_counts_here_and_not_in_a_process_that_is_started_later() -> None:
    before = peak_memory_bytes()
    held = np.ones((before + 200_000_000) // 8)
    assert peak_memory_bytes() > held.nbytes

    del held
    command = [sys.executable, "-c", _CHILD]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 1_000_000 < int(done.stdout) < before
