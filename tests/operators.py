"""The exporter's table of 500 operators, once in a process and its children.

`torch.onnx.export` makes it anew for every model: one and a half seconds, most of a small export.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

EXPORTER: Final = "torch.onnx._internal.exporter._core"


def keep_one_table() -> Callable[[], object]:
    """Let every export of this process use one table. Return what makes it, or gives it."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    if not hasattr(ONNXRegistry.from_torchlib, "cache_clear"):
        kept = functools.cache(ONNXRegistry.from_torchlib)
        ONNXRegistry.from_torchlib = staticmethod(kept)  # type: ignore[method-assign]
    return ONNXRegistry.from_torchlib
