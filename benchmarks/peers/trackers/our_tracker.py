"""Our tracker of hands as a process of its own.

    python -m benchmarks.peers.trackers.our_tracker [DIR]

DIR has the networks, as fetched or as IR. Without it they are those of the cache. Computed in f32
on one thread.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from action_recognition.hands.networks import HandNetworks
from action_recognition.hands.tracker import HandTracker
from benchmarks.peers.trackers.frame_pipe import Track, serve


def main() -> None:
    """Serve frames from stdin."""
    networks = HandNetworks(Path(sys.argv[1]) if len(sys.argv) > 1 else None, num_threads=1)

    def new_tracker() -> Track:
        tracker = HandTracker(networks)

        def track(picture_rgb: NDArray[np.uint8], time_ms: int) -> list[dict[str, Any]]:
            return [
                {
                    "points": np.round(hand.landmarks_px.ravel(), 3).tolist(),
                    "world": np.round(hand.seen.world_m.ravel(), 5).tolist(),
                    "right": hand.seen.right,
                }
                for hand in tracker.track(picture_rgb, time_ms / 1000.0)
            ]

        return track

    serve(new_tracker)


if __name__ == "__main__":
    main()
