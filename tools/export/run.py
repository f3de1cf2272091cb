#!/usr/bin/env python3
"""Recognise gestures with the model of this folder; see --help."""

import sys
from pathlib import Path

try:
    from action_recognition.errors import run_command
    from action_recognition.live.run_folder import main
except ImportError as error:
    # One line instead of a traceback: most likely the package is not installed here.
    repair = "install the runtime: pip install -e CLONE, or activate the clone's environment"
    print(f"error: {error}; to repair: {repair}", file=sys.stderr)
    sys.exit(2)

run_command(lambda: main(Path(__file__).resolve().parent))
