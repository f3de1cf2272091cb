"""Accessibility of a page, as axe-core judges it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from action_recognition.photos.page.site import WEB_DIR

if TYPE_CHECKING:
    from playwright.sync_api import Page

_AXE = WEB_DIR / "node_modules" / "axe-core" / "axe.min.js"
# A camera and a clip have no sound that could be written down.
_OPTIONS: dict[str, Any] = {"rules": {"video-caption": {"enabled": False}}}
# All that a scheme changes is colours.
_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# axe cannot tell the contrast of text before a picture. People have looked at it.
_BEFORE_A_PICTURE = {"bgImage", "imgNode", "bgOverlap", "elmPartiallyObscured", "bgGradient"}


def axe() -> str:
    """Its source. Without it: skipped, or a failure in CI where npm is."""
    if not _AXE.is_file():
        if os.environ.get("CI") == "true" and shutil.which("npm"):
            pytest.fail("npm ci must have run in CI")
        pytest.skip("axe-core is not installed: npm ci in action_recognition/photos/page/web")
    return _AXE.read_text(encoding="utf-8")


def faults(page: Page) -> list[str]:
    """What is wrong, or cannot be decided, in light, and of its colours in dark."""
    source = axe()
    found = []
    for scheme, options in (("light", _OPTIONS), ("dark", _COLOURS)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        if scheme == "light":
            page.evaluate(source)
        result = page.evaluate("options => axe.run(options)", options)
        for kind in ("violations", "incomplete"):
            found += [f"{scheme}: {text}" for text in _lines(result[kind])]
    return found


def _lines(rules: list[dict[str, Any]]) -> list[str]:
    return [
        f"{rule['id']}: {node['target']} {node.get('failureSummary', '')}"
        for rule in rules
        for node in rule["nodes"]
        if not _is_before_a_picture(node)
    ]


def _is_before_a_picture(node: dict[str, Any]) -> bool:
    checks = [check for kind in ("any", "all", "none") for check in node[kind]]
    keys = {(check.get("data") or {}).get("messageKey") for check in checks}
    return bool(keys & _BEFORE_A_PICTURE)
