"""Tracking of hands at 10 frames a second, against the networks one by one in every frame.

    python benchmarks/hands.py --threads 1 --clips ../shared/data/smarthome_gestures/videos

Figures:
    time_over_full_f32: our tracker over one that looks for palms in every frame while fewer than
    two hands are followed. Both run the full networks in f32, on decoded frames.
    landmarks_median_px, landmarks_p95_px: how far their landmarks are apart, of 224.
    seen_share, seen_share_full: frames in which a hand is found, by ours and by the other.
    ready_s: from the import in a fresh process to a tracker that can take a frame.
Without --clips hands are drawn, which are found in about half of the frames.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/hands.py` without an installed package

from action_recognition.data.sampling import time_step
from action_recognition.data.video import container_frame_rate, count_frames, read_frames
from action_recognition.dataset_tools.drawn_hands import MOTIONS, draw_clip
from action_recognition.hands.landmark_file import HandLandmarks, track_pictures
from action_recognition.hands.networks import HandNetworks, Picture
from action_recognition.hands.tracker import HandTracker, TrackedHand
from benchmarks import harness

RATE_FPS, CROP = 10.0, 224
NUM_CLIPS = 12
READY = """
import time; start = time.perf_counter()
from action_recognition.hands.networks import HandNetworks
from action_recognition.hands.tracker import HandTracker
HandTracker(HandNetworks(None, {threads}))
print(time.perf_counter() - start)
"""


class FullTracker(HandTracker):
    """Looks for palms in every frame while a hand may be missing."""

    def _is_time_for_palms(self, followed: Sequence[TrackedHand]) -> bool:
        return True


def real_clips(folder: Path, number: int) -> list[list[Picture]]:
    """Frames of evenly chosen videos below a folder, about 10 a second."""
    files = sorted(folder.rglob("*.mp4"))
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, number).astype(int)]
    clips = []
    for file in chosen:
        step = time_step(container_frame_rate(file) or RATE_FPS, RATE_FPS)
        clips.append(list(read_frames(file, range(0, count_frames(file), step))))
    return clips


def drawn_clips(number: int) -> list[list[Picture]]:
    """Frames of drawn hands."""
    names = [list(MOTIONS)[i % len(MOTIONS)] for i in range(number)]
    return [list(draw_clip(name, seed=i).frames_thwc) for i, name in enumerate(names)]


def tracked(
    tracker: type[HandTracker], networks: HandNetworks, frames: Sequence[Picture]
) -> HandLandmarks:
    """The hands of one clip."""
    return track_pictures(
        tracker(networks), ((i, i / RATE_FPS, frame) for i, frame in enumerate(frames))
    )


def distances(ours: HandLandmarks, theirs: HandLandmarks) -> list[float]:
    """Distances in units of the crop between hands of one frame that both have found."""
    found = []
    for row, frame in enumerate(ours.frame_index):
        others = theirs.landmarks_px[theirs.frame_index == frame]
        if not len(others):
            continue
        apart = np.linalg.norm((others - ours.landmarks_px[row])[..., :2], axis=-1)
        # The square of a hand is about twice its box.
        box = np.ptp(ours.landmarks_px[row, :, :2], axis=0).max()
        found += (apart[apart.mean(-1).argmin()] / (2.0 * box) * CROP).tolist()
    return found


def ready_s(threads: int) -> float:
    """Seconds until a fresh process has a tracker."""
    done = subprocess.run(
        [sys.executable, "-c", READY.format(threads=threads)],
        cwd=harness.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--clips", type=Path)
    own, rest = parser.parse_known_args(argv)
    options = harness.parse_arguments(str(__doc__), rest)

    number = 2 if options.quick else NUM_CLIPS
    clips = real_clips(own.clips, number) if own.clips else drawn_clips(number)
    networks = HandNetworks(None, options.threads)
    seconds: dict[str, list[float]] = {"ours": [], "full f32": []}
    apart: list[float] = []
    seen: dict[str, list[float]] = {"ours": [], "full f32": []}

    for turn, frames in enumerate(clips):
        found = {}
        pairs = [("ours", HandTracker), ("full f32", FullTracker)]
        for name, tracker in pairs[:: 1 if turn % 2 else -1]:
            start = time.perf_counter()
            found[name] = tracked(tracker, networks, frames)
            seconds[name].append(time.perf_counter() - start)
            seen[name].append(found[name].seen_share)
        apart += distances(found["ours"], found["full f32"])

    timings = {name: harness.Timing(np.array(values)) for name, values in seconds.items()}
    whole = {name: float(np.sum(values)) for name, values in seconds.items()}
    low, high = np.percentile(
        timings["ours"].seconds / timings["full f32"].seconds, (25, 75)
    ).tolist()
    share = whole["ours"] / whole["full f32"]
    median, p95 = np.percentile(apart, (50, 95)).tolist() if apart else (0.0, 0.0)
    figures = {
        "time_over_full_f32": harness.Figure(share, low, high),
        "landmarks_median_px": harness.Figure(median),
        "landmarks_p95_px": harness.Figure(p95),
        "seen_share": harness.Figure(float(np.mean(seen["ours"]))),
        "seen_share_full": harness.Figure(float(np.mean(seen["full f32"]))),
        "ready_s": harness.Figure(ready_s(options.threads)),
    }
    num_frames = sum(map(len, clips))
    notes = [f"{len(clips)} clips, {num_frames} frames; a row is one clip"]
    harness.report("hands", options, timings, figures, notes=notes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
