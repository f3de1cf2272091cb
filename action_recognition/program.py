"""The places of the toolkit's own files, and the words by which its commands are typed.

In a clone, commands are scripts: `python tools/data/check.py`. Where a wheel is installed there is
no clone. There one types `gestures check`, and the files of the clone lie in `shipped/`.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "shipped"
# The one script whose command has a shorter name.
_SHORTER = {"instantiate-template": "instantiate"}

IS_CLONE = not _SHIPPED.is_dir()
TOOLKIT = _PACKAGE.parent if IS_CLONE else _SHIPPED
"""The folder with `model_templates/` and `tools/`: the clone, or what the wheel brought."""

_state = {"by_gestures": False}


def called_by_gestures() -> None:
    """Let usage lines from now on name the command `gestures`."""
    _state["by_gestures"] = True


def command_name(script: str) -> str:
    """Return the name under which `gestures` knows a script.

    >>> command_name("tools/data/import_clips.py")
    'import-clips'
    >>> command_name("instantiate_template.py")
    'instantiate'
    """
    name = Path(script).stem.replace("_", "-")
    return _SHORTER.get(name, name)


def program(script: str) -> str:
    """Return the name of a command for its usage line, as the user typed it.

    >>> program("train.py")
    'train.py'
    """
    return f"gestures {command_name(script)}" if _state["by_gestures"] else script


def typed(script: str) -> str:
    """Return the words that start a script of `tools/`, for a message that says what to type.

    They hold in the clone's folder, or anywhere if a wheel is installed.
    """
    return f"python {script}" if IS_CLONE else f"gestures {command_name(script)}"
