"""The pictures that every run leaves, which most tests do not look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from action_recognition.files import write_bytes
from action_recognition.plots import evaluation, figure, training

_OF_EVERY_RUN = ("curves.png", "confusion.png")


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay out the two figures of every run, but leave their files empty.

    Turning them into pixels takes longer than a tiny run does. The tests of `reporting/` draw them.
    """

    def save_figure(drawn: Any, path: Path) -> None:
        if path.name in _OF_EVERY_RUN:
            write_bytes(path, b"")
        else:
            figure.save_figure(drawn, path)

    for module in (training, evaluation):
        monkeypatch.setattr(module, "save_figure", save_figure)
