"""Lines that libraries log and that say nothing to the person at the console."""

from __future__ import annotations

import logging
from typing import Final

# Triton is for GPUs. `init_venv.sh` leaves it out without one, and torch warns in every command.
_OF_GPUS: Final = "torch.utils.flop_counter"


def leave_out_lines_about_gpus() -> None:
    """Let torch say nothing of Triton, from its import on. Its errors are still logged."""
    logging.getLogger(_OF_GPUS).setLevel(logging.ERROR)
