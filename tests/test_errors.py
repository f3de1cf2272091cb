from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from action_recognition.errors import Problem, UserError, naming, nearest, run_command, user_error
from tests.conftest import REPOSITORY


def _raise(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


def test_all_problems_are_said_each_on_its_line_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = UserError(
        [
            Problem("a.txt:3", "label 9", "0 to 3"),
            Problem("a.txt:7", "end before start", fix="swap them"),
        ]
    )
    with pytest.raises(SystemExit) as ended:
        run_command(_raise(error))
    assert ended.value.code == 2
    assert (
        capsys.readouterr().err
        == "error: a.txt:3: label 9; allowed: 0 to 3\nerror: a.txt:7: end before start; to "
        "repair: swap them\n"
    )


def test_a_folder_that_takes_no_file_is_a_message() -> None:
    with (
        pytest.raises(
            UserError,
            match=r"^/proc/a\.png: no file can be made there; to repair: name another folder$",
        ),
        naming(Path("/proc/a.png")),
    ):
        Path("/proc/.a.png.part").write_bytes(b"")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.ENOTDIR, "a part of this path is a file"),
        (errno.EFBIG, "the file would be larger than allowed here"),
        (errno.ENOENT, "No such file or directory; to repair: check the path"),
        (errno.EMFILE, "too many files are open; to repair: raise the limit with ulimit -n"),
        (errno.EIO, "its disk or device fails"),
        (errno.ESTALE, os.strerror(errno.ESTALE)),
    ],
)
def test_a_disk_that_refuses_is_a_message(
    number: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(_raise(OSError(number, os.strerror(number), "out/latest.pth")))
    assert ended.value.code == 2
    assert f"error: out/latest.pth: {said}" in capsys.readouterr().err.replace(
        "the file system is read-only", "read-only"
    )


def test_a_memory_that_is_full_is_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(_raise(MemoryError()))
    assert ended.value.code == 2
    assert "the memory is used up; to repair: end other programs" in capsys.readouterr().err


def test_our_own_mistakes_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(_raise(ZeroDivisionError()))
    # The system's errors have a number.
    with pytest.raises(OSError, match="a library's own"):
        run_command(_raise(OSError("a library's own")))


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (3, 3)])
def test_the_return_value_is_the_exit_code(returned: int | None, code: int) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: returned)
    assert ended.value.code == code


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(_raise(KeyboardInterrupt()))
    assert ended.value.code == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_a_closed_pipe_is_quiet() -> None:
    program = (
        "from action_recognition.errors import run_command\nrun_command(lambda: "
        "print('line\\n' * 100000))"
    )
    reader = subprocess.run(
        f'{sys.executable} -c "{program}" | head -n 1',
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert reader.stdout == "line\n"
    assert reader.stderr == ""


def test_an_error_survives_the_way_from_a_worker() -> None:
    error = user_error("x", "found", "allowed", "fix")
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_nearest_says_nothing_for_what_is_far() -> None:
    assert nearest("batch", ["batch_size", "epochs"]) == ", did you mean 'batch_size'?"
    assert nearest("zzz", ["batch_size", "epochs"]) == ""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_console_that_lacks_letters_gets_their_codes(encoding: str) -> None:
    code = (
        "from action_recognition.errors import run_command, user_error\n"
        "def command():\n"
        "    print('你好 \\udc80')\n"
        "    raise user_error('a\\x1b[2J.txt', 'class 你好')\n"
        "run_command(command)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": f"{encoding}:strict"},
        capture_output=True,
        timeout=60,
    )
    hello = "你好" if encoding == "utf-8" else "\\u4f60\\u597d"
    assert run.returncode == 2
    assert run.stdout.decode() == f"{hello} \\udc80\n"
    assert run.stderr.decode() == f"error: a\\x1b[2J.txt: class {hello}\n"


@pytest.mark.parametrize(
    ("stdout", "code", "said"),
    [
        (">&-", 0, ""),
        ("> /dev/full", 2, "error: standard output: the disk is full"),
    ],
)
def test_a_standard_output_that_takes_nothing_is_no_traceback(
    tmp_path: Path, stdout: str, code: int, said: str
) -> None:
    """Closed, its number would go to the next file, and what is printed into it."""
    program = tmp_path / "program.py"
    program.write_text(
        "from pathlib import Path\n"
        "from action_recognition.errors import run_command\n"
        "def main():\n"
        "    import os\n"
        "    print('text')\n"
        "    with open('result', 'w') as file:\n"
        "        os.system('echo of a library')\n"
        "        file.write('result')\n"
        "run_command(main)\n"
    )
    result = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} program.py {stdout}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
    )
    assert result.returncode == code and "Traceback" not in result.stderr
    # The shell has a complaint of its own before it.
    assert said in result.stderr
    assert (tmp_path / "result").read_text() == "result"


def test_a_process_of_a_command_does_not_run_the_command_again(tmp_path: Path) -> None:
    script = tmp_path / "command.py"
    script.write_text(
        "import multiprocessing, os\n"
        "from action_recognition.errors import run_command\n"
        "def main():\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(os.path.basename, ['a/b']))\n"
        "run_command(main)\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("b\n", 0), done.stderr
