"""`tools/serve.py`: the page that classifies photos, on this computer or as a static folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import whole_number
from action_recognition.console import say
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.photos.page.site import Site

_DESCRIPTION = (
    "Serve a page that classifies photos and a camera's pictures in the browser. Only this "
    "computer can reach it."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/serve.py`."""
    parser = argparse.ArgumentParser(prog=program("serve.py"), description=_DESCRIPTION)
    _add_model_flags(parser)
    _add_server_flags(parser)
    _add_static_flags(parser)
    return parser


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "work_dir",
        type=Path,
        metavar="WORK_DIR",
        help="A work dir with an export, or the folder that export.py wrote.",
    )

    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="Use this .onnx instead of the export's, or an .xml, which runs on this computer "
        "instead of in the browser.",
    )


def _add_server_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        type=whole_number,
        default=8000,
        metavar="N",
        help="Port of the page. 0 takes a free one (default: 8000).",
    )

    parser.add_argument(
        "--open", action="store_true", help="Open the page in the browser of this computer."
    )


def _add_static_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--export-static",
        type=Path,
        metavar="FOLDER",
        help="Write the page with the model into this folder for a web host, and end.",
    )

    parser.add_argument(
        "--no-webgpu",
        action="store_true",
        help="Leave the runtime for GPUs out of that folder (27 MB).",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, then write the static page or serve it until Ctrl-C."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.photos.page.site import open_site

    site = open_site(arguments.work_dir, arguments.model)
    if arguments.export_static is None:
        return _serve(arguments, site)
    from action_recognition.photos.page.static import export_static

    for file in export_static(site, arguments.export_static, not arguments.no_webgpu):
        print(f"{file.stat().st_size / 1e6:7.2f} MB  {file}")
    return 0


def _serve(arguments: argparse.Namespace, site: Site) -> int:
    import webbrowser

    from action_recognition.photos.page.server import PhotoServer

    # The server ends with Ctrl-C.
    with PhotoServer(site, arguments.port) as server:
        say(f"{server.address} shows the page, on this computer alone; Ctrl-C ends it")
        if site.notice:
            say(site.notice)
        if arguments.open:
            webbrowser.open(server.address)

        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")
    return 0
