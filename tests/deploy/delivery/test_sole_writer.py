"""Two commands that write into one exported folder: the second is refused before its first byte."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from action_recognition.commands.teaching import teach
from action_recognition.compression.compress_folder import compress
from action_recognition.compression.compress_inputs import CompressOptions
from action_recognition.deploy.delivery.folder import staging_folder
from action_recognition.deploy.delivery.sole_writer import sole_writer
from action_recognition.errors import UserError
from action_recognition.evaluation.calibrating import CalibrateOptions, calibrate
from action_recognition.export.export_model import ExportOptions, export_model
from tests.tiny_export import tiny_trained

_HOLDS = """
import sys
from pathlib import Path
from action_recognition.deploy.delivery.sole_writer import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(exported: Path) -> Iterator[Path]:
    """Yield an exported folder that another process holds."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(exported)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield exported
        other.communicate(timeout=20)


def _writers(folder: Path) -> dict[str, Callable[[], object]]:
    model = folder / "model.xml"
    val = {"val_ann_files": [folder / "no.txt"], "val_data_roots": [folder]}
    both = val | {"train_ann_files": [folder / "no.txt"], "train_data_roots": [folder]}
    return {
        "export": lambda: export_model(tiny_trained(), folder, ExportOptions(), lambda _: None),
        "compress": lambda: compress(folder, CompressOptions(load_weights=model, **both)),
        "calibrate": lambda: calibrate(CalibrateOptions(load_weights=model, **val)),
        "teach": lambda: teach.main([str(folder), "--remove", "wave"]),
    }


def test_every_command_is_refused_before_its_first_byte(held: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in held.iterdir()}
    for name, write in _writers(held).items():
        with pytest.raises(UserError, match=r"another command writes there \(process \d+ on"):
            write()
        after = {path.name: path.stat().st_mtime_ns for path in held.iterdir()}
        assert after == before, name


def test_the_holder_writes_inside_of_its_own_hold(tmp_path: Path) -> None:
    """compress.py exports and calibrates so. Nothing is left afterwards."""
    folder = tmp_path / "export"
    with sole_writer(folder), staging_folder(folder) as staging:
        assert staging.is_dir()
    assert list(folder.iterdir()) == []


def test_a_failed_block_leaves_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staging_folder(tmp_path / "export"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_names_the_folder(tmp_path: Path) -> None:
    """A system error that names no file gets the name of the export's folder."""
    full = OSError(errno.ENOSPC, "No space left on device")
    folder = tmp_path / "export"
    with pytest.raises(OSError, match="No space left") as caught, staging_folder(folder):
        raise full
    assert caught.value.filename == str(folder) and not folder.exists()
