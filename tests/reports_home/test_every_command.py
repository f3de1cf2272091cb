"""No command reports home: a library loaded before all others notes what leaves the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

COMMANDS = [
    "import_clips",
    "check",
    "instantiate_template",
    "train",
    "eval",
    "calibrate",
    "export",
    "compress",
    "demo",
    "search",
    "predict",
    "serve",
]
# Variables that would keep a library quiet by themselves.
QUIET = ("CI", "TF_BUILD", "JENKINS_URL", "ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY")
LIBRARIES = "openvino, onnxruntime, nncf.telemetry"


class Watch:
    """Runs Python in a home of its own, and notes what would leave the machine."""

    def __init__(self, folder: Path) -> None:
        self.home, self.log = folder / "home", folder / "log.txt"
        self.home.mkdir()
        self._library = folder / "watch.so"
        source = Path(__file__).with_name("watch.c")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-o", self._library, source, "-ldl"], check=True, timeout=60
        )

    def run(self, arguments: Sequence[object], **variables: str) -> list[str]:
        """Return the lines that were noted."""
        self.log.write_text("")
        environment = {name: value for name, value in os.environ.items() if name not in QUIET}
        environment |= {
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "LD_PRELOAD": str(self._library),
            "OUTSIDE_LOG": str(self.log),
            "OMP_NUM_THREADS": "1",
        }
        run = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=environment | variables,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert run.returncode == 0, run.stderr[-3000:]
        return self.log.read_text().splitlines()

    def left_in_home(self) -> set[str]:
        """Return the folders that libraries use for what they report."""
        return {name for name in ("intel", ".cache/Microsoft") if (self.home / name).exists()}


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    if not sys.platform.startswith("linux") or shutil.which("cc") is None:
        if os.environ.get("CI") == "true" and sys.platform.startswith("linux"):
            pytest.fail("a C compiler must be there in CI")
        pytest.skip("needs Linux and a C compiler")
    return Watch(tmp_path)


def test_the_watch_sees_what_the_libraries_do_by_themselves(watch: Watch) -> None:
    noted = watch.run(["-c", "import openvino, onnxruntime, time; time.sleep(0.5)"])
    assert "look-up www.google-analytics.com" in noted
    assert watch.left_in_home() == {"intel", ".cache/Microsoft"}


def test_the_package_keeps_them_quiet_and_the_users_choice_as_it_was(watch: Watch) -> None:
    code = (
        f"import os, action_recognition.deploy, {LIBRARIES}\n"
        "from action_recognition.usage_reports import environment_of_other_programs as others\n"
        "assert others()['ORT_DISABLE_TELEMETRY'] == '0', others()\n"
        "assert 'HF_HUB_DISABLE_TELEMETRY' not in others()\n"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
    )
    # Even where the user has agreed for other programs.
    (watch.home / "intel").mkdir()
    (watch.home / "intel" / "openvino_telemetry").write_text("1")
    assert watch.run(["-c", code], ORT_DISABLE_TELEMETRY="0") == []
    assert [path.name for path in (watch.home / "intel").iterdir()] == ["openvino_telemetry"]
    assert not (watch.home / ".cache" / "Microsoft").exists()


@pytest.mark.slow
def test_no_command_leaves_the_machine(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    noted = watch.run(["-m", "tests.reports_home.every_command", tmp_path / "work"])
    assert [line for line in noted if not line.startswith("# ")] == []
    assert list(dict.fromkeys(line[2:] for line in noted))[:12] == COMMANDS
    assert noted[-1] == "# the page answered 200"
    assert watch.left_in_home() == set()
