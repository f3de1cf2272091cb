"""The record that a run leaves about itself: versions, command, seed, data."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from action_recognition import __version__
from action_recognition.files import write_text
from action_recognition.template import MODEL_FILE, TEMPLATE_FILE, ModelConfig, Template

_PACKAGES = ("torch", "torchvision", "lightning", "mmcv-lite", "numpy", "opencv-python", "av")


def run_record(
    seed: int, annotation_sha256: Mapping[str, str], start_weights: Mapping[str, str]
) -> dict[str, Any]:
    """Return plain values that say how a run was made.

    `annotation_sha256` identifies the data: the checksum of each annotation file by its name.
    `start_weights` has their source, checksum, licence and the report of loading them.
    """
    return {
        "action_recognition": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "command": shlex.join(sys.argv),
        "seed": seed,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "start_weights": dict(start_weights),
        "annotation_sha256": dict(annotation_sha256),
    }


def write_template(template: Template, model: ModelConfig, folder: Path) -> None:
    """Write `template.yaml` and `model.yaml` as trained: with the flags' values in their places."""
    for name, section in ((TEMPLATE_FILE, template), (MODEL_FILE, model)):
        plain = section.model_dump(mode="json")
        write_text(folder / name, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git_commit() -> str:
    """Return the commit of the toolkit, or an empty text where it was not cloned."""
    here = str(Path(__file__).resolve().parent)
    command = ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        found = subprocess.run(  # noqa: S603 - our own words, no shell
            command, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()
