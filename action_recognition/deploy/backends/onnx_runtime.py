"""An exported ONNX file in ONNX Runtime."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import numpy as np
import onnxruntime

from action_recognition.deploy.backends.model_files import (
    check_form,
    check_metadata_are_there,
    check_shapes,
    unreadable,
)
from action_recognition.deploy.backends.protocol import (
    InferenceThreads,
    Pixels,
    Scores,
    check_clips,
    network_input,
    stack_scores,
)
from action_recognition.deploy.metadata import DeployMetadata, from_strings

_QUANTISED = b"QuantizeLinear"


def open_session(path: Path, num_threads: int | None) -> onnxruntime.InferenceSession:
    """A `UserError` names a file that is no readable network."""
    options = onnxruntime.SessionOptions()
    if num_threads is not None:
        options.intra_op_num_threads = num_threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no base class of their own
        raise unreadable(path, error) from None


class OnnxBackend:
    """An exported ONNX file in ONNX Runtime on the CPU, f32 but for what is quantised, one clip at a time.

    `metadata` replace what the file says about itself, for a file that says nothing.
    """

    def __init__(
        self, path: Path, num_threads: int | None = None, metadata: DeployMetadata | None = None
    ) -> None:
        self._session = open_session(path, num_threads)
        inputs, outputs = (
            [tuple(item.shape) for item in items]
            for items in (self._session.get_inputs(), self._session.get_outputs())
        )
        check_form(path, inputs, outputs)
        if metadata is None:
            strings = self._session.get_modelmeta().custom_metadata_map
            check_metadata_are_there(path, strings, inputs, outputs)
            metadata = from_strings(strings, str(path))
        self.metadata = metadata
        check_shapes(path, self.metadata, inputs, outputs)
        self._input = self._session.get_inputs()[0].name
        self._queue = InferenceThreads(self.scores)
        precision = "int8" if _QUANTISED in path.read_bytes() else "f32"
        self.runs_as = (
            f"ONNX Runtime {onnxruntime.__version__}, {precision}, {num_threads or 'all'} threads"
        )

    def scores(self, clips: Pixels) -> Scores:
        """As `Backend.scores`: the exported graphs take one clip, so a batch is a loop, no slower on a CPU."""
        check_clips(clips, self.metadata)
        return stack_scores([self._infer(clip) for clip in clips], self.metadata)

    def submit(self, clip: Pixels) -> Future[Scores]:
        check_clips(clip[None], self.metadata)
        return self._queue.submit(clip)

    def _infer(self, clip: Pixels) -> Scores:
        outputs = self._session.run(None, {self._input: network_input(clip[None], self.metadata)})
        return np.array(outputs[0][0], np.float32)
