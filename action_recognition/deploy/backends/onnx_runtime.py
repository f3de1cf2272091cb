"""ONNX files in ONNX Runtime: read and checked once, and the backend for clips."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import numpy as np
import onnxruntime

from action_recognition.console import counted
from action_recognition.deploy.backends.finite_values import (
    check_finite_weights,
    finite_scores,
)
from action_recognition.deploy.backends.model_files import OpenedFile, read_checked, unreadable
from action_recognition.deploy.backends.network_checks import (
    NetworkShapes,
    Shape,
    check_stateful_shapes,
    clip_metadata,
)
from action_recognition.deploy.backends.onnx_weights import float_weights
from action_recognition.deploy.backends.protocol import (
    Clips,
    InferenceThreads,
    Scores,
    check_clips,
    network_input,
    stack_scores,
)
from action_recognition.deploy.backends.stateful import NEXT_STATE_PREFIX, STATE_PREFIX
from action_recognition.deploy.metadata import DeployMetadata, from_strings
from action_recognition.errors import user_error

# The name of an operation that only quantised graphs contain.
_QUANTISED = b"QuantizeLinear"


def open_onnx(
    path: Path, num_threads: int | None, metadata: DeployMetadata | None = None
) -> OpenedFile:
    """Read an ONNX file and check it: the record's sums, the network and its metadata.

    `metadata` replace those of the file, for a network of clips without any.
    Raises UserError: a damaged file, another kind of network, or metadata that are missing or
    describe another network.
    """
    keeps_state, is_quantised = _marks(path)
    # Metadata from the caller describe a network for clips, whatever the file contains.
    keeps_state = keeps_state and metadata is None
    session = open_session(path, num_threads)
    check_finite_weights(path, float_weights(memoryview(path.read_bytes())))
    strings = session.get_modelmeta().custom_metadata_map

    if keeps_state:
        # States are inputs and outputs here, so they are checked as well.
        found = from_strings(strings, str(path))
        _check_states(path, found, session)
    else:
        shapes = [
            [tuple(item.shape) for item in items]
            for items in (session.get_inputs(), session.get_outputs())
        ]
        found = clip_metadata(path, NetworkShapes(*shapes), strings, metadata)
    return OpenedFile(path, session, found, keeps_state, is_quantised)


def open_session(path: Path, num_threads: int | None) -> onnxruntime.InferenceSession:
    """Read a network for the CPU. Raises UserError: a file that is no readable network."""
    options = onnxruntime.SessionOptions()
    if num_threads is not None:
        options.intra_op_num_threads = num_threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise unreadable(path, error) from None


def described_run(opened: OpenedFile, num_threads: int | None) -> str:
    """Return engine, precision and threads in one line, for reports."""
    precision = "int8" if opened.is_quantised else "f32"
    threads = "all threads" if num_threads is None else counted(num_threads, "thread")
    return f"ONNX Runtime {onnxruntime.__version__}, {precision}, {threads}"


class OnnxBackend:
    """An ONNX file for clips on the CPU, one clip at a time, in f32 except where quantised."""

    def __init__(self, opened: OpenedFile, num_threads: int | None = None) -> None:
        self.metadata, self._name = opened.metadata, str(opened.path)
        self._session = opened.network
        self._input = self._session.get_inputs()[0].name
        self._queue = InferenceThreads(self.scores)
        self.runs_as = described_run(opened, num_threads)

    def scores(self, clips: Clips) -> Scores:
        """Score clips, as `Backend.scores` says.

        The exported graphs take one clip, so a batch is a loop: no slower on a CPU.
        """
        check_clips(clips, self.metadata)
        return stack_scores([self._infer(clip) for clip in clips], self.metadata)

    def submit(self, clip: Clips) -> Future[Scores]:
        """Score one clip later, as `Backend.submit` says."""
        check_clips(clip[None], self.metadata)
        return self._queue.submit(clip)

    def _infer(self, clip: Clips) -> Scores:
        outputs = self._session.run(None, {self._input: network_input(clip[None], self.metadata)})
        return finite_scores(np.array(outputs[0][0], np.float32), self._name)


def _marks(path: Path) -> tuple[bool, bool]:
    """Compare a file with its record. Returns whether it gives states and whether it is quantised.

    The content, as large as the weights, is released before the engine reads the file.
    """
    content = read_checked(path)
    return NEXT_STATE_PREFIX.encode() in content, _QUANTISED in content


def _check_states(
    path: Path, metadata: DeployMetadata, session: onnxruntime.InferenceSession
) -> None:
    """Refuse a file whose states do not match, or that its metadata do not describe."""
    frames, *states = session.get_inputs()
    scores, *next_states = session.get_outputs()
    if _by_name(states, STATE_PREFIX) != _by_name(next_states, NEXT_STATE_PREFIX):
        fix = "export the model again with export.py"
        raise user_error(str(path), "takes other states than those it gives", fix=fix)
    check_stateful_shapes(path, metadata, tuple(frames.shape), tuple(scores.shape))


def _by_name(states: list[onnxruntime.NodeArg], prefix: str) -> dict[str, Shape]:
    """Return the shape of each state by its name without the prefix."""
    return {item.name.removeprefix(prefix): tuple(item.shape) for item in states}
