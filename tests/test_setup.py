"""init_venv.sh with a python and a pip that are stand-ins for the network and for other machines,
and what setup.py names.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import REPOSITORY
from tests.versions.environments import LOCK_FILE, needs_gpu

TOOLS = [
    "awk",
    "basename",
    "bash",
    "cat",
    "cp",
    "df",
    "dirname",
    "env",
    "grep",
    "ls",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "tail",
    "tee",
    "uname",
]

# Passes plain programs on to the real Python; makes environments that hold itself; notes what pip
# was asked for.
FAKE_PYTHON = """#!/bin/bash
case "$1 ${2:-}" in
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; exit ;;
    "-m pip") shift 2; echo "$*" >>"$FAKE_LOG"
        case "$*" in *install*) cat "$FAKE_PIP_ERROR" >&2; [ ! -s "$FAKE_PIP_ERROR" ] ;; esac
        exit ;;
    "-c import cv2")
        [ ! -e "$FAKE_NO_LIBGL" ] ||
            { echo "ImportError: libGL.so.1: cannot open shared object file" >&2; exit 1; }
        exit ;;
    "-c import venv, ensurepip") [ ! -e "$FAKE_NO_ENSUREPIP" ]; exit ;;
esac
if [ "$1" = - ]; then
    program=$(cat)
    case "$program" in *"import action_recognition"*) exit 0 ;; esac
    printf '%s\\n' "$program" | "$REAL_PYTHON" "$@"
    exit
fi
exec "$REAL_PYTHON" "$@"
"""
OLD_PYTHON = """#!/bin/bash
case "$2" in *sys.exit*) exit 1 ;; *print*) echo 3.8.10 ;; esac
"""


class Machine:
    """A clone in a folder with a blank in its name, and a PATH with few programs on it."""

    def __init__(self, root: Path) -> None:
        self.clone = root / "a clone"
        self.bin = root / "bin"
        self.cwd = root / "elsewhere"
        for folder in (self.clone / "action_recognition", self.bin, self.cwd):
            folder.mkdir(parents=True)
        for name in (
            "init_venv.sh",
            "setup.py",
            "pyproject.toml",
            "requirements-lock.txt",
            "README.md",
            "action_recognition/__init__.py",
        ):
            shutil.copy(REPOSITORY / name, self.clone / name)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        self.log, self.pip_error = root / "pip.log", root / "pip_error"
        self.no_libgl, self.no_ensurepip = root / "no_libgl", root / "no_ensurepip"
        self.log.touch()
        self.pip_error.touch()

    def program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        fakes = {
            "FAKE_LOG": self.log,
            "FAKE_PIP_ERROR": self.pip_error,
            "FAKE_NO_LIBGL": self.no_libgl,
            "FAKE_NO_ENSUREPIP": self.no_ensurepip,
        }
        return subprocess.run(
            [str(self.clone / "init_venv.sh"), *arguments],
            cwd=self.cwd,
            env={
                "PATH": str(self.bin),
                "REAL_PYTHON": sys.executable,
                **{name: str(path) for name, path in fakes.items()},
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def installs(self) -> list[str]:
        """The words of pip's installs. The third is the folder of the clone or the list."""
        return [
            line
            for line in self.log.read_text(encoding="utf-8").splitlines()
            if " install " in line
        ]


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """No Python at all."""
    return Machine(tmp_path)


@pytest.fixture
def machine(bare: Machine) -> Machine:
    """A machine with a usable python3 and plenty of room."""
    bare.program("python3", FAKE_PYTHON)
    bare.program("df", "#!/bin/bash\necho header\necho disk 1 1 99999999 1% /\n")
    bare.program("uname", '#!/bin/bash\n[ "$1" = -s ] && echo Linux || echo x86_64\n')
    return bare


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line with which the script ended."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_no_python(bare: Machine) -> None:
    assert "no Python found" in refused(bare.run())


def test_a_python_that_is_too_old_is_named_with_its_version(bare: Machine) -> None:
    bare.program("python3", OLD_PYTHON)
    assert (
        "Python 3.11 or newer is needed: python3 is 3.8.10; to repair: install Python 3.12"
        in refused(bare.run())
    )
    assert list(bare.cwd.iterdir()) == []


def test_a_newer_python_is_found_behind_an_old_one_and_a_dead_shim(machine: Machine) -> None:
    machine.program("python3.12", "#!/bin/bash\nexit 127\n")
    machine.program("python3.11", (machine.bin / "python3").read_text(encoding="utf-8"))
    machine.program("python3", OLD_PYTHON)
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert f"with {machine.bin / 'python3.11'}" in done.stdout


def test_the_python_that_is_named_is_the_only_one(machine: Machine) -> None:
    assert "PYTHON=/nowhere/python does not start" in refused(machine.run(PYTHON="/nowhere/python"))
    machine.program("mine", OLD_PYTHON)
    assert "mine is 3.8.10" in refused(machine.run(PYTHON="mine"))


def test_a_python_without_venv_says_what_to_install(machine: Machine) -> None:
    machine.no_ensurepip.touch()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"sudo apt install python{version}-venv" in refused(machine.run())
    assert list(machine.cwd.iterdir()) == []


@pytest.mark.parametrize("name", ["venv", "with a blank"])
def test_it_installs_from_any_folder_and_says_how_to_activate(machine: Machine, name: str) -> None:
    done = machine.run(*([] if name == "venv" else [name]))
    assert done.returncode == 0, done.stderr
    assert (machine.cwd / name / "bin" / "python").is_file()
    packages, clone = machine.installs()
    assert packages.startswith(
        "--disable-pip-version-check install --retries 2 --no-deps --require-hashes -r "
    )
    assert clone.endswith(f" install --no-deps --no-build-isolation -e {machine.clone}")
    activation = done.stdout.splitlines()[-1].strip()
    assert activation == f". {str(machine.cwd / name).replace(' ', chr(92) + ' ')}/bin/activate"


def test_a_second_run_does_nothing_until_the_versions_change(machine: Machine) -> None:
    machine.run()
    assert len(machine.installs()) == 2
    again = machine.run()
    assert again.returncode == 0
    assert "is up to date" in again.stdout
    assert len(machine.installs()) == 2
    lock = machine.clone / "requirements-lock.txt"
    lock.write_text(lock.read_text(encoding="utf-8") + "# other\n", encoding="utf-8")
    assert "bringing" in machine.run().stdout
    assert len(machine.installs()) == 4


# Notes the list of packages that pip is given.
NOTES_THE_LIST = FAKE_PYTHON.replace(
    '"-m pip") shift 2;',
    '"-m pip") shift 2; case "$*" in *" -r "*) cat "${@: -1}" >"$FAKE_LOG.list" ;; esac;',
)


def _listed(machine: Machine) -> set[str]:
    """The packages of the last list that pip was given."""
    text = Path(f"{machine.log}.list").read_text(encoding="utf-8")
    return set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))


def test_without_a_gpu_what_only_a_gpu_opens_is_left_out_and_can_be_asked_for(
    machine: Machine,
) -> None:
    machine.program("python3", NOTES_THE_LIST)
    done = machine.run("--cpu")
    assert done.returncode == 0, done.stderr
    assert f"for a GPU: {machine.clone / 'init_venv.sh'} --gpu" in done.stdout
    without = _listed(machine)
    assert "torch" in without

    # The same folder with a GPU: all of the list, and what was cut is fetched again.
    done = machine.run("--gpu")
    assert done.returncode == 0, done.stderr
    assert _listed(machine) - without == needs_gpu()
    removed = [line for line in machine.log.read_text().splitlines() if "uninstall" in line]
    assert len(removed) == 1
    assert "nvidia-cudnn-cu13" in removed[0]

    # It stays so where no flag is given.
    assert "is up to date" in machine.run().stdout


# Installs a few files, as pip would. Of each pair, the second one is needed without a GPU too.
INSTALLS_FILES = FAKE_PYTHON.replace(
    '"-m pip") shift 2;',
    """"-m pip") shift 2
        case "$*" in *" -r "*)
            cd "${0%/bin/python}" && mkdir -p lib/python3.12/site-packages/nvidia
            cd lib/python3.12/site-packages/nvidia && mkdir -p cudnn/lib nvshmem/lib cu13/lib
            for file in cudnn/lib/{libcudnn_adv.so.9,libcudnn.so.9} \\
                nvshmem/lib/{nvshmem_transport.so.3,libnvshmem_host.so.3} \\
                cu13/lib/{libnvperf_host.so,libcupti.so.13}
            do : >"$file"; done ;;
        esac;""",
)
CUT = {"libcudnn_adv.so.9", "nvshmem_transport.so.3", "libnvperf_host.so"}
KEPT = {"libcudnn.so.9", "libnvshmem_host.so.3", "libcupti.so.13"}


@pytest.mark.parametrize(("flag", "left"), [("--cpu", KEPT), ("--gpu", KEPT | CUT)])
def test_files_that_only_a_gpu_opens_are_cut(machine: Machine, flag: str, left: set[str]) -> None:
    machine.program("python3", INSTALLS_FILES)
    done = machine.run(flag)
    assert done.returncode == 0, done.stderr
    libraries = machine.cwd / "venv" / "lib"
    assert {path.name for path in libraries.rglob("*") if path.is_file()} == left


def test_an_environment_keeps_its_python_and_says_so(machine: Machine) -> None:
    assert machine.run().returncode == 0
    machine.program("mine", OLD_PYTHON.replace("print", "version"))
    done = machine.run(PYTHON="mine")
    assert done.returncode == 0, done.stderr
    assert "PYTHON=mine is not used: " in done.stdout
    # The same Python by its name is no news.
    assert "is not used" not in machine.run(PYTHON="python3").stdout


def test_a_gpu_is_found(machine: Machine) -> None:
    machine.program("python3", NOTES_THE_LIST)
    machine.program("nvidia-smi", "#!/bin/bash\n")
    assert machine.run().returncode == 0
    assert "triton" in _listed(machine)


def test_on_another_machine_pip_chooses_and_it_is_said(machine: Machine) -> None:
    machine.program("uname", '#!/bin/bash\n[ "$1" = -s ] && echo Darwin || echo arm64\n')
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert "requirements-lock.txt is for Linux on x86-64 and Python 3.11 to 3.14" in done.stdout
    assert machine.installs() == [
        f"--disable-pip-version-check install --retries 2 -e {machine.clone}[train,live,dev]"
    ]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_the_script_did_not_make_is_left_alone(machine: Machine, kind: str) -> None:
    mine = machine.cwd / "venv"
    if kind == "folder":
        mine.mkdir()
        (mine / "thesis.txt").write_text("mine", encoding="utf-8")
        assert "exists and this script did not make it" in refused(machine.run())
        assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    else:
        mine.write_text("mine", encoding="utf-8")
        assert "is a file" in refused(machine.run())
        assert mine.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("pip_says", "said"),
    [
        (
            "WARNING: Retrying after connection broken by NewConnectionError: Name or service "
            "not known",
            "the package index cannot be reached",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on "
            "device",
            "the disk is full",
        ),
        ("ERROR: [Errno 13] Permission denied: '/x'", "no permission to write"),
        ("ERROR: something else", "pip install failed, its lines above say why"),
    ],
)
def test_a_failing_pip_is_told_in_one_line_and_the_next_run_goes_on(
    machine: Machine, pip_says: str, said: str
) -> None:
    machine.pip_error.write_text(pip_says + "\n", encoding="utf-8")
    done = machine.run()
    assert said in refused(done)
    assert pip_says in done.stderr
    machine.pip_error.write_text("", encoding="utf-8")
    assert machine.run().returncode == 0
    assert len(machine.installs()) == 3


def test_a_disk_without_room_is_said_before_anything_is_made(machine: Machine) -> None:
    machine.program("df", "#!/bin/bash\necho header\necho disk 1 1 1024000 1% /\n")
    assert "has 1000 MB free, about 8192 MB are needed" in refused(machine.run("--gpu", "deep/er"))
    assert list(machine.cwd.iterdir()) == []


def test_without_libgl_the_headless_opencv_of_the_same_version_is_taken(machine: Machine) -> None:
    machine.no_libgl.touch()
    done = machine.run()
    version = importlib.metadata.version("opencv-python")
    wanted = f"install --force-reinstall --no-deps opencv-python-headless=={version}"
    assert machine.installs()[-1] == f"--disable-pip-version-check {wanted}"
    assert "sudo apt install libgl1 libglib2.0-0" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"), [(("a", "b"), "2 arguments"), (("--clear",), "--clear: unknown option")]
)
def test_wrong_arguments(machine: Machine, arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(machine.run(*arguments))


def test_help_does_nothing(machine: Machine) -> None:
    done = machine.run("--help")
    assert done.returncode == 0
    assert "./init_venv.sh [--cpu|--gpu] [DIR]" in done.stdout
    assert list(machine.cwd.iterdir()) == []


# Setup.py.

# Another decoder, for benchmarks/decode.py; the extra for HEIC.
USED_WHERE_INSTALLED = {"torchcodec", "pillow_heif"}
DISTRIBUTION_OF = {
    "cv2": "opencv-python",
    "yaml": "PyYAML",
    "mmcv": "mmcv-lite",
    "pydantic_core": "pydantic",
    "PIL": "pillow",
}


def _requirements(name: str) -> list[str]:
    tree = ast.parse((REPOSITORY / "setup.py").read_text(encoding="utf-8"))
    found = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name
    )
    values: list[str] = ast.literal_eval(found)
    return values


def _imported(folders: list[str]) -> set[str]:
    names = set()
    for folder in folders:
        for path in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names.update(alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.partition(".")[0])
    own = {"action_recognition", "benchmarks", "tests", "tools"} | {
        path.stem for path in (REPOSITORY / "tools").glob("*.py")
    }
    return {DISTRIBUTION_OF.get(name, name) for name in names - set(sys.stdlib_module_names) - own}


def _name(requirement: str) -> str:
    """The distribution that a requirement names."""
    return re.split(r"[=<>]", requirement)[0]


def _locked() -> dict[str, str]:
    """The versions of the lock file by name."""
    text = (REPOSITORY / LOCK_FILE).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("listed", ["RUNTIME", "TRAINING", "EVENTS", "TRACKING", "DEVELOPMENT"])
def test_every_version_has_two_ends_and_the_lock_lies_between_them(listed: str) -> None:
    for text in _requirements(listed):
        requirement, locked = Requirement(text), _locked()
        ends = {specifier.operator for specifier in requirement.specifier}
        assert ends in ({">=", "<"}, {"=="}), text
        assert requirement.specifier.contains(locked[requirement.name.lower()]), text


def test_the_lock_has_a_hash_for_each_and_no_address() -> None:
    text = (REPOSITORY / LOCK_FILE).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)
    packages = re.split(r"^(?=[a-zA-Z])", text, flags=re.MULTILINE)[1:]
    assert len(packages) > 100
    assert all("--hash=sha256:" in package for package in packages)
    assert (_locked()["torch"], _locked()["torchvision"]) == ("2.15.0", "0.29.2"), (
        "torch and torchvision were tested as this pair"
    )


def test_what_is_left_out_without_a_gpu_is_in_the_lock() -> None:
    assert needs_gpu() <= _locked().keys()


def test_what_the_code_imports_is_named_and_nothing_is_imported_by_luck() -> None:
    named = {
        _name(requirement)
        for listed in ("RUNTIME", "TRAINING", "EVENTS", "TRACKING")
        for requirement in _requirements(listed)
    }
    assert _imported(["action_recognition", "tools"]) <= named | USED_WHERE_INSTALLED
    # Benchmarks of pages drive the browser as the tests do.
    of_tests = {_name(requirement) for requirement in _requirements("DEVELOPMENT")}
    assert _imported(["benchmarks"]) <= named | USED_WHERE_INSTALLED | of_tests


def test_no_package_stands_in_two_lists() -> None:
    names = [
        _name(requirement)
        for listed in ("RUNTIME", "TRAINING", "EVENTS", "TRACKING", "DEVELOPMENT")
        for requirement in _requirements(listed)
    ]
    assert len(set(names)) == len(names)


def test_the_licence_is_apache_2_as_published() -> None:
    text = (REPOSITORY / "LICENSE").read_bytes()
    assert (
        hashlib.sha256(text).hexdigest()
        == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    )


def test_nothing_tracked_names_this_machine_or_a_package_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if listed.returncode:
        pytest.skip("not a git clone")
    banned = ("/work/" + "main", "/work/" + "venvs", "pypi" + ".org")
    for name in filter(None, listed.stdout.split("\0")):
        path = REPOSITORY / name
        if not path.is_file() or path.stat().st_size > 2_000_000:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        assert not any(word in text for word in banned), name
