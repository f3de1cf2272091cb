"""Fixtures that all tests share."""

from __future__ import annotations

import gc
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import action_recognition  # noqa: F401  its libraries report their use if imported before it

if TYPE_CHECKING:
    from action_recognition.checkpoint import TrainedModel

collect_ignore = ["old_work_dirs"]  # scripts of work dirs: importing one runs it
REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as a shell leaves it for what runs in the background; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
if (
    hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
):  # as nohup leaves it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # as many processes as cores: a thread each; before anything imports PyTorch
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop(
    "PYTHONDONTWRITEBYTECODE", None
)  # scripts that tests start need not compile the package each time


def pytest_configure(config: pytest.Config) -> None:
    """Let xdist start the files in the order of `pytest_collection_modifyitems`.

    By default it starts those with the most tests first, and the longest ones among the last.
    """
    config.option.loadscopereorder = False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Return one process more than there are cores, or None where the environment says how many.

    Tests of commands wait for pipes, windows, kills and time-outs. One process more uses the core
    that would idle meanwhile.
    """
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that hold slow tests first: one that starts last keeps one process busy."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Let Python's collector pass over the millions of objects of the libraries from now on."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the collector find the objects again: a library warns of those that outlive it."""
    gc.unfreeze()


def _shared_folder(name: str) -> Path:
    folder = SHARED / name if name else SHARED
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"{folder} must be there in CI")
    pytest.skip("the reference material lies beside the project in CI only")


@pytest.fixture(scope="session", autouse=True)
def one_table_of_operators() -> None:
    """Let all exports of a session use one table of operators, if anything exports."""
    if "onnx" in sys.modules:
        from tests.operators import keep_one_table

        keep_one_table()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the repository; skipped where absent, a failure in
    CI.
    """
    return _shared_folder("")


@pytest.fixture(scope="session")
def reference() -> Path:
    """Inputs and outputs of the original."""
    return _shared_folder("reference")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real gesture clips."""
    return _shared_folder("data")


@pytest.fixture(scope="session")
def hand_models() -> Path:
    """The networks of hands, which come by pip once for a machine; skipped where there is no
    index, a failure in CI.
    """
    from action_recognition.errors import UserError
    from action_recognition.hands.network_files import fetch_hand_models

    try:
        return fetch_hand_models()
    except UserError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["msasl", "jester"])
def variant(request: pytest.FixtureRequest) -> str:
    """Each of the two published models."""
    return str(request.param)


def end_of_script(
    script: Path, arguments: Sequence[object], monkeypatch: pytest.MonkeyPatch
) -> int:
    """The exit code of a script that is run here: without a process of its own, whose heavy imports
    take seconds.
    """
    monkeypatch.setattr(sys, "argv", [str(script), *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    return int(end.value.code or 0)


def template_dir(variant: str) -> Path:
    """The template folder of a published model."""
    return (
        REPOSITORY
        / "model_templates"
        / "gesture_recognition"
        / f"s3d-rgb-mobilenet-v3-stream-{variant}"
    )


@pytest.fixture(scope="session")
def tiny() -> TrainedModel:
    """A network of two blocks with awkward label names."""
    from tests.tiny_export import tiny_trained

    return tiny_trained()


@pytest.fixture(scope="session")
def exported(tiny: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All formats of the tiny model; tests copy what they damage."""
    from tests.tiny_export import export_tiny

    folder = tmp_path_factory.mktemp("export")
    export_tiny(tiny, folder)
    return folder


@pytest.fixture
def port() -> int:
    """A port that is free on 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
