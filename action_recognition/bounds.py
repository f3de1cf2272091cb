"""Upper bounds of sizes and numbers in template, metadata and flags.

They lie far above every use. What is above them is a slip of the keyboard or damage, and would take
all memory, or for ever.
"""

from __future__ import annotations

from typing import Final

MAX_CLIP_LEN: Final = 10_000
"""Frames of a clip."""
MAX_SIDE: Final = 8192
"""Pixels of a picture's side."""
MAX_CLIP_BYTES: Final = 4_000_000_000
"""Bytes of one clip, uint8."""
MIN_RATE_FPS: Final = 0.001
MAX_RATE_FPS: Final = 10_000.0
"""Frames a second of what a network sees."""
MAX_PROCESSES: Final = 1024
MAX_CHANNELS: Final = 65_536
"""Channels of a layer, values of an embedding."""
MAX_COUNT: Final = 1_000_000_000
"""Epochs, clips, steps and whatever else is counted."""
MAX_SEED: Final = 2**32 - 1
MAX_NUMBER: Final = 1e9
"""Factors, weights, rates of learning."""
