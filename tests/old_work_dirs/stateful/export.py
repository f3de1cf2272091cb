#!/usr/bin/env python3
"""Write a trained model as ONNX and OpenVINO IR; see --help."""

import sys
from pathlib import Path

try:
    from action_recognition.commands.export import main
    from action_recognition.errors import run_command
except ImportError as error:
    print(f"error: {error}; to repair: activate the environment that init_venv.sh made: . venv/bin/activate", file=sys.stderr)
    sys.exit(2)

run_command(lambda: main(Path(__file__).resolve().parent))
