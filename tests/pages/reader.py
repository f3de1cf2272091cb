"""A reader who types the commands of a page, each in the folder that the page says."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.pages.blocks import CLONE, EXPORT, WORK_DIR, Block

_TOOLS = {
    "instantiate_template": "instantiate",
    "teach": "teaching.teach",
    "studio": "teaching.studio",
}


class Reader:
    """Types commands in this process: a process of its own would import for seconds.

    `clone` stands for the root of the clone: what a page makes lies in it. `places` are written
    for the placeholders of the pages, as in `/path/to/my_clips`.
    """

    def __init__(
        self,
        clone: Path,
        work_dir: str,
        monkeypatch: pytest.MonkeyPatch,
        places: Mapping[str, str] | None = None,
    ) -> None:
        self.folders = {
            CLONE: clone,
            WORK_DIR: clone / work_dir,
            EXPORT: clone / work_dir / "export",
        }
        self._monkeypatch, self._places = monkeypatch, dict(places or {})

    def types(self, block: Block, leaving_out: tuple[str, ...] = ()) -> None:
        """Type the commands of a block, but for those that are one of `leaving_out`.

        One that ends in a star stands for all that begin so.
        """
        for command, place in zip(block.commands, block.places, strict=True):
            left_out = any(
                command.startswith(out[:-1]) if out.endswith("*") else command == out
                for out in ("cd *", *leaving_out)
            )
            if not left_out:
                assert place in self.folders, f"{command}: the page names no folder for it"
                self._monkeypatch.chdir(self.folders[place])
                self._type(command)
                self.after(command)

    def after(self, command: str) -> None:
        """Do something between two commands, in tests that make a template small."""

    def _type(self, command: str) -> None:
        for placeholder, path in self._places.items():
            command = command.replace(placeholder, path)
        python, script, *words = shlex.split(command, comments=True)
        assert python == "python", command
        folder, name = Path(script).parent.as_posix(), Path(script).stem

        # As the scripts do: those of the clone need no folder, those of a work dir are in one.
        words = [self._of_the_clone(word) for word in words]
        if folder == "tools/data":
            code = importlib.import_module(f"action_recognition.commands.data.{name}").main(words)
        elif folder == "tools":
            module = f"action_recognition.commands.{_TOOLS.get(name, name)}"
            code = importlib.import_module(module).main(words)
        elif name == "run":
            code = importlib.import_module("action_recognition.live.run_folder").main(
                Path.cwd(), words
            )
        else:
            module = f"action_recognition.commands.{name}"
            code = importlib.import_module(module).main(Path.cwd(), words)
        assert code in (0, None), command

    def _of_the_clone(self, word: str) -> str:
        """Return a path of this repository as a whole one: `clone` has no templates."""
        return str(REPOSITORY / word) if word.startswith("model_templates/") else word
