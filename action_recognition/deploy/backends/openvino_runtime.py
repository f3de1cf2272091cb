"""An exported IR in OpenVINO."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino

from action_recognition.deploy.backends.model_files import (
    Shape,
    check_form,
    check_metadata_are_there,
    check_shapes,
    unreadable,
)
from action_recognition.deploy.backends.protocol import (
    Hint,
    InferenceThreads,
    Pixels,
    Precision,
    Scores,
    check_clips,
    network_input,
    stack_scores,
)
from action_recognition.deploy.metadata import SECTION, DeployMetadata, read_openvino
from action_recognition.errors import user_error
from action_recognition.openvino_core import openvino_core

_CHOOSING = (
    "AUTO",
    "MULTI",
    "HETERO",
    "BATCH",
)  # names that let OpenVINO choose among the devices that are there


class OpenVinoBackend:
    """An exported IR in OpenVINO, one clip at a time, several at once where `hint` is `throughput`.

    `metadata` replace what the IR says about itself, for one that says nothing. `num_requests`: how many clips OpenVINO
    wants to have at once.
    Errors: a file that is missing or damaged, a network of another kind, a device that is not there.
    """

    def __init__(
        self,
        path: Path,
        num_threads: int | None = None,
        precision: Precision = "f32",
        device: str = "CPU",
        hint: Hint = "latency",
        metadata: DeployMetadata | None = None,
    ) -> None:
        core = openvino_core()
        check_device(core, device, num_threads)
        model = read_ir(core, path)
        if any(node.get_type_name() == "FakeQuantize" for node in model.get_ops()):
            check_int8(
                path,
                device,
                {
                    name: core.get_property(name, "OPTIMIZATION_CAPABILITIES")
                    for name in core.available_devices
                },
            )
        inputs, outputs = static_shapes(model.inputs), static_shapes(model.outputs)
        check_form(path, inputs, outputs)
        self.metadata = metadata or own_metadata(model, path, inputs, outputs)
        check_shapes(path, self.metadata, inputs, outputs)
        try:
            self.compiled = core.compile_model(
                model, device, settings(num_threads, precision, hint)
            )
        except RuntimeError as error:
            if device != "CPU":
                raise user_error(
                    "device",
                    f"{device} cannot run {path.name} ({str(error).splitlines()[-1].strip()[:200]})",
                ) from None
            raise unreadable(path, error) from None
        self._device, self._asked = device, precision
        self.num_requests = wanted_requests(self.compiled)
        self._request = self.compiled.create_infer_request()
        self._threads: InferenceThreads | None = None
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self.runs_as = (
            f"OpenVINO {openvino.__version__.split('-')[0]}, {self.precision}, {self._where()}"
        )

    @property
    def precision(self) -> str:
        """The precision that the device computes in: `f32`, `bf16`, `f16`; what was asked for, where the device does not say."""
        return computed_precision(self.compiled, self._asked)

    def scores(self, clips: Pixels) -> Scores:
        """As `Backend.scores`; with `hint="throughput"` the clips of a batch are computed side by side."""
        check_clips(clips, self.metadata)
        if self.num_requests > 1:  # whoever asks may have several threads himself
            return stack_scores(
                [future.result() for future in [self.submit(clip) for clip in clips]], self.metadata
            )
        rows = [
            np.array(
                self._request.infer({0: network_input(clip[None], self.metadata)})[0], np.float32
            )[0]
            for clip in clips
        ]
        return stack_scores(rows, self.metadata)

    def submit(self, clip: Pixels) -> Future[Scores]:
        """As `Backend.submit`, with as many threads as OpenVINO wants clips at once, each with a request of its own.

        Not by OpenVINO's AsyncInferQueue, which calls Python from threads of its own.
        """
        check_clips(clip[None], self.metadata)
        if self._threads is None:
            for _ in range(self.num_requests):
                self._requests.put(self.compiled.create_infer_request())
            self._threads = InferenceThreads(self._scores_side_by_side, self.num_requests)
        return self._threads.submit(clip)

    def _scores_side_by_side(self, clips: Pixels) -> Scores:
        request = self._requests.get()
        try:
            return np.array(request.infer({0: network_input(clips, self.metadata)})[0], np.float32)
        finally:
            self._requests.put(request)

    def _where(self) -> str:
        return (
            f"{self.compiled.get_property('INFERENCE_NUM_THREADS')} threads"
            if self._device == "CPU"
            else self._device
        )


def computed_precision(compiled: Any, asked: str) -> str:
    """The precision that a compiled model computes in; `asked` where its device does not say."""
    try:
        return str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
    except RuntimeError:
        return asked


def check_device(core: Any, device: str, num_threads: int | None) -> None:
    there = list(core.available_devices)
    name = device.partition(":")[0].partition(".")[0]
    known = {item.partition(".")[0] for item in there}
    if device not in there and name not in known and name not in _CHOOSING:
        raise user_error(
            "device",
            f"{device!r} is not there",
            ", ".join([*there, "AUTO"]),
            "check its driver, or name another device",
        )
    if num_threads is not None and name != "CPU":
        raise user_error(
            "num_threads",
            f"{device} has no threads to choose",
            fix="leave it out, or use the device CPU",
        )


def check_int8(path: Path, device: str, capabilities: Mapping[str, Sequence[str]]) -> None:
    """A `UserError` when a quantised network is asked of a device that does not compute in INT8; `capabilities` of each device."""
    able = [name for name, found in capabilities.items() if "INT8" in found]
    name = device.partition(":")[0]
    if name not in _CHOOSING and not any(
        item == device or item.partition(".")[0] == name for item in able
    ):
        found = f"{device} does not compute in INT8, and {path.name} is quantised"
        raise user_error("device", found, ", ".join(able), "take model.xml or model_fp16.xml there")


def read_ir(core: Any, path: Path) -> Any:
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise user_error(
            str(weights), "there is no such file; an IR is .xml and .bin together", fix="copy both"
        )
    try:
        return core.read_model(path)
    except RuntimeError as error:
        written_by, here = _written_by(path), openvino.__version__
        if _release(written_by) > _release(here):
            fix = "update OpenVINO, or export the model again with this one"
            raise user_error(
                str(path),
                f"was written by OpenVINO {written_by}, which {here.split('-')[0]} cannot read",
                fix=fix,
            ) from None
        raise unreadable(path, error) from None


def _written_by(path: Path) -> str:
    """The OpenVINO that an IR names as its writer, `2026.4.1`; empty where it names none."""
    match = re.search(rb'<Runtime_version value="(\d+\.\d+[.\d]*)', path.read_bytes())
    return match[1].decode() if match else ""


def _release(version: str) -> tuple[int, ...]:
    """Year and number, to compare: (2026, 4)."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def own_metadata(
    model: Any, path: Path, inputs: list[Shape], outputs: list[Shape]
) -> DeployMetadata:
    keys = model.get_rt_info([SECTION]).astype(dict) if model.has_rt_info([SECTION]) else {}
    check_metadata_are_there(path, keys, inputs, outputs)
    return read_openvino(model, str(path))


def wanted_requests(compiled: Any) -> int:
    """How many requests OpenVINO wants to have under way at once: 1 for the hint `latency`."""
    return int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))


def settings(num_threads: int | None, precision: Precision, hint: Hint) -> dict[str, Any]:
    settings: dict[str, Any] = {"PERFORMANCE_HINT": hint.upper()}
    if num_threads is not None:
        settings["INFERENCE_NUM_THREADS"] = num_threads
    if precision == "f32":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    return settings


def static_shapes(ports: list[Any]) -> list[Shape]:
    return [
        ("of any rank",)
        if port.get_partial_shape().rank.is_dynamic
        else tuple(
            size.get_length() if size.is_static else "?" for size in port.get_partial_shape()
        )
        for port in ports
    ]
