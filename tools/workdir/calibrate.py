#!/usr/bin/env python3
"""Fit temperature and thresholds of a trained or exported model; see --help."""

import sys
from pathlib import Path

try:
    from action_recognition.commands.calibrate import main
    from action_recognition.errors import run_command
except ImportError as error:
    # One line instead of a traceback: most likely the environment is not active.
    repair = "activate the environment that init_venv.sh made: . venv/bin/activate"
    print(f"error: {error}; to repair: {repair}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:
    print("error: interrupted", file=sys.stderr)
    sys.exit(130)

# The processes that open clips import this file.
if __name__ == "__main__":
    run_command(lambda: main(Path(__file__).resolve().parent))
