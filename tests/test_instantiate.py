from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from action_recognition.commands.instantiate import build_parser, main
from tests.conftest import REPOSITORY, template_dir

SCRIPT = REPOSITORY / "tools" / "instantiate_template.py"


def _run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        cwd=cwd,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_script_makes_a_work_dir_from_any_folder(tmp_path: Path) -> None:
    done = _run(
        template_dir("jester") / "template.yaml",
        "my model",
        "--do-not-load-snapshot",
        "-v",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "my model" / "train.py").is_file()
    assert f"cd '{tmp_path / 'my model'}'" in done.stdout
    assert "copying" in done.stdout


def test_scripts_say_what_to_activate_without_the_package(tmp_path: Path) -> None:
    for script in (
        SCRIPT,
        *(
            REPOSITORY / "tools" / "workdir" / f"{name}.py"
            for name in ("train", "eval", "export", "demo")
        ),
    ):
        assert len(script.read_text(encoding="utf-8").splitlines()) <= 30
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(script)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 2
        assert done.stderr.startswith("error: No module named")
        assert ". venv/bin/activate" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_wrong_input_ends_in_messages_and_exit_code_2(tmp_path: Path) -> None:
    done = _run(tmp_path / "nothing" / "template.yaml", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["TEMPLATE", "OUT", "--do-not-load-snapshot"]])
def test_it_imports_neither_torch_nor_cv2(arguments: list[str], tmp_path: Path) -> None:
    arguments = [str(template_dir("msasl")) if word == "TEMPLATE" else word for word in arguments]
    program = (
        "import sys\nfrom action_recognition.commands.instantiate import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'cv2', 'numpy', 'av', 'openvino', 'lightning', 'mmcv', "
        "'matplotlib'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_the_flags_of_the_original_are_kept() -> None:
    parsed = build_parser().parse_args(
        ["template.yaml", "out", "--do-not-load-snapshot", "--verbose"]
    )
    assert (parsed.template, parsed.work_dir, parsed.do_not_load_snapshot, parsed.verbose) == (
        Path("template.yaml"),
        Path("out"),
        True,
        True,
    )


def test_both_snapshot_flags_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["t", "out", "--do-not-load-snapshot", "--snapshot", "x"])
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
