"""Work dirs of commit 0ff301a, with a checkpoint and an export: all commands still run there.

The checkpoints hold no path of the machine that made them, and the clips are drawn again here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import yaml
from onnx.numpy_helper import to_array

from tests.conftest import REPOSITORY, end_of_script
from tests.tiny import tiny_data

STORED = REPOSITORY / "tests" / "old_work_dirs"
NETWORKS = {
    "clips": ("model.xml", "model.bin", "model.onnx"),
    "stateful": (
        "model.xml",
        "model.bin",
        "model.onnx",
        "model_stream4.xml",
        "model_stream4.bin",
        "model_stream4.onnx",
    ),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("old") / "data", clips_per_class=4)


@pytest.fixture(params=NETWORKS)
def work_dir(
    request: pytest.FixtureRequest, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of a stored work dir, with its clips in `data` as they were, and the place to type."""
    folder = tmp_path / str(request.param)
    shutil.copytree(STORED / folder.name, folder)
    shutil.copytree(data, folder / "data")
    monkeypatch.chdir(folder)
    return folder


def assert_same_file(new: Path, old: Path) -> None:
    """Byte for byte, but for the last digits of weights, which another processor may round."""
    if new.suffix == ".bin":
        values, before = (np.frombuffer(file.read_bytes(), np.float32) for file in (new, old))
        np.testing.assert_allclose(values, before, rtol=1e-5, atol=1e-7, equal_nan=True)
    elif new.suffix == ".onnx":
        graphs = [onnx.load(file) for file in (new, old)]
        weights = [{item.name: to_array(item) for item in g.graph.initializer} for g in graphs]
        assert weights[0].keys() == weights[1].keys()
        for name, values in weights[0].items():
            np.testing.assert_allclose(values, weights[1][name], rtol=1e-5, atol=1e-7)
        for graph in graphs:
            del graph.graph.initializer[:]
        assert graphs[0] == graphs[1]
    else:
        assert new.read_bytes() == old.read_bytes()


def test_an_old_work_dir_evaluates_exports_and_runs_as_before(
    work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(script: str, line: str) -> int:
        return end_of_script(work_dir / script, line.split(), monkeypatch)

    # The same figures.
    clips = "--test-ann-files data/val.txt --test-data-roots data"
    flags = f"--load-weights outputs/latest.pth {clips} --save-metrics-to new.yaml"
    assert run("eval.py", flags) == 0
    stored, new = (yaml.safe_load(Path(name).read_text()) for name in ("metrics.yaml", "new.yaml"))
    assert new["metrics"] == stored["metrics"]

    # The same networks.
    flags = "--load-weights outputs/latest.pth --save-model-to again --openvino --onnx"
    assert run("export.py", flags) == 0
    for name in NETWORKS[work_dir.name]:
        assert_same_file(Path("again", name), Path("export", name))

    # The export that was made before is whole, and runs.
    verify = REPOSITORY / "tools" / "verify.py"
    assert end_of_script(verify, ["export"], monkeypatch) == 0
    video = next(Path("data/videos").iterdir())
    shutil.copyfile(video, "clip.mp4")
    network = NETWORKS[work_dir.name][-3]
    assert run("demo.py", f"--model export/{network} --input clip.mp4 --no-show --csv out.csv") == 0
    assert Path("out.csv").read_text().startswith("time_s,label,score")


def test_an_old_run_trains_on(work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = (
        "--train-ann-files data/train.txt --train-data-roots data --val-ann-files data/val.txt "
        "--val-data-roots data --gpu-num 0 --seed 3 --resume-from latest --epochs 9"
    )
    assert end_of_script(work_dir / "train.py", flags.split(), monkeypatch) == 0
    content = torch.load("outputs/latest.pth", weights_only=True)
    assert (content["epoch"], len(Path("outputs/curves.csv").read_text().splitlines())) == (8, 10)
