"""Options of one export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from action_recognition.deploy.delivery.card import NOT_STATED


@dataclass(frozen=True)
class ExportOptions:
    """Choices for the files to write, and facts for the record and the model card.

    Attributes:
        fp16: add an IR whose weights are stored as FP16.
        check_clips: the number of synthetic clips on which the files are compared with PyTorch.
        stream_frames: for each number, write a network that takes so many frames a call.
            None is 4 for a causal network (1 at less than 12 frames a second), else none.
        command: the command line, for the record. The fields after it are for the model card.

    """

    onnx: bool = True
    openvino: bool = True
    fp16: bool = False
    embed_normalization: bool = True
    color_order: Literal["RGB", "BGR"] = "RGB"
    check_clips: int = 6
    stream_frames: tuple[int, ...] | None = None
    command: str = ""
    evaluations: Sequence[Path] = ()
    intended_use: str = NOT_STATED
    data_licence: str = NOT_STATED
    weights_licence: str = NOT_STATED
