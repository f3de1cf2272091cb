"""A project as the server tells of it, and a page that shows it, without a clip or a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ["wave", "Größe 你好", "no gesture"]
# A script for a page without a camera.
NO_CAMERA = """
navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotFoundError"); };
"""


def clip(label: str, number: int) -> dict[str, Any]:
    """What the server says of a clip. The one of number 1 has faults."""
    return {
        "file": f"{label}/anna_1_{number:04d}.mp4",
        "label": label,
        "person": "anna",
        "session": "1",
        "seconds": 1.4,
        "ready": False,
        "badges": ["hand cut off", "like wave"] if number == 1 else [],
    }


def project(**changes: Any) -> dict[str, Any]:
    """What the server says of a project: clips with faults, a model, a job that runs."""
    clips = [clip(name, number) for name in NAMES for number in range(3)]
    learned = {
        "gestures": NAMES,
        "confusion": [[3, 0, 0], [1, 2, 0], [0, 0, 3]],
        "accuracy": 88.9,
        "people_apart": False,
        "clips": 9,
        "seconds": 0.4,
        "advice": "Größe 你好 and wave are mixed up: record more of these two",
    }
    job = {
        "name": "Full training",
        "commands": ["python tools/build_model.py hands"],
        "lines": ["$ python tools/build_model.py hands", "epoch 3 of 30"],
        "state": "running",
        "folder": "hands_trained/export",
    }
    whole = {
        "version": "1",
        "name": "hands",
        "folder": "/home/anna/hands",
        "no_gesture": "no gesture",
        "least_clips": 3,
        "thumbnail_frames": 12,
        "gestures": NAMES,
        "clips": clips,
        "learned": learned,
        "busy": False,
        "error": "",
        "job": job,
        "actions": {
            "on": True,
            "kinds": ["key", "url", "mqtt", "command"],
            "commands": ["lamp"],
            "by_gesture": {"wave": {"kind": "url", "value": "http://192.168.1.20/on"}},
            "lines": ["wave: url http://192.168.1.20/on"],
            "first_line": 0,
        },
    }
    return whole | changes


def show(page: Page, address: str, found: dict[str, Any]) -> None:
    """Open the page of a studio, which says this of its project. A test may change it later."""
    page.unroute_all()
    page.route("**/api/project?*", lambda route: route.fulfill(body=json.dumps(found)))
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
