"""A clip with its hands drawn into it, as a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from action_recognition.data.video import container_frame_rate, read_frames
from action_recognition.dataset_tools.landmark_files import FOLDER_RATE_FPS
from action_recognition.hands.drawing import draw_hand
from action_recognition.hands.landmark_file import load_landmarks
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
    recorder = VideoRecorder(output, rate / step)
    try:
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            some = frames[first : first + _FRAMES_AT_ONCE]
            pictures = read_frames(clip, some.tolist())
            for number, picture in zip(some, pictures, strict=True):
                drawn = np.ascontiguousarray(picture)
                for row in np.flatnonzero(landmarks.frame_index == number):
                    draw_hand(drawn, landmarks.landmarks_px[row], str(landmarks.handedness[row]))
                recorder.write(drawn, float(number / rate))
    except BaseException:
        recorder.discard()
        raise
    recorder.close()
