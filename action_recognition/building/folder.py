"""The folder that a build fills: its places, and the record of the steps that are done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from action_recognition.errors import user_error
from action_recognition.files import write_json

RECORD_FILE: Final = "build.json"
_MADE_BY: Final = "tools/build_model.py"


@dataclass(frozen=True)
class BuildFolder:
    """The places below the folder of `--output`."""

    root: Path

    @property
    def data(self) -> Path:
        """Annotation files and the report of the import."""
        return self.root / "data"

    @property
    def films(self) -> Path:
        """Lists of the films, where photos lie beside them."""
        return self.root / "films"

    @property
    def work_dir(self) -> Path:
        """The work dir of the template."""
        return self.root / "work_dir"

    @property
    def outputs(self) -> Path:
        """Checkpoints of the training."""
        return self.work_dir / "outputs"

    @property
    def measured(self) -> Path:
        """Files of eval.py."""
        return self.root / "measured"

    @property
    def export(self) -> Path:
        """The exported model."""
        return self.root / "export"

    @property
    def logs(self) -> Path:
        """A text of each step: all that its command printed."""
        return self.root / "logs"

    @property
    def report(self) -> Path:
        """The page at the end."""
        return self.root / "report.html"


@dataclass
class DoneStep:
    """A step that ended well. `key` is a checksum over its commands and all that came before."""

    key: str
    commands: list[str]
    seconds: float
    cpu_seconds: float


@dataclass
class BuildRecord:
    """The steps that are done, by name. The file is written after each of them.

    `begun` has the key of each step that was ever begun: half-done work belongs to that key alone.
    """

    path: Path
    source: str
    steps: dict[str, DoneStep] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)

    def is_done(self, name: str, key: str) -> bool:
        """Return True if this step ended well with the same commands on the same data."""
        return name in self.steps and self.steps[name].key == key

    def begin(self, name: str, key: str, before: Collection[str]) -> None:
        """Note that a step begins. All but the steps `before` it are no longer done."""
        self.steps = {done: step for done, step in self.steps.items() if done in before}
        self.begun[name] = key
        self.write()

    def add(self, name: str, step: DoneStep) -> None:
        """Note a step, and write the file."""
        self.steps[name] = step
        self.write()

    def write(self) -> None:
        """Write the file. It also says that the folder is one of this command."""
        content = {"made_by": _MADE_BY, "source": self.source, "begun": self.begun}
        write_json(self.path, content | {"steps": {k: asdict(v) for k, v in self.steps.items()}})


def open_folder(root: Path, source: Path) -> tuple[BuildFolder, BuildRecord]:
    """Make the folder, or open that of an earlier run.

    Raises UserError: files are there that no build made, or the folder lies within the source.
    """
    if root.exists() and not root.is_dir():
        raise user_error(f"--output {root}", "is a file", fix="name a folder")
    if root.resolve().is_relative_to(source.resolve()):
        found = f"lies within the clips, {source}"
        raise user_error(f"--output {root}", found, fix="name a folder elsewhere")

    folder = BuildFolder(root.resolve())
    path = folder.root / RECORD_FILE
    if root.is_dir() and any(root.iterdir()) and not path.is_file():
        names = ", ".join(sorted(entry.name for entry in root.iterdir())[:5])
        found = f"holds files that this command did not make: {names}"
        raise user_error(f"--output {root}", found, fix="name a new folder")
    return folder, BuildRecord(path, str(source.resolve()), *_read_steps(path))


def _read_steps(path: Path) -> tuple[dict[str, DoneStep], dict[str, str]]:
    """Return the steps that an earlier run did and those it began, none without the file."""
    if not path.is_file():
        return {}, {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["made_by"] != _MADE_BY:
            raise ValueError(path)
        steps = {name: DoneStep(**step) for name, step in content["steps"].items()}
        return steps, dict(content.get("begun", {}))
    except (ValueError, KeyError, TypeError, AttributeError):
        fix = "delete it to begin again, or name another --output"
        raise user_error(str(path), "is no record of this command", fix=fix) from None


def key_of(commands: Sequence[str], before: str) -> str:
    """Return a checksum over commands and the key of the step before.

    >>> key_of(["train.py"], "") == key_of(["train.py"], ""), len(key_of([], "a"))
    (True, 16)
    """
    return hashlib.sha256("\n".join([before, *commands]).encode()).hexdigest()[:16]
