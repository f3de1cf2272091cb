"""The templates that come with the toolkit, by their names."""

from __future__ import annotations

from pathlib import Path

from action_recognition.program import TOOLKIT


def shipped_templates() -> dict[str, Path]:
    """Return the folders of all templates of the toolkit by name, sorted."""
    folders = sorted((TOOLKIT / "model_templates").glob("*/*/template.yaml"))
    return {file.parent.name: file.parent for file in folders}


def named_template(path: Path) -> Path:
    """Return the folder of the template that `path` names, else `path` as it is.

    A name is one word, such as `hand-landmarks-clips`. A file or folder of that name comes first.
    """
    if path.exists() or path.name != str(path):
        return path
    return shipped_templates().get(path.name, path)
