"""Landmarks of all clips, by our tracker and by MediaPipe's, each once.

Both are kept below one folder, which is outside the repository or ignored by git. What is there is
not made again, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path
from typing import Final

import numpy as np

from action_recognition.console import say
from action_recognition.data.landmarks.store import LandmarkStore
from action_recognition.data.landmarks.tracked_video import TrackedVideo, tracked_pictures
from action_recognition.data.landmarks.tracking import TrackingOptions, track_clips
from action_recognition.download.cache import CACHE_VARIABLE
from action_recognition.hands.landmark_file import HandLandmarks, save_landmarks
from action_recognition.hands.network_files import checked_hand_models
from action_recognition.hands.network_names import HAND, PALM
from benchmarks.peers.clips import RATE_FPS, most_wanted_first
from benchmarks.peers.trackers.frame_pipe import TrackerProcess

_SECONDS_BETWEEN_LINES: Final = 30.0


def our_store(cache: Path) -> LandmarkStore:
    """Return the store that the product's commands use while `cache` is their cache folder."""
    os.environ[CACHE_VARIABLE] = str(cache.resolve())
    return LandmarkStore(cache / "landmarks", RATE_FPS)


def peer_store(cache: Path) -> LandmarkStore:
    """Return the store of MediaPipe's landmarks."""
    return LandmarkStore(cache / "landmarks_mediapipe", RATE_FPS)


def peer_command(peer_python: str) -> list[str]:
    """Return the command of MediaPipe's tracker, without a network that it could report to."""
    folder = checked_hand_models()
    worker = [peer_python, "-m", "benchmarks.peers.trackers.mediapipe_tracker"]
    return ["unshare", "-rn", *worker, str(folder / PALM), str(folder / HAND)]


def track_ours(data_root: Path, name: str, cache: Path) -> None:
    """Track what our store lacks, by the product's own code, in one process."""
    records = [clip.record for clip in most_wanted_first(data_root, name)]
    track_clips(our_store(cache), records, TrackingOptions(num_processes=1))


def track_peer(data_root: Path, name: str, cache: Path, peer_python: str) -> None:
    """Track what the peer's store lacks. It sees the frames that ours sees, at the same times."""
    store = peer_store(cache)
    missing: dict[Path, TrackedVideo] = {}
    for clip in most_wanted_first(data_root, name):
        _, video, file = store.look_up(clip.record)
        if not zipfile.is_zipfile(file):
            missing[file] = video
    if not missing:
        return

    say(f"{name}: MediaPipe tracks {len(missing)} videos")
    began = last = time.monotonic()
    with TrackerProcess(peer_command(peer_python)) as peer:
        for done, (file, video) in enumerate(missing.items(), start=1):
            save_landmarks(file, _tracked(peer, video), tracker="mediapipe")
            now = time.monotonic()
            if now - last >= _SECONDS_BETWEEN_LINES:
                last, left_s = now, (now - began) / done * (len(missing) - done)
                say(f"{name}: {done} of {len(missing)}, about {left_s / 60:.0f} min left")


def _tracked(peer: TrackerProcess, video: TrackedVideo) -> HandLandmarks:
    """Return the hands of one video. Each hand of a frame has a number of its own."""
    peer.new_film()
    frames, rows = [], []
    size_hw: tuple[int, ...] = (0, 0)
    for index, time_s, picture in tracked_pictures(video):
        frames.append(index)
        size_hw = picture.shape[:2]
        time_ms = round(1000.0 * time_s)
        rows += [(index, time_ms, hand) for hand in peer.track(picture, time_ms).hands]

    right = np.array([hand["right"] for _, _, hand in rows], np.float32)
    is_right = right >= 0.5
    return HandLandmarks(
        tracked_frames=np.array(frames, np.int64),
        frame_size_hw=np.array(size_hw, np.int64),
        frame_index=np.array([index for index, _, _ in rows], np.int64),
        time_ms=np.array([time_ms for _, time_ms, _ in rows], np.float64),
        hand_id=np.arange(len(rows)),
        handedness=np.where(is_right, "right", "left").astype("<U5"),
        handedness_score=np.where(is_right, right, 1.0 - right).astype(np.float32),
        landmarks_px=_points([hand["points"] for _, _, hand in rows]),
        world_m=_points([hand["world"] for _, _, hand in rows]),
        presence=np.maximum(right, 1.0 - right),
    )


def _points(hands: list[list[float]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(hands, np.float32).reshape(-1, 21, 3)
