#!/usr/bin/env python3
"""Prepare MS-ASL; see --help."""

import sys

try:
    from action_recognition.commands.data.prepare_msasl import main
    from action_recognition.errors import run_command
except ImportError as error:
    print(
        f"error: {error}; to repair: set up and activate the environment: ./init_venv.sh && . venv/bin/activate",
        file=sys.stderr,
    )
    sys.exit(2)

if __name__ == "__main__":  # the processes that cut clips import this file
    run_command(main)
