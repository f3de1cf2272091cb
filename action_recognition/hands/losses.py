"""How long a hand may be out of sight."""

from __future__ import annotations

from typing import Final

REMEMBERED_S: Final = 0.5
"""A hand that comes back within this time is the same one, in seconds."""
