"""A program that stands in for yt-dlp and the network behind it: no video that it is asked for is a
real one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_PROGRAM = """#!{python}
import pathlib, sys
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(repr(words) + "\\n")
name = words[-1].split("=")[-1]
if name.startswith("gone"):
    sys.exit("ERROR: [youtube] " + name + ": Video unavailable\\x1b[0m")
if name.startswith("busy"):
    sys.exit("ERROR: HTTP Error 429: Too Many Requests")
output = words[words.index("--output") + 1]
pathlib.Path(output.replace("%%", "%").replace("%(ext)s", "mp4")).write_bytes(b"video")
"""


def put_yt_dlp(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the program first on the PATH; returns the file that gets a line of its words for each
    call.

    An address that ends in `gone...` is one that has gone, `busy...` one whose server refuses.
    """
    folder.mkdir()
    log = folder / "log"
    program = folder / "yt-dlp"
    program.write_text(_PROGRAM.format(python=sys.executable, log=str(log)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log
