"""IR files in OpenVINO: read and checked once, then compiled for a device."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import openvino

from action_recognition.console import counted
from action_recognition.deploy.backends.finite_values import check_finite_weights
from action_recognition.deploy.backends.model_files import OpenedFile, read_checked, unreadable
from action_recognition.deploy.backends.network_checks import (
    NetworkShapes,
    Shape,
    check_metadata_are_there,
    check_stateful_shapes,
    clip_metadata,
)
from action_recognition.deploy.backends.protocol import Hint, Precision
from action_recognition.deploy.metadata import DeployMetadata, from_strings, openvino_strings
from action_recognition.errors import user_error
from action_recognition.openvino_core import openvino_core

# Names that let OpenVINO choose among the devices of the machine.
_CHOOSING: Final = ("AUTO", "MULTI", "HETERO", "BATCH")
# An IR that assigns variables keeps a state from one call to the next.
_KEEPS_STATE: Final = b'type="Assign"'


@dataclass(frozen=True)
class OpenVinoSettings:
    """Choices for one compiled network. `num_threads` None leaves the number to OpenVINO."""

    num_threads: int | None = None
    precision: Precision = "f32"
    device: str = "CPU"
    hint: Hint = "latency"

    def properties(self) -> dict[str, Any]:
        """Return the choices as OpenVINO's properties."""
        properties: dict[str, Any] = {"PERFORMANCE_HINT": self.hint.upper()}

        if self.num_threads is not None:
            properties["INFERENCE_NUM_THREADS"] = self.num_threads
            # Pinned threads of several processes would all share the first cores.
            properties["ENABLE_CPU_PINNING"] = False
        # Otherwise OpenVINO may compute in bf16 or f16.
        if self.precision == "f32":
            properties["INFERENCE_PRECISION_HINT"] = "f32"
        return properties


def open_ir(
    path: Path, settings: OpenVinoSettings, metadata: DeployMetadata | None = None
) -> OpenedFile:
    """Read an IR and check it: the record's sums, the device, the network and its metadata.

    `metadata` replace those of the file, for a network of clips without any.
    Raises UserError: a damaged file, a device that is not available, another kind of network, or
    metadata that are missing or describe another network.
    """
    content = read_checked(path)
    check_device(settings)
    model = _read_ir(path, content)
    check_finite_weights(path, _float_weights(model))
    # Metadata from the caller describe a network for clips, whatever the file contains.
    keeps_state = metadata is None and _KEEPS_STATE in content
    is_quantised = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
    shapes = NetworkShapes(_static_shapes(model.inputs), _static_shapes(model.outputs))

    if keeps_state:
        found = _stateful_metadata(path, shapes, model)
    else:
        if is_quantised:
            check_int8(path, settings.device, _capabilities())
        found = clip_metadata(path, shapes, openvino_strings(model), metadata)
    return OpenedFile(path, model, found, keeps_state, is_quantised)


def compile_ir(opened: OpenedFile, settings: OpenVinoSettings) -> Any:
    """Compile an opened IR. Raises UserError: the device cannot run it, or it is damaged."""
    device = settings.device
    try:
        return openvino_core().compile_model(opened.network, device, settings.properties())
    except RuntimeError as error:
        # The CPU runs every network that passed the checks, so the file is to blame.
        if device == "CPU":
            raise unreadable(opened.path, error) from None
        reason = str(error).splitlines()[-1].strip()[:200]
        raise user_error("device", f"{device} cannot run {opened.path.name} ({reason})") from None


def described_run(compiled: Any, settings: OpenVinoSettings) -> str:
    """Return engine, precision and threads of a compiled network in one line, for reports."""
    # Without the build number and the commit.
    version = openvino.__version__.split("-")[0]
    where = settings.device
    if where == "CPU":
        where = counted(int(compiled.get_property("INFERENCE_NUM_THREADS")), "thread")
    return f"OpenVINO {version}, {computed_precision(compiled, settings.precision)}, {where}"


def computed_precision(compiled: Any, asked: str) -> str:
    """Return the precision that a compiled network computes in: `f32`, `bf16`, `f16`.

    It is `asked` where the device does not tell.
    """
    try:
        return str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
    except RuntimeError:
        return asked


def wanted_requests(compiled: Any) -> int:
    """Return how many requests OpenVINO wants to run at once: 1 for the hint `latency`."""
    return int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))


def check_device(settings: OpenVinoSettings) -> None:
    """Refuse a device that is not available, and a number of threads for one that has none."""
    device = settings.device
    # It is there always, and to look for the others takes a while.
    if device == "CPU":
        return
    there = list(openvino_core().available_devices)
    # `GPU` is there where `GPU.0` is.
    name = _device_kind(device)
    known = {_device_kind(item) for item in there}

    if device not in there and name not in known and name not in _CHOOSING:
        allowed, fix = ", ".join([*there, "AUTO"]), "check its driver, or name another device"
        raise user_error("device", f"{device!r} is not available", allowed, fix)
    if settings.num_threads is not None and name != "CPU":
        fix = "leave it out, or use the device CPU"
        raise user_error("num_threads", f"{device} has no threads to set", fix=fix)


def check_int8(path: Path, device: str, capabilities: Mapping[str, Sequence[str]]) -> None:
    """Refuse a quantised network on a device that does not compute in INT8.

    `capabilities` are those of each device of the machine.
    """
    able = [name for name, found in capabilities.items() if "INT8" in found]
    name = device.partition(":")[0]
    is_able = any(item == device or item.partition(".")[0] == name for item in able)
    if name not in _CHOOSING and not is_able:
        found = f"{device} does not compute in INT8, and {path.name} is quantised"
        raise user_error("device", found, ", ".join(able), "take model.xml or model_fp16.xml there")


def _device_kind(device: str) -> str:
    """Return the name of a device without its number and what it may choose among."""
    return device.partition(":")[0].partition(".")[0]


def _capabilities() -> dict[str, Sequence[str]]:
    """Return the names of the types that each device of the machine computes in."""
    core = openvino_core()
    return {
        name: core.get_property(name, "OPTIMIZATION_CAPABILITIES")
        for name in core.available_devices
    }


def _read_ir(path: Path, content: bytes) -> Any:
    """Read the network of an IR. `content` is that of the .xml, to explain an error."""
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        found = "there is no such file; an IR is .xml and .bin together"
        raise user_error(str(weights), found, fix="copy both")

    try:
        return openvino_core().read_model(path)
    except RuntimeError as error:
        # A newer OpenVINO may write operations that this one does not know.
        written_by, here = _written_by(content), openvino.__version__
        if _release(written_by) <= _release(here):
            raise unreadable(path, error) from None
        found = f"was written by OpenVINO {written_by}, which {here.split('-')[0]} cannot read"
        fix = "update OpenVINO, or export the model again with this one"
        raise user_error(str(path), found, fix=fix) from None


def _float_weights(model: Any) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield name and values of each floating-point constant."""
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and node.get_element_type().is_real():
            yield node.get_friendly_name(), node.data


def _written_by(content: bytes) -> str:
    """Return the OpenVINO that an IR names as its writer, `2026.4.1`, empty if it names none."""
    match = re.search(rb'<Runtime_version value="(\d+\.\d+[.\d]*)', content)
    return match[1].decode() if match else ""


def _release(version: str) -> tuple[int, ...]:
    """Return year and number, to compare: (2026, 4)."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _stateful_metadata(path: Path, shapes: NetworkShapes, model: Any) -> DeployMetadata:
    """Check a network that keeps a state and return the metadata of its file."""
    inputs, outputs = shapes.inputs, shapes.outputs
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0]) != 4:
        wanted = "frames (k, height, width, 3) for scores (s, labels)"
        found = f"keeps a state and does not take {wanted}"
        raise user_error(str(path), found, fix="name a model that export.py wrote")

    # The message about missing metadata names the sizes of a clip: those of one call.
    num_frames, height, width, _ = inputs[0]
    as_clip = NetworkShapes([(1, 3, num_frames, height, width)], outputs)
    strings = openvino_strings(model)
    check_metadata_are_there(path, strings, as_clip)
    metadata = from_strings(strings, str(path))
    check_stateful_shapes(path, metadata, inputs[0], outputs[0])
    return metadata


def _static_shapes(ports: list[Any]) -> list[Shape]:
    """Return the shapes of inputs or outputs, with `?` for a size that is not fixed."""
    return [_static_shape(port.get_partial_shape()) for port in ports]


def _static_shape(shape: Any) -> Shape:
    if shape.rank.is_dynamic:
        return ("of any rank",)
    return tuple(size.get_length() if size.is_static else "?" for size in shape)
