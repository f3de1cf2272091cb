"""`tools/serve.py`: the page that classifies photos, on this computer or as a folder for a web host."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import whole_number

if TYPE_CHECKING:
    from action_recognition.photos.page.site import Site


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="serve.py",
        description="A page that classifies photos and what the camera sees, in the browser; for this computer alone.",
    )
    parser.add_argument(
        "work_dir",
        type=Path,
        metavar="WORK_DIR",
        help="a work dir with an export, or the folder that export.py wrote",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="this .onnx instead of the export's; or a .xml, which this computer runs",
    )
    parser.add_argument(
        "--port",
        type=whole_number,
        default=8000,
        metavar="N",
        help="0 takes a free one (default: 8000)",
    )
    parser.add_argument(
        "--open", action="store_true", help="open it in the browser of this computer"
    )
    parser.add_argument(
        "--export-static",
        type=Path,
        metavar="FOLDER",
        help="write the page with the model into a folder, and end",
    )
    parser.add_argument(
        "--no-webgpu",
        action="store_true",
        help="leave the runtime for GPUs out of that folder (27 MB)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.photos.page.site import open_site

    site = open_site(arguments.work_dir, arguments.model)
    if arguments.export_static is not None:
        from action_recognition.photos.page.static import export_static

        for file in export_static(site, arguments.export_static, not arguments.no_webgpu):
            print(f"{file.stat().st_size / 1e6:7.2f} MB  {file}")
        return 0
    return _serve(arguments, site)


def _serve(arguments: argparse.Namespace, site: Site) -> int:
    import webbrowser

    from action_recognition.photos.page.server import PhotoServer

    with PhotoServer(site, arguments.port) as server:
        print(
            f"{server.address} shows the page, on this computer alone; Ctrl-C ends it", flush=True
        )
        if site.notice:
            print(site.notice, flush=True)
        if arguments.open:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")
    return 0
