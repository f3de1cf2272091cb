#!/usr/bin/env python3
"""Record, teach and try gestures in the browser; see --help."""

import sys
from pathlib import Path

try:
    from action_recognition.commands.teaching.studio import main
    from action_recognition.errors import run_command
except ImportError as error:
    # One line instead of a traceback: most likely the environment is not active.
    repair = "set up and activate the environment: ./init_venv.sh && . venv/bin/activate"
    print(f"error: {error}; to repair: {repair}", file=sys.stderr)
    sys.exit(2)

run_command(lambda: main(Path(__file__).resolve().parents[1]))
