"""One HTML file that needs nothing else: no server, no network.

No text of the data set is read as code. It reaches the page as JSON in a block that never runs,
and from there as text nodes. The content security policy allows the page's own script and style
by their hashes, pictures inside the file, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from action_recognition.data.dataset_files import write_together
from action_recognition.dataset_tools.checking.findings import Finding
from action_recognition.dataset_tools.showing.items import ClipItem
from action_recognition.dataset_tools.showing.strips import NUM_FRAMES, Stretch
from action_recognition.errors import user_error

# A page of this command is known by this element, and may be replaced.
_GENERATOR = '<meta name="generator" content="action-recognition show">'


def page(
    title: str,
    items: Sequence[ClipItem],
    of_files: Sequence[Finding],
    strips: Mapping[Stretch, bytes],
    notice: str,
) -> str:
    """Return the HTML of a page of clips. `notice` is a sentence below the title."""
    data = {
        "clips": [_clip(item, strips) for item in items],
        "files": [_finding(finding) | {"file": finding.file} for finding in of_files],
        "framesInStrip": NUM_FRAMES,
    }
    script, style = _resource("page.js"), _resource("page.css")

    return "\n".join(
        [
            *_head(title, script, style),
            *_body(title, notice),
            f'<script type="application/json" id="data">{json_in_html(data)}</script>',
            f"<script>{script}</script></body></html>\n",
        ]
    )


def _body(title: str, notice: str) -> list[str]:
    """Return the elements that the script fills."""
    return [
        f"<h1>{html.escape(title)}</h1><p>{html.escape(notice)}</p>"
        '<div id="files"></div><div id="filters"></div>',
        '<div id="histograms"></div><div id="classes"></div><p id="count"></p>'
        '<div id="clips"></div>'
        '<button id="more" hidden>more</button>',
    ]


def _resource(name: str) -> str:
    """Return the text of a file beside this module."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _head(title: str, script: str, style: str) -> list[str]:
    """Return the lines of a page up to its body."""
    policy = (
        f"default-src 'none'; img-src data:; script-src {_source(script)}; "
        f"style-src {_source(style)}; base-uri 'none'; form-action 'none'"
    )
    return [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        _GENERATOR,
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{html.escape(title)}</title>",
        f"<style>{style}</style></head><body>",
    ]


def json_in_html(data: object) -> str:
    """Return JSON without `<`, `>` and `&`, so that nothing in it ends or begins an element.

    Lone surrogates are written as escapes.
    """
    text = json.dumps(data, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def write_page(file: Path, text: str) -> None:
    """Write a page atomically.

    Raises UserError: the file exists and is not a page.
    """
    check_page_file(file)
    write_together(file.parent, {file.name: text})


def check_page_file(file: Path) -> None:
    """Raise UserError if the file exists and is not a page of this command."""
    if file.is_dir() or (file.exists() and _GENERATOR.encode() not in file.read_bytes()[:4096]):
        raise user_error(
            f"--output {file}",
            "already exists and is no page of this command",
            "a new file, or an earlier page",
        )


def _clip(item: ClipItem, strips: Mapping[Stretch, bytes]) -> dict[str, Any]:
    """Return the JSON values of an item, its thumbnails included."""
    strip = strips.get(item.stretch, b"") if item.stretch else b""
    return {
        "file": item.file,
        "line": item.line,
        "split": item.split,
        "label": item.label,
        "path": item.path,
        "seconds": item.seconds,
        "rate": item.rate_fps,
        "person": item.person,
        "findings": [_finding(finding) for finding in item.findings],
        "image": "data:image/jpeg;base64," + base64.b64encode(strip).decode() if strip else "",
    }


def _finding(finding: Finding) -> dict[str, str]:
    """Return the JSON values of a finding."""
    return {"kind": finding.kind, "message": finding.message, "repair": finding.repair}


def _source(text: str) -> str:
    """Return the text of an element as a source of a content security policy.

    Source: W3C, Content Security Policy Level 3, section 2.3.1, hash-source.
    """
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
