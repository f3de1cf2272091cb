#!/usr/bin/env python3
"""Teach gestures to an exported model by showing them; see --help."""

import sys

try:
    from action_recognition.commands.teaching.teach import main
    from action_recognition.errors import run_command
except ImportError as error:
    # One line instead of a traceback: most likely the environment is not active.
    repair = "set up and activate the environment: ./init_venv.sh && . venv/bin/activate"
    print(f"error: {error}; to repair: {repair}", file=sys.stderr)
    sys.exit(2)

run_command(main)
