"""Read weights files and recognise their form. Nothing in a file is executed."""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from action_recognition.errors import UserError, user_error

NETWORK_PREFIX = "network."
TRAINED_MODEL_KEY = "trained_model"
# The original saved its network inside a wrapper for several GPUs.
_MODULE_PREFIX = "module."
_WEIGHTS = "a state_dict, or a checkpoint with a 'state_dict' key"

# PyTorch's messages about objects that its weights-only reader refuses.
_REFUSALS = ("Unsupported", "WeightsUnpickler", "GLOBAL")
# Errors that torch.load raises for bytes that are not a checkpoint.
_UNREADABLE = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
    IndexError,
    MemoryError,
    UnicodeDecodeError,
)

CheckpointForm = Literal["trained_model", "original"]


@dataclass(frozen=True)
class RawCheckpoint:
    """The content of a weights file, before it is known which network it fits.

    `state_dict` has no `module.` or `network.` prefix. `class_map` is the original's meta.CLASSES:
    own index -> label number.
    """

    path: Path
    sha256: str
    form: CheckpointForm
    state_dict: dict[str, Tensor]
    class_map: dict[int, int] | None = None
    content: dict[str, Any] = field(default_factory=dict)


def read_checkpoint(path: Path) -> RawCheckpoint:
    """Read a weights file of this toolkit, of the original one or of a network for images.

    Nothing in it is executed.
    Raises UserError: the file is missing, is no checkpoint, is damaged, or holds other objects than
    tensors and plain values.
    """
    if not path.is_file():
        fix = "check the path given to --load-weights or --resume-from"
        raise user_error(str(path), "there is no such weights file", fix=fix)
    data = path.read_bytes()
    content = _unpickle(path, data)
    if not isinstance(content, Mapping):
        raise user_error(str(path), f"holds a {type(content).__name__}, not weights", _WEIGHTS)

    # A state_dict stands alone in its file, or beside other content.
    nested = content.get("state_dict")
    tensors = nested if isinstance(nested, Mapping) else content
    form: CheckpointForm = "trained_model" if TRAINED_MODEL_KEY in content else "original"
    return RawCheckpoint(
        path=path,
        # Of the whole file.
        sha256=hashlib.sha256(data).hexdigest(),
        form=form,
        state_dict=_state_dict(path, tensors, form),
        class_map=_class_map(content.get("meta")),
        content=dict(content) if tensors is not content else {},
    )


def _state_dict(path: Path, tensors: Mapping[Any, Any], form: CheckpointForm) -> dict[str, Tensor]:
    """Return the tensors by name, without the prefix of the wrapper that saved them."""
    found = {str(key): value for key, value in tensors.items() if isinstance(value, Tensor)}
    if not found:
        raise user_error(str(path), "holds no weights", _WEIGHTS)
    _check_numbers(path, found)
    # Each writer wraps its network under another name.
    prefix = NETWORK_PREFIX if form == "trained_model" else _MODULE_PREFIX
    return {key.removeprefix(prefix): value for key, value in found.items()}


def _check_numbers(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise UserError that names the first tensor which a network cannot compute with."""
    for name, tensor in tensors.items():
        fault = _fault(name, tensor)
        if fault:
            fix = "it is damaged, or its training diverged; use another checkpoint"
            raise user_error(str(path), f"{name} {fault}", "finite numbers", fix)


def _fault(name: str, tensor: Tensor) -> str:
    """Return what is wrong with a tensor of weights, nothing if it is sound."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        return f"is a {tensor.layout} tensor of {tensor.dtype}, no plain one".replace("torch.", "")
    if not tensor.is_floating_point():
        return ""
    # Two extremes are quicker to find than a mask of all values, and pass NaN on.
    values = tensor.detach() if tensor.element_size() > 1 else tensor.detach().float()
    if not values.numel():
        return ""
    lowest, highest = (float(value) for value in torch.aminmax(values))
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        return "holds NaN or infinity"
    if name.endswith("running_var") and lowest < 0:
        return f"is a variance, and holds {lowest:g}"
    return ""


def _class_map(meta: Any) -> dict[int, int] | None:
    """Read meta.CLASSES of the original: {0: {own index: label number}}."""
    classes = meta.get("CLASSES") if isinstance(meta, Mapping) else None
    if not isinstance(classes, Mapping) or not isinstance(classes.get(0), Mapping):
        return None
    try:
        return {int(own): int(label) for own, label in classes[0].items()}
    except (TypeError, ValueError):
        return None


def _unpickle(path: Path, data: bytes) -> Any:
    """Decode the bytes of a weights file."""
    if path.suffix == ".safetensors":
        return _safetensors(path, data)
    if (member := _damaged_member(data)) is not None:
        found = f"is damaged: {member} does not agree with its checksum"
        raise user_error(str(path), found, fix="fetch it again, or use another checkpoint")

    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if any(word in str(error) for word in _REFUSALS):
            raise _unsafe(path) from None
        raise _unreadable(path) from None
    except _UNREADABLE:
        raise _unreadable(path) from None


def _safetensors(path: Path, data: bytes) -> dict[str, Tensor]:
    """Decode the form in which timm's hub stores weights. Nothing in it can be executed."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except SafetensorError:
        raise _unreadable(path) from None


def _damaged_member(data: bytes) -> str | None:
    """Return the part of a zip file that disagrees with its checksum. torch.load checks none.

    The result is None for a whole file and for a file of another form.
    """
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.testzip()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        return "its table of contents"


def _unsafe(path: Path) -> UserError:
    return user_error(
        str(path),
        "holds more than tensors and plain values; it was not loaded, since such a file can run "
        "any program",
        fix="use weights from a source you trust, saved as a plain state_dict",
    )


def _unreadable(path: Path) -> UserError:
    fix = "it is damaged or of another kind; fetch it again"
    return user_error(str(path), "is not a readable weights file", fix=fix)
