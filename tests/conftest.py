"""Fixtures that all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it for what runs in the background; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _shared_folder(name: str) -> Path:
    folder = SHARED / name if name else SHARED
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"{folder} must be there in CI")
    pytest.skip("the reference material lies beside the project in CI only")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the repository; skipped where absent, a failure in CI."""
    return _shared_folder("")


@pytest.fixture(scope="session")
def reference() -> Path:
    """Inputs and outputs of the original."""
    return _shared_folder("reference")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real gesture clips."""
    return _shared_folder("data")


@pytest.fixture(scope="session", params=["msasl", "jester"])
def variant(request: pytest.FixtureRequest) -> str:
    """Each of the two published models."""
    return str(request.param)


def template_dir(variant: str) -> Path:
    """The template folder of a published model."""
    return REPOSITORY / "model_templates" / "gesture_recognition" / f"s3d-rgb-mobilenet-v3-stream-{variant}"
