"""The warm `python` is as the real one, but for the time that its libraries take."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.warm import ENVIRONMENT, start, warm_python
from tests.warm.client import start_variables


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own, which has imported nothing."""
    if not hasattr(os, "pidfd_open"):
        pytest.skip("needs Linux")
    folder = tmp_path_factory.mktemp("warm")
    with start(folder):
        yield str(folder / "python")


def both(python: str, *words: str, **options: object) -> list[subprocess.CompletedProcess[str]]:
    """What the warm and the real Python make of the same words."""
    return [
        subprocess.run([program, *words], capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload]
        for program in (python, sys.executable)
    ]


def forked(python: str, *words: str, **options: object) -> bool:
    """Return True if the server forks, as its modules show: it needs one that Python does not."""
    code = "import sys; sys.exit(7 if 'selectors' in sys.modules else 0)"
    done = subprocess.run([python, *words, "-c", code], timeout=60, **options)  # type: ignore[call-overload]
    return bool(done.returncode == 7)


@pytest.mark.parametrize(
    "code",
    [
        "print('out'); import sys; print('err', file=sys.stderr); sys.exit(3)",
        "import sys; print(sys.stdin.read()); sys.exit('a message')",
        "1 / 0",
        "raise KeyboardInterrupt",
        "import os; os.kill(os.getpid(), 15)",
        "import os; os.kill(os.getpid(), 9)",
        "import sys; print(sys.argv, sys.path, __name__, sys.stdout.encoding, sys.stdout.errors)",
        "import atexit; atexit.register(print, 'at the end'); print('before')",
        "import os, sys; print(os.getcwd(), sorted(os.environ), sys.stdout.isatty())",
        "import threading; threading.Timer(0.1, print, 'a').start(); print('b')",
        "import multiprocessing as m; p = m.Process(target=print, args=(2,)); p.start(); p.join()",
        "import signal; print([str(signal.getsignal(n)) for n in (1, 2, 3, 13, 15)])",
        "import sys; sys.stdout.close()",
        "import os; print(os.umask(0))",
        "import atexit; atexit.register(print, 'at exit'); print('x'); raise KeyboardInterrupt",
        "import ctypes; ctypes.CDLL(None).puts(b'from C'); print('x')",
    ],
)
def test_code_ends_and_prints_as_ever(python: str, code: str, tmp_path: Path) -> None:
    assert forked(python)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "MINE": "1"}
    for name in ("once", "once more"):
        warm, real = both(python, "-c", code, name, cwd=tmp_path, env=environment, input="text")
        assert (warm.returncode, warm.stdout, warm.stderr) == (
            (real.returncode, real.stdout, real.stderr)
        )


def test_a_reader_that_has_gone_is_told_as_ever(python: str) -> None:
    ends = []
    for program in (python, sys.executable):
        code = "import sys; sys.stdin.read(); print('x'); sys.exit(3)"
        with subprocess.Popen(
            [program, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": ""},
            text=True,
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdout.close()
            process.stdin.close()
            assert process.stderr is not None
            said = process.stderr.read()
            ends.append(
                (process.wait(), said.splitlines()[-1], said.startswith("Exception ignored"))
            )
    assert ends[0] == ends[1] and ends[0][0] == 120


def test_a_client_that_is_killed_early_takes_no_server_down(python: str) -> None:
    for sent in (b"", b"R", b"R\0\0\0\5{"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(Path(python).parent / "socket"))
            if sent:
                connection.sendall(sent)
    assert forked(python)


def test_a_script_is_main_and_finds_what_lies_beside_it(python: str, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("VALUE = 5")
    (tmp_path / "script.py").write_text(
        "import multiprocessing, sys\n"
        "from pathlib import Path\n"
        "import beside\n"
        "def f(x): return x + beside.VALUE\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(f, [1]), sys.argv, __file__, Path(sys.path[0]).name)\n"
        "    raise ValueError('wrong')\n"
    )
    warm, real = both(python, "script.py", "--flag", cwd=tmp_path)
    assert warm.stdout == real.stdout and "[6] ['script.py', '--flag']" in warm.stdout
    assert (warm.returncode, warm.stderr) == (real.returncode, real.stderr)


def test_a_module_runs_as_main(python: str, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "__main__.py").write_text(
        "import sys; from . import __name__ as n; print(n, __name__, sys.argv[1:], sys.path[0])"
    )
    warm, real = both(python, "-m", "inside", "a", cwd=tmp_path)
    assert warm.stdout == real.stdout and warm.stdout.startswith("inside __main__ ['a']")


@pytest.mark.parametrize("is_unbuffered", [False, True])
def test_output_is_held_back_as_ever(python: str, is_unbuffered: bool) -> None:
    code = "import os; print('held back?'); os._exit(0)"
    environment = os.environ | {"PYTHONUNBUFFERED": "1" if is_unbuffered else ""}
    warm, real = both(python, "-c", code, env=environment)
    assert warm.stdout == real.stdout == ("held back?\n" if is_unbuffered else "")


def test_a_library_is_imported_once_and_the_package_each_time(python: str) -> None:
    code = (
        "import sys; print([n for n in ('yaml', 'action_recognition') if n in sys.modules])\n"
        "import action_recognition, yaml, random; print(random.random())"
    )
    first, second, third = (
        subprocess.run(
            [python, "-c", code], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for _ in range(3)
    )
    assert [first[0], second[0], third[0]] == ["[]", "['yaml']", "['yaml']"]
    assert len({first[1], second[1], third[1]}) == 3  # no two draw the same numbers
    # What a library said while it was imported, a command would have said.
    assert (Path(python).parent / "log").read_text() == ""


def test_what_a_real_python_is_needed_for_gets_one(python: str) -> None:
    assert forked(python, env=os.environ | {"ANY": "1", "OMP_WAIT_POLICY": "PASSIVE"})
    assert not forked(python, env=os.environ | {"OMP_NUM_THREADS": "5"})
    assert not forked(python, env=os.environ | {"PYTHONHASHSEED": "5"})
    assert not forked(python, "-I")
    for shell in ("ulimit -f 100; exec", "trap '' INT; exec", "exec 2>&-; exec"):
        code = "import sys; sys.exit('selectors' in sys.modules)"
        assert subprocess.run(["sh", "-c", f'{shell} {python} -c "{code}"']).returncode == 0
    assert subprocess.run([python, "no_such.py"], capture_output=True).returncode == 2


def test_what_libraries_set_when_they_are_imported_needs_no_real_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
        monkeypatch.setenv(name, "")  # and taken back
    before = start_variables(ENVIRONMENT)
    import cv2  # noqa: F401
    import lightning
    import onnxruntime  # noqa: F401
    import openvino  # noqa: F401

    lightning.seed_everything(1, workers=True)
    assert start_variables(dict(os.environ)) == before


def test_what_a_script_starts_is_warm_too(python: str) -> None:
    inner = "import sys; sys.exit('selectors' in sys.modules)"
    code = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {inner!r}]))"
    assert subprocess.run([python, "-c", code]).returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_reaches_the_script(python: str, number: int) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda n, f: sys.exit(5))\n"
        "try: print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt: sys.exit(6)\n"
    )
    with subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        process.wait(timeout=30)
        # Nobody else holds the pipe: the script has ended, too.
        assert process.stdout.read() == ""
    assert process.returncode == {signal.SIGINT: 6, signal.SIGTERM: 5, signal.SIGKILL: -9}[number]


def test_the_server_ends_with_the_last_that_holds_it(tmp_path: Path) -> None:
    folder = tmp_path / "warm"
    folder.mkdir()
    first, second = start(folder), start(folder)
    words = [str(folder / "python"), "-c", "import os; print(os.getppid())"]
    server = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    first.close()
    assert int(subprocess.run(words, capture_output=True, text=True, check=True).stdout) == server
    # Without a server, it is a real Python.
    (folder / "socket").unlink()
    assert not forked(words[0])
    handle = os.pidfd_open(server)
    second.close()
    assert select.select([handle], [], [], 30)[0]
    os.close(handle)
    assert list(tmp_path.iterdir()) == []


def test_all_workers_of_a_run_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warm_python() == warm_python()
    monkeypatch.setenv("COLD_PYTHON", "1")
    assert warm_python.__wrapped__() == sys.executable
