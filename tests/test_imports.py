"""What commands import: packages that take seconds are loaded only where they are used."""

from __future__ import annotations

import subprocess
import sys


def test_evaluation_and_compression_load_no_torchvision_and_no_lightning() -> None:
    script = (
        "import sys, action_recognition.evaluation.evaluate_clips\n"
        "import action_recognition.evaluation.calibrating\n"
        "import action_recognition.compression.compress_folder\n"
        "print({'torchvision', 'lightning', 'nncf'} & sys.modules.keys(), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set() True"


def test_a_model_of_frames_loads_no_networks_of_hands() -> None:
    script = (
        "import sys, action_recognition.deploy.predictor, action_recognition.live.demo\n"
        "print(sorted(name for name in sys.modules if name.endswith('hands.networks')),\n"
        "      'action_recognition.download' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] False"
