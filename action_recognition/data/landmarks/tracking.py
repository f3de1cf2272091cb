"""Track the hands of many videos on all cores, each once.

What is stored already is not made again, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import functools
import os
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from rich.progress import track

from action_recognition.console import has_the_terminal, is_first_process, say
from action_recognition.data.clip_table import ClipRecord
from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder, track_video
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.errors import UserError
from action_recognition.hands.landmark_file import TRACKER_VERSION, save_landmarks
from action_recognition.hands.network_files import checked_hand_models
from action_recognition.hands.network_names import SOURCE
from action_recognition.hands.networks import HandNetworks
from action_recognition.worker_pool import map_apart

_SECONDS_BETWEEN_LINES: Final = 30.0
Item = TypeVar("Item")


@dataclass(frozen=True)
class TrackingOptions:
    """The folder of the networks, and the number of processes. None takes one for each core."""

    hand_models: Path | None = None
    num_processes: int | None = None

    @property
    def processes(self) -> int:
        """The number of processes."""
        return self.num_processes or os.cpu_count() or 1


def track_clips(
    store: LandmarkStore, records: Iterable[ClipRecord], options: TrackingOptions
) -> list[tuple[str, str]]:
    """Track the videos of all clips that the store lacks. Print how many, and how far it is.

    Return the clips that cannot be read: the annotation line and the reason.
    Raises UserError: the networks of hands are missing.
    """
    damaged: list[tuple[str, str]] = []
    missing: dict[Path, TrackedVideo] = {}
    lines: dict[TrackedVideo, list[str]] = {}
    for record in records:
        try:
            _, video, file = store.look_up(record)
        except UserError as error:
            damaged.append((record.line, str(error)))
            continue
        # An archive that was cut off has lost its end.
        if not zipfile.is_zipfile(file):
            # Of several copies the first one is tracked, for all of them.
            lines.setdefault(missing.setdefault(file, video), []).append(record.line)

    to_track = [(video, file) for file, video in missing.items()]
    if not is_first_process():
        # Several processes start at the same time: each begins with other videos.
        order = np.random.default_rng(os.getpid()).permutation(len(to_track))
        to_track = [to_track[place] for place in order]
    for video, reason in track_videos(to_track, options):
        damaged += [(line, reason) for line in lines[video] if reason]
    return damaged


def tracked_store(
    tracking_rate_fps: float,
    records: Iterable[ClipRecord],
    options: TrackingOptions = TrackingOptions(),
) -> LandmarkStore:
    """Return the store of the cache, with landmarks of all clips that can be read.

    Those that cannot be read are named by whoever reads them. Their reason is told here, where a
    video breaks off while it is tracked.
    Raises UserError: the networks of hands are missing.
    """
    store = LandmarkStore(default_store_folder(), tracking_rate_fps)
    for line, reason in track_clips(store, records, options):
        if is_first_process():
            print(f"not tracked: {line}: {reason}", file=sys.stderr, flush=True)
    return store


def track_videos(
    videos: Sequence[tuple[TrackedVideo, Path]], options: TrackingOptions
) -> Iterator[tuple[TrackedVideo, str]]:
    """Track videos and write the landmarks of each to its file. Print how many, and how far it is.

    Yield each video with the reason why it could not be tracked, empty if it was.
    Raises UserError: the networks of hands are missing.
    """
    if not videos:
        return
    models = checked_hand_models(options.hand_models)
    processes = min(options.processes, len(videos))
    say(f"hands: tracking {len(videos)} videos, {processes} at a time")
    began = time.monotonic()

    make = functools.partial(_make, models)
    results = map_apart(make, videos, processes, _brought_down)
    for (video, _), reason in _with_progress(results, len(videos)):
        yield video, reason
    say(f"hands: {len(videos)} videos tracked in {time.monotonic() - began:.0f} s")


def _make(models: Path, item: tuple[TrackedVideo, Path]) -> str:
    """Track one video and write its file. Return why that failed, empty if it did not."""
    video, file = item
    # Another process may have been quicker.
    if zipfile.is_zipfile(file):
        return ""
    try:
        landmarks = track_video(video, _networks(models))
    except UserError as error:
        return str(error)
    save_landmarks(file, landmarks, networks=SOURCE, tracker=TRACKER_VERSION)
    return ""


@functools.cache
def _networks(models: Path) -> HandNetworks:
    """Return the networks of this process. The processes are the parallel part."""
    return HandNetworks(models, num_threads=1)


def _brought_down(item: tuple[TrackedVideo, Path]) -> str:
    return f"{item[0].path}: brings the decoder down"


def _with_progress(results: Iterable[tuple[Item, str]], total: int) -> Iterator[tuple[Item, str]]:
    """Pass on results with a bar on a terminal, else with a line every half minute."""
    if has_the_terminal():
        yield from track(results, "tracking hands", total=total, transient=True)
        return

    began = last = time.monotonic()
    for done, item in enumerate(results, start=1):
        yield item
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last, left_s = now, (now - began) / done * (total - done)
            say(f"hands: {done} of {total} videos, about {left_s / 60:.0f} min left")
