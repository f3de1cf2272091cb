"""What a run leaves about itself: versions, command, seed, data."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from action_recognition import __version__
from action_recognition.template import MODEL_FILE, TEMPLATE_FILE, ModelConfig, Template

_PACKAGES = ("torch", "torchvision", "lightning", "mmcv-lite", "numpy", "opencv-python", "av")


def run_record(
    seed: int, ann_files: Sequence[Path], start_weights: Mapping[str, str]
) -> dict[str, Any]:
    """Plain values that say how a run was made; the data is identified by the sha256 of each annotation file."""
    return {
        "action_recognition": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "command": shlex.join(sys.argv),
        "seed": seed,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "start_weights": dict(start_weights),  # source, sha256, licence, report
        "annotation_sha256": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in ann_files
        },
    }


def write_json(content: Any, path: Path) -> None:
    """Write beside, then rename."""
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def write_template(template: Template, model: ModelConfig, folder: Path) -> None:
    """`template.yaml` and `model.yaml` as trained: the work dir's with the values of the flags in their places."""
    for name, section in ((TEMPLATE_FILE, template), (MODEL_FILE, model)):
        partial = folder / f".{name}.part"
        partial.write_text(
            yaml.safe_dump(section.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
            encoding="utf-8",
        )
        partial.replace(folder / name)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git_commit() -> str:
    """The commit of the toolkit, or empty where it was not cloned."""
    command = [
        "git",
        "-C",
        str(Path(__file__).resolve().parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
    ]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
