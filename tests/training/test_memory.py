"""What a step frees is there for the next one."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from action_recognition.training.memory import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="told to the GNU C library")
def test_freed_tensors_are_not_asked_for_again() -> None:
    assert keep_freed_memory()
    num_bytes = 64 * 1024**2
    first = torch.ones(num_bytes // 4)
    del first
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    again = torch.ones(num_bytes // 4)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert float(again[-1]) == 1.0
    assert faults < num_bytes // resource.getpagesize() // 4  # else every page is a new one
