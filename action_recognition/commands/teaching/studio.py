"""`tools/studio.py`: the page in which one records gestures, teaches them and tries them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_int, whole_number
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.studio.studio import Studio

_DESCRIPTION = (
    "Open a page in which you record gestures by webcam, teach them and try them. Only this "
    "computer can reach it, unless --lan lets a phone be the camera. Nothing leaves it but actions "
    "of gestures. docs/studio.md shows it."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/studio.py`."""
    parser = argparse.ArgumentParser(prog=program("studio.py"), description=_DESCRIPTION)
    parser.add_argument(
        "project",
        type=Path,
        metavar="PROJECT",
        help="Folder of the clips, one folder for each gesture. A new one is made.",
    )
    parser.add_argument(
        "--port",
        type=whole_number,
        default=8010,
        metavar="N",
        help="Port of the page. 0 takes a free one (default: 8010).",
    )
    parser.add_argument(
        "--no-open", action="store_true", help="Do not open the page in the browser."
    )
    parser.add_argument(
        "--threads",
        type=positive_int,
        metavar="N",
        help="Threads that follow hands (default: OpenVINO's choice).",
    )
    # A page never names a program: it chooses from this list.
    parser.add_argument(
        "--commands",
        type=Path,
        metavar="FILE",
        help='JSON of the programs that gestures may start: {"name": ["program", "argument"]}. '
        "The page gives them to gestures by these names.",
    )
    parser.add_argument(
        "--lan",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="Let the camera of a phone in the local network record: the page shows a code for it. "
        "ADDRESS is this computer's there (default: the one by which it reaches others). Needs the "
        "extra `lan`.",
    )
    return parser


def switched_on_lan(stated: str | None) -> str | None:
    """Return the address of the flag --lan, None without it.

    Raises UserError: a library is missing, or the address is none of a local network.
    """
    if stated is None:
        return None
    from action_recognition.studio.lan.address import lan_address
    from action_recognition.studio.lan.libraries import check_libraries

    check_libraries()
    return lan_address(stated)


def open_studio(arguments: argparse.Namespace, root: Path) -> Studio:
    """Open the project of the flags. Raises UserError: they name what cannot be."""
    from action_recognition.live.outputs.reactions import read_commands
    from action_recognition.studio.studio import Studio

    commands = read_commands(arguments.commands, None) if arguments.commands else {}
    return Studio(arguments.project, root, arguments.threads, commands)


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags, and serve the page until Ctrl-C. `root` is the clone."""
    arguments = build_parser().parse_args(argv)
    import webbrowser

    from action_recognition.console import say
    from action_recognition.studio.server import run

    # Before the project is made or opened.
    lan = switched_on_lan(arguments.lan)
    studio = open_studio(arguments, root)
    # A crash or a power cut of the last time.
    for clip in studio.recovered.clips:
        say(f"a recording that was interrupted is kept: {clip.file}")
    for line in studio.recovered.kept:
        say(line)

    def opened(address: str) -> None:
        """Say where the page is, and open it."""
        say(f"{address} shows the studio, on this computer alone; Ctrl-C ends it")
        if lan is not None:
            say(f"--lan: a phone reaches {lan} with the code that Use a phone shows")
        if not arguments.no_open:
            webbrowser.open(address)

    run(studio, arguments.port, opened, lan)
    return 0
