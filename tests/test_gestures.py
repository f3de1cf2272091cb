"""`gestures COMMAND`, and what a wheel and a source distribution hold."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from action_recognition import __main__ as gestures
from action_recognition import program
from action_recognition.errors import UserError
from action_recognition.program import command_name
from tests.conftest import REPOSITORY
from tests.versions.wheel import check_contents

NOT_COMMANDS = {"quickstart_pictures", "quickstart_report"}


@pytest.fixture(autouse=True)
def not_called_by_gestures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests read usage lines of scripts."""
    monkeypatch.setitem(program._state, "by_gestures", False)


def test_every_script_is_a_command() -> None:
    scripts = {path.stem for path in (REPOSITORY / "tools").rglob("*.py")} - NOT_COMMANDS
    assert {command_name(name) for name in scripts} == set(gestures.COMMANDS)


def test_a_command_runs_the_module_of_its_script() -> None:
    for script in (REPOSITORY / "tools").rglob("*.py"):
        command = gestures.COMMANDS.get(command_name(script.name))
        if command is not None and command.module:
            imported = f"from action_recognition.{command.module} import main"
            assert imported in script.read_text(encoding="utf-8"), script


@pytest.mark.parametrize("name", [name for name in gestures.COMMANDS if name != "quickstart"])
def test_the_help_of_a_command_names_it_as_it_was_typed(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY / "model_templates/hand_landmarks/hand-landmarks-clips")
    with pytest.raises(SystemExit) as ended:
        gestures.main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: gestures {name} " in capsys.readouterr().out


def test_the_overview_names_every_command_and_imports_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert gestures.main([]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in gestures.COMMANDS)
    script = (
        "import sys, action_recognition.__main__\n"
        "print(len({'numpy', 'yaml', 'cv2'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "trian: is no command, did you mean 'train'\\?"),
        (["--work-dir", "."], "--work-dir: a folder and a command have to follow"),
        (["--work-dir=nowhere", "train"], "nowhere is no folder"),
        (["--work-dir=", "train"], "--work-dir: a folder and a command have to follow"),
        (["--work-dir", ".", "check"], "--work-dir: check works in no work dir"),
        (["train.yaml"], "train.yaml: is no command"),
        (["my_model/eval"], "my_model/eval: is no command"),
    ],
)
def test_wrong_words(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        gestures.main(words)


def test_the_work_dir_is_where_one_stands_or_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = importlib.import_module("action_recognition.commands.train")
    places: list[Path] = []
    monkeypatch.setattr(train, "main", lambda folder, _: places.append(folder))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    gestures.main(["train"])
    gestures.main(["--work-dir", "model", "train"])
    gestures.main(["--work-dir=model", "train"])
    assert places == [tmp_path, tmp_path / "model", tmp_path / "model"]


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    train = importlib.import_module("action_recognition.commands.train")

    def fails_for(module: str) -> None:
        def without(_: Path, __: list[str]) -> int:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)

        monkeypatch.setattr(train, "main", without)

    fails_for("not_here.nn")
    with pytest.raises(UserError, match="gestures train: needs the package not_here"):
        gestures.main(["train"])
    # A part that is missing in a package that is there is told as it is.
    fails_for("torch.not_here")
    with pytest.raises(ModuleNotFoundError, match=r"torch\.not_here"):
        gestures.main(["train"])


def test_a_template_is_found_by_its_name(tmp_path: Path) -> None:
    words = ["instantiate", "hand-landmarks-clips", str(tmp_path / "model")]
    assert gestures.main(words) == 0
    assert (tmp_path / "model" / "train.py").is_file()
    with pytest.raises(UserError, match="did you mean 'hand-landmarks-clips'"):
        gestures.main(["instantiate", "hand-landmark-clips", str(tmp_path / "other")])


def test_a_wheel_and_a_source_distribution_hold_templates_scripts_and_pages(
    tmp_path: Path,
) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git clone")
    clone = tmp_path / "clone"
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, clone / name)

    # Setuptools builds in this Python: nothing is fetched.
    script = "from setuptools import build_meta as b; print(b.build_wheel('d'), b.build_sdist('d'))"
    subprocess.run([sys.executable, "-c", script], cwd=clone, check=True, capture_output=True)
    (wheel,), (sdist,) = (clone / "d").glob("*.whl"), (clone / "d").glob("*.tar.gz")
    check_contents(wheel, sdist)
