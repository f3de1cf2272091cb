"""Counting a network costs no import of PyTorch's compiler, and is the same where it is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from action_recognition.models.build import build_recogniser
from action_recognition.models.complexity import count
from action_recognition.template import load_template_dir

templates = Path(sys.argv[1])
networks = []
for name in ("hand_landmarks/hand-landmarks-clips", "gesture_recognition/" + sys.argv[2]):
    template, model = load_template_dir(templates / name)
    networks.append((build_recogniser(model, 6), template.input.clip_shape))

without = [count(*network) for network in networks]
print("torch._dynamo" in sys.modules)
import torch._dynamo
print([count(*network) for network in networks] == without, without[0].flops)
"""


def test_counts_need_no_compiler(repository: Path) -> None:
    templates, small = repository / "model_templates", "s3d-rgb-mobilenet-v3-stream-quickstart"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(templates), small],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "True", "6355744"]
