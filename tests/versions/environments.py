"""Virtual environments by uv, with the lowest or the highest versions that setup.py allows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LOCK_FILE = "requirements-lock.txt"
UV = "uv==0.13.9"
_HEADER = """\
# The versions that were tested together, with the hashes of their files, for every platform.
# init_venv.sh installs by it. Made by: python -m tests.versions --lock
"""


@dataclass(frozen=True)
class Uv:
    """The program uv, in an environment of its own."""

    program: Path

    @classmethod
    def made_in(cls, folder: Path) -> Uv:
        """Install uv below `folder`."""
        home = folder / "uv"
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", UV], check=True)
        return cls(home / "bin" / "uv")

    def run(self, *words: object) -> str:
        """Run uv, and return what it prints."""
        command = [str(self.program), *map(str, words)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def install(
        self, environment: Path, python: Path, repository: Path, resolution: str
    ) -> dict[str, str]:
        """Install the toolkit with all that its tests need. Return the versions by name.

        Linters and the like are the same at both ends: only what the code imports is lowered.
        """
        self.run("venv", "--quiet", "--python", python, environment)
        wanted = environment / "wanted.txt"
        extras = ("--extra", "train", "--extra", "live")
        setup = repository / "setup.py"
        words = ("--resolution", resolution, "--python", environment, "--output-file", wanted)
        self.run("pip", "compile", "--quiet", setup, *extras, *words)

        kept = leave_out(wanted.read_text(encoding="utf-8"), needs_gpu())
        wanted.write_text(kept, encoding="utf-8")
        into = ("--python", environment, "--quiet")
        self.run("pip", "install", *into, "--no-deps", "-r", wanted)
        self.run("pip", "install", *into, "pytest>=9,<10", "pytest-xdist", "setuptools")
        self.run("pip", "install", *into, "--no-deps", "--no-build-isolation", "-e", repository)
        return dict(re.findall(r"^([\w.-]+)==(\S+)", kept, re.MULTILINE))


def needs_gpu() -> frozenset[str]:
    """Return the packages that init_venv.sh leaves out where there is no GPU."""
    script = Path(__file__).resolve().parents[2] / "init_venv.sh"
    (names,) = re.findall(r'^readonly GPU_ONLY="(.*)"', script.read_text("utf-8"), re.MULTILINE)
    return frozenset(names.split("|"))


def leave_out(requirements: str, names: frozenset[str]) -> str:
    """Return the text of a requirements file without the packages of these names."""
    lines = requirements.splitlines(keepends=True)
    return "".join(line for line in lines if line.partition("==")[0] not in names)


def find_python(version: str) -> Path | None:
    """Return the interpreter of a version, such as 3.12: on the PATH, or kept by pyenv."""
    found = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    kept = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    for candidate in [*([Path(found)] if found else []), *kept]:
        # A shim of pyenv starts only where that version is chosen.
        done = subprocess.run([candidate, "-c", "pass"], capture_output=True, check=False)
        if done.returncode == 0:
            return candidate
    return None


def write_lock(uv: Uv, repository: Path) -> None:
    """Write the lock file. Versions that it holds already stay, where setup.py allows them."""
    lock = repository / LOCK_FILE
    extras = ("--extra", "train", "--extra", "live", "--extra", "dev")
    uv.run(
        "pip", "compile", "--quiet", repository / "setup.py", *extras,
        "--universal", "--python-version", "3.11", "--generate-hashes",
        "--no-header", "--no-annotate", "--output-file", lock,
    )  # fmt: skip
    lock.write_text(_HEADER + lock.read_text(encoding="utf-8"), encoding="utf-8")
