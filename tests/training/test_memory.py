"""What a step frees is there for the next one."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from action_recognition.training.memory import keep_freed_memory

NUM_BYTES = 64 * 1024**2  # more than the C library ever keeps by itself


def new_pages() -> int:
    """Pages that the system has to fill for one tensor."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensor = torch.ones(NUM_BYTES // 4)
    assert float(tensor[-1]) == 1.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="told to the GNU C library")
def test_freed_tensors_are_not_asked_for_again() -> None:
    assert keep_freed_memory()
    asked = [new_pages() for _ in range(20)]  # the first ones find their places
    assert max(asked[10:]) < NUM_BYTES // resource.getpagesize() // 4, asked  # else every page is a new one
