#!/usr/bin/env python3
"""Classify photos of gestures: files, a folder, a camera; see --help."""

import sys
from pathlib import Path

try:
    from action_recognition.commands.predict import main
    from action_recognition.errors import run_command
except ImportError as error:
    print(f"error: {error}; to repair: activate the environment that init_venv.sh made: . venv/bin/activate", file=sys.stderr)
    sys.exit(2)

run_command(lambda: main(Path(__file__).resolve().parent))
