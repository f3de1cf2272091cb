"""`gestures COMMAND`: every command of the toolkit by one name, from wherever it is installed.

The scripts of a clone and of a work dir do the same. A command's modules are imported when it runs.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from action_recognition import __version__
from action_recognition.errors import nearest, run_command, user_error
from action_recognition.program import IS_CLONE, TOOLKIT, called_by_gestures, command_name

_PACKAGE = "action_recognition"
_WORK_DIR_FLAG = "--work-dir"


@dataclass(frozen=True)
class Command:
    """A command: the module below the package that has its `main`, and one line about it.

    `folder` is what `main` takes before the flags: the work dir or exported folder in which the
    user stands, or the folder with the toolkit's files.
    """

    module: str
    does: str
    folder: Literal["here", "toolkit"] | None = None


GROUPS: Mapping[str, Mapping[str, Command]] = {
    "begin": {
        "build-model": Command("building.command", "from a folder of clips to a running model"),
        "studio": Command(
            "commands.teaching.studio", "record, teach and try gestures in the browser", "toolkit"
        ),
        "quickstart": Command("", "see it all at work on drawn clips, in minutes"),
        "fetch-hands": Command("commands.hands.fetch", "get the networks that find hands"),
    },
    "bring data in": {
        "import-clips": Command("commands.data.import_clips", "make lists of folders and sets"),
        "check": Command("commands.data.check", "find what is wrong with lists and clips"),
        "show": Command("commands.data.show", "look at clips, and at what was found"),
        "stats": Command("commands.data.stats", "count clips, people and lengths"),
        "split": Command("commands.data.split", "split lists by person"),
        "collect": Command("commands.collect", "take photos of gestures"),
        "extract": Command("commands.data.extract", "write the frames of clips"),
        "landmarks": Command("commands.hands.landmarks", "write hand landmarks of clips"),
        "track-hands": Command("commands.hands.track", "track the hands of clips"),
        "make-negatives": Command("commands.data.make_negatives", "cut clips without a gesture"),
        "compose-streams": Command("commands.data.compose_streams", "make streams out of clips"),
        "build-dataset": Command("commands.data.build_dataset", "make small photos, once"),
        "make-shards": Command("commands.data.make_shards", "pack clips into few large files"),
        "prepare-msasl": Command("commands.data.prepare_msasl", "prepare MS-ASL"),
        "prepare-jester": Command("commands.data.prepare_jester", "prepare Jester"),
    },
    "train": {
        "instantiate": Command("commands.instantiate", "make a work dir from a template"),
        "search": Command("commands.search", "search for better values of a template"),
        "compare": Command("commands.compare", "compare training runs"),
        "teach": Command("commands.teaching.teach", "teach gestures to an exported model"),
    },
    "in a work dir": {
        "train": Command("commands.train", "train or fine-tune its model", "here"),
        "eval": Command("commands.eval", "measure a trained or exported model", "here"),
        "calibrate": Command("commands.calibrate", "fit temperature and thresholds", "here"),
        "export": Command("commands.export", "write OpenVINO IR and ONNX", "here"),
        "compress": Command("commands.compress", "write an INT8 model", "here"),
    },
    "use a model": {
        "demo": Command("commands.demo", "recognise gestures in a video or camera", "here"),
        "run": Command("live.run_folder", "print events of the exported folder", "here"),
        "predict": Command("commands.predict", "classify photos", "here"),
        "serve": Command("commands.serve", "classify photos in the browser"),
        "verify": Command("commands.verify", "check a delivered folder"),
        "benchmark": Command("commands.benchmark", "measure models side by side"),
    },
}
COMMANDS: Mapping[str, Command] = {
    name: command for group in GROUPS.values() for name, command in group.items()
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first word names. Return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"gestures {__version__}")
        return 0

    work_dir, words = _work_dir(words)
    # A script's name is taken as well, and no path or file that only begins like a command.
    is_script = words[0].endswith(".py")
    name = command_name(words[0]) if is_script else words[0].replace("_", "-")
    if name not in COMMANDS:
        found = f"is no command{nearest(name, COMMANDS)}"
        raise user_error(words[0], found, fix="gestures --help lists all")
    if work_dir is not None and COMMANDS[name].folder != "here":
        fix = f"leave {_WORK_DIR_FLAG} out"
        raise user_error(_WORK_DIR_FLAG, f"{name} works in no work dir", fix=fix)
    called_by_gestures()
    return _run(name, words[1:], work_dir or Path.cwd())


def overview() -> str:
    """Return the help: all commands in groups by task."""
    lines = [f"usage: gestures [{_WORK_DIR_FLAG} DIR] COMMAND [FLAGS]"]
    lines += ["", "Train, export and run hand-gesture recognisers for live video on a CPU."]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {name:<16} {command.does}" for name, command in commands.items()]

    lines += ["", "gestures COMMAND --help lists the flags of a command."]
    lines += [f"{_WORK_DIR_FLAG} DIR: the work dir or exported folder (default: the current one)."]
    return "\n".join(lines)


def _work_dir(words: list[str]) -> tuple[Path | None, list[str]]:
    """Take the folder off the front of the words, if it is there. Raise UserError: none follows."""
    flag, equals, value = words[0].partition("=")
    if flag != _WORK_DIR_FLAG:
        return None, words
    rest = words[1:] if equals else words[2:]
    given = value if equals else "".join(words[1:2])
    folder = Path(given)
    if not rest or not given:
        found = "a folder and a command have to follow"
        raise user_error(_WORK_DIR_FLAG, found, fix="gestures --help lists the commands")
    if not folder.is_dir():
        raise user_error(_WORK_DIR_FLAG, f"{folder} is no folder")
    return folder.resolve(), rest


def _run(name: str, words: Sequence[str], work_dir: Path) -> int:
    command = COMMANDS[name]
    if not command.module:
        return _run_script(TOOLKIT / "tools" / f"{name}.py", words)
    try:
        call: Callable[..., int | None] = _main_of(command)
        if command.folder is None:
            return call(words) or 0
        return call(work_dir if command.folder == "here" else TOOLKIT, words) or 0
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        # A module that is missing in a package that is there is a fault of versions, not of set-up.
        if package in ("", _PACKAGE) or importlib.util.find_spec(package) is not None:
            raise
        found = f"needs the package {package}, which is not installed"
        raise user_error(f"gestures {name}", found, fix=_install()) from None


def _main_of(command: Command) -> Callable[..., int | None]:
    main_function: Callable[..., int | None] = importlib.import_module(
        f"{_PACKAGE}.{command.module}"
    ).main
    return main_function


def _run_script(script: Path, words: Sequence[str]) -> int:
    """Run a script of the toolkit as if it had been typed. It ends the process by itself."""
    sys.argv = [str(script), *words]
    # It imports modules beside it.
    sys.path.insert(0, os.fspath(script.parent))
    runpy.run_path(str(script), run_name="__main__")
    return 0


def _install() -> str:
    """Return the way to the packages that training needs."""
    if IS_CLONE:
        return "set up and activate the environment: ./init_venv.sh && . venv/bin/activate"
    return 'install the wheel with its extras: pip install "WHEEL[train,live]"'


def entry() -> None:
    """Run as a program."""
    run_command(main)


if __name__ == "__main__":
    entry()
