"""Model files on the disk: their names, the record beside them, and one that is open."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import UserError, user_error
from action_recognition.files import sha256_of
from action_recognition.json_files import parse_json

# Names of files in an exported folder that other modules ask for.
RECORD_FILE: Final = "export_record.json"
ONNX_FILE: Final = "model.onnx"
IR_FILE: Final = "model.xml"
ONNX_INT8_FILE: Final = "model_int8.onnx"


@dataclass(frozen=True)
class OpenedFile:
    """A model file that an engine has read, with all its checks passed.

    `network` is an `openvino.Model` or an `onnxruntime.InferenceSession`.
    """

    path: Path
    network: Any
    metadata: DeployMetadata
    keeps_state: bool
    is_quantised: bool


def model_in(path: Path) -> Path:
    """Return the model of an exported folder, the IR before the ONNX file, or the path of a file.

    Raises UserError: the folder holds neither.
    """
    if not path.is_dir():
        return path
    for name in (IR_FILE, ONNX_FILE):
        if (path / name).is_file():
            return path / name

    inner = path / "export"
    fix = f"name {inner}" if inner.is_dir() else "name the folder that export.py wrote"
    raise user_error(str(path), f"the folder holds no {IR_FILE} or {ONNX_FILE}", fix=fix)


def check_against_record(path: Path) -> None:
    """Compare a model's files with the sums that export.py wrote beside them.

    Raises UserError: damage, or files of two exports mixed.
    """
    read_checked(path)


def read_checked(path: Path) -> bytes:
    """Return the content of a model file whose sums are those of the record beside it.

    An IR's weights are compared too. Without a record nothing is compared.
    Raises UserError: damage, files of two exports mixed, or a record that cannot be read.
    """
    content = path.read_bytes()
    sums = _recorded_sums(path.with_name(RECORD_FILE))

    if path.name in sums and hashlib.sha256(content).hexdigest() != sums[path.name]:
        raise _not_recorded(path)
    # The weights of an IR that are not there are the engine's error.
    weights = path.with_suffix(".bin")
    is_compared = path.suffix == ".xml" and weights.name in sums and weights.is_file()
    if is_compared and sha256_of(weights) != sums[weights.name]:
        raise _not_recorded(weights)
    return content


def unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a file that an engine cannot read, with the engine's last line."""
    # The last line gives the reason. Those before it name places in the engine's code.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[-1] if lines else type(error).__name__
    return user_error(
        str(path),
        f"is not a readable model ({reason[:200]})",
        fix="it is damaged or cut short; export or copy it again",
    )


def _recorded_sums(record_path: Path) -> dict[str, Any]:
    """Return the SHA-256 of each file that the record names, nothing where there is no record."""
    if not record_path.is_file():
        return {}

    try:
        outputs = parse_json(record_path.read_text(encoding="utf-8"))["outputs"]
        return {item["name"]: item["sha256"] for item in outputs}
    except (OSError, ValueError, KeyError, TypeError):
        found = "is not readable as a record of an export"
        raise user_error(str(record_path), found, fix="export again") from None


def _not_recorded(file: Path) -> UserError:
    found = f"is not the file that {RECORD_FILE} beside it names: damaged, or of another export"
    return user_error(str(file), found, fix="export or copy again")
