"""The command blocks of README and guides, with the folder in which each command is typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

# The log of changes and measured results are no instructions.
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{p.name}" for p in (REPOSITORY / "docs").glob("*.md")),
]

CLONE, WORK_DIR, EXPORT = "the clone", "the work dir", "the export folder"
# Words of the text that say where the reader is to be.
_PLACES = {
    CLONE: r"\b(?:[Ii]n|from|[Bb]ack in) (?:the root of )?the clone\b|`cd \.\.`",
    WORK_DIR: r"\b[Ii]n (?:the|a|its|your)(?: \w+){0,2}(?:'s)? work dir\b",
    EXPORT: r"\b[Ii]n the export(?:ed)? folder\b",
}
_FOLDERS = {"..": CLONE, "${WORK_DIR}": WORK_DIR, "samples/web": "samples/web"}
# Where each command is.
_SCRIPTS = {
    CLONE: r"(?:python )?(?:tools|benchmarks|experiments|samples)/|\./init_venv\.sh|npm |cmake |"
    r"pip install -e|ruff |python -m (?:pytest|build)",
    WORK_DIR: r"(?:python |torchrun [^|]*?)"
    r"(?:train|eval|export|predict|calibrate|compress|demo)\.py",
    EXPORT: r"python run\.py",
}


@dataclass(frozen=True)
class Block:
    """A block of commands. `places` are those at which its commands are typed, None if unsaid."""

    page: str
    line: int
    language: str
    commands: tuple[str, ...]
    places: tuple[str | None, ...]

    @property
    def name(self) -> str:
        """The first command with its script: what tests are listed by."""
        return " ".join(self.commands[0].split()[:2])


def blocks_of(page: str) -> Iterator[Block]:
    """Yield the blocks of a page in its order. The place follows from the text and from `cd`."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    # A page may say so once for all its blocks.
    always = CLONE if "every block starts in the root of the clone" in text else None
    place: str | None = None
    end = 0
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        place = _last_place(text[end : found.start()]) or (always or place)
        end = found.end()
        commands = _commands(found.group(2))
        if found.group(1) not in ("sh", "bash") or not commands:
            continue
        places: list[str | None] = []
        for command in commands:
            places.append(place)
            if command.startswith("cd "):
                folder = shlex.split(command)[1]
                place = _FOLDERS.get(folder, EXPORT if folder.endswith("export") else WORK_DIR)
        line = text[: found.start()].count("\n") + 1
        yield Block(page, line, found.group(1), tuple(commands), tuple(places))


def place_of(command: str) -> str | None:
    """Return the place at which a command has its script, None where it can be typed anywhere."""
    for place, pattern in _SCRIPTS.items():
        if re.match(pattern, command):
            return place
    return None


def _commands(block: str) -> list[str]:
    """Return the commands of a block, continued lines joined, those joined by && apart."""
    lines = [re.sub(r"(?:^|\s+)#.*$", "", line) for line in block.replace("\\\n", " ").splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r" && (?=\w)", line)]
    return [part for part in parts if part]


def _last_place(prose: str) -> str | None:
    """Return the place that a text names last."""
    found = [
        (match.start(), place)
        for place, pattern in _PLACES.items()
        for match in re.finditer(pattern, re.sub(r"\s+", " ", prose))
    ]
    return max(found)[1] if found else None


def relative(path: Path) -> str:
    """Return a path from the root of the clone."""
    return path.relative_to(REPOSITORY).as_posix()
