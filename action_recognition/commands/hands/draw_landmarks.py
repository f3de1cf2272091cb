"""A clip with its hands drawn into it, as a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from action_recognition.data.video import container_frame_rate, read_frames
from action_recognition.dataset_tools.landmark_files import FOLDER_RATE_FPS
from action_recognition.files import naming_file
from action_recognition.hands.drawing import draw_hand
from action_recognition.hands.landmark_file import HandLandmarks, load_landmarks
from action_recognition.live.outputs.recording import VideoRecorder

_FRAMES_AT_ONCE = 16


def draw_landmarks(clip: Path, landmark_file: Path, output: Path) -> None:
    """Write the tracked frames of a clip with the hands of its landmark file.

    Raises UserError: a suffix of no video, or a clip that cannot be read.
    """
    landmarks = load_landmarks(landmark_file)

    # The video has the tracked frames only.
    rate = container_frame_rate(clip) or FOLDER_RATE_FPS
    frames = landmarks.tracked_frames
    step = int(frames[1] - frames[0]) if len(frames) > 1 else 1
    with naming_file(output):
        recorder = VideoRecorder(output, rate / step)
        _draw_all(recorder, clip, landmarks, rate)


def _draw_all(
    recorder: VideoRecorder, clip: Path, landmarks: HandLandmarks, frame_rate_fps: float
) -> None:
    """Write the tracked frames with their hands, or nothing."""
    frames = landmarks.tracked_frames
    try:
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            some = frames[first : first + _FRAMES_AT_ONCE]
            pictures = read_frames(clip, some.tolist())
            for number, picture in zip(some, pictures, strict=True):
                drawn = np.ascontiguousarray(picture)
                for row in np.flatnonzero(landmarks.frame_index == number):
                    draw_hand(drawn, landmarks.landmarks_px[row], str(landmarks.handedness[row]))
                recorder.write(drawn, float(number / frame_rate_fps))
    except BaseException:
        recorder.discard()
        raise
    recorder.close()
