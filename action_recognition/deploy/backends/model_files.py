"""What can be wrong with a model file, said before it is used: damage, another form of network, metadata that do not fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import UserError, user_error

RECORD_FILE: Final = "export_record.json"
ONNX_FILE: Final = "model.onnx"
IR_FILE: Final = "model.xml"
ONNX_INT8_FILE: Final = "model_int8.onnx"

Shape = tuple[int | str | None, ...]
"""Sizes of an input or output; text or None where it is not fixed."""

_MARK = "format_version"  # stands in every file that export.py wrote
_CLIP_FORM = "one input (1, 3, frames, height, width), one output (1, labels)"


def check_against_record(path: Path) -> None:
    """Compare a model's files with the sums that export.py wrote beside them: finds damage, and files of two exports mixed."""
    record_path = path.with_name(RECORD_FILE)
    if not record_path.is_file():
        return
    try:
        sums = {
            item["name"]: item["sha256"]
            for item in json.loads(record_path.read_text(encoding="utf-8"))["outputs"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        raise user_error(
            str(record_path), "is not readable as a record of an export", fix="export again"
        ) from None
    for file in (path, path.with_suffix(".bin")) if path.suffix == ".xml" else (path,):
        if (
            file.is_file()
            and file.name in sums
            and hashlib.sha256(file.read_bytes()).hexdigest() != sums[file.name]
        ):
            raise user_error(
                str(file),
                f"is not the file that {RECORD_FILE} beside it names: damaged, or of another export",
                fix="export or copy again",
            )


def check_form(path: Path, inputs: list[Shape], outputs: list[Shape]) -> None:
    """A `UserError` names a network of another kind: for images, with other inputs, or with the axes in another order."""
    kind = _other_kind(inputs, outputs)
    if kind:
        found = f"{kind}: it takes {_list(inputs)} and gives {_list(outputs)}"
        raise user_error(str(path), found, _CLIP_FORM, "name a model that export.py wrote")


def check_shapes(
    path: Path, metadata: DeployMetadata, inputs: list[Shape], outputs: list[Shape]
) -> None:
    """A `UserError` when the network is not the one that its metadata describe."""
    expected_input = (1, *metadata.clip_shape)
    if inputs != [expected_input]:
        raise user_error(
            str(path),
            f"takes {_list(inputs)}, its metadata say {expected_input}",
            fix="export the model again",
        )
    expected_output = (1, len(metadata.labels))
    if outputs != [expected_output]:
        raise user_error(
            str(path),
            f"gives {_list(outputs)}, its metadata name {len(metadata.labels)} labels",
            str(expected_output),
            "export the model again",
        )


def check_metadata_are_there(
    path: Path, keys: Iterable[str], inputs: list[Shape], outputs: list[Shape]
) -> None:
    """A `UserError` when the `keys` of a file's metadata are not ours: what such a network does not say, and how to say it."""
    if _MARK in keys:
        return
    _, _, clip_len, height, width = inputs[0]
    raise user_error(
        str(path),
        f"carries no metadata of ours. It takes {clip_len} frames of {width}x{height} and gives {outputs[0][-1]} scores, but does not say "
        "which labels these are, at how many frames per second, from what short side the frames are cut, in what colour order, "
        "nor mean, scale and score scale",
        fix="export it again with export.py, or state them: Predictor.from_path(path, metadata=DeployMetadata(...))",
    )


def unreadable(path: Path, error: Exception) -> UserError:
    """The engine's last line, as the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[-1] if lines else type(error).__name__
    return user_error(
        str(path),
        f"is not a readable model ({reason[:200]})",
        fix="it is damaged or cut short; export or copy it again",
    )


def _other_kind(inputs: list[Shape], outputs: list[Shape]) -> str:
    """Why no clips can be recognised with such a network; empty when they can."""
    if len(inputs) != 1 or len(outputs) != 1:
        return "is a network with several inputs or outputs, or with none"
    if len(inputs[0]) == 4:
        return "is a network for single images"
    if len(inputs[0]) != 5 or len(outputs[0]) != 2:
        return "is no network that classifies clips"
    if inputs[0][1] != 3:
        return "has its axes in another order: the second is not the three colours"
    return ""


def _list(shapes: list[Shape]) -> str:
    return (
        " and ".join(
            f"({', '.join('?' if size is None else str(size) for size in shape)})"
            for shape in shapes
        )
        or "nothing"
    )
