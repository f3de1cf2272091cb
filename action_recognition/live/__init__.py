"""Live recognition: from a source's frames to scores and events. `engine.py` is the way through.

source -> `sources.reader_thread` (a queue that drops the oldest frame) -> `frame_times` (model frames by time stamps)
-> `regions` -> `deploy.stream_models` (network) -> `decision` -> `outputs`
"""

# OpenCV must be loaded before PyAV. Otherwise it finds PyAV's copy of libxcb, and its windows hang.
# Source: https://github.com/PyAV-Org/PyAV/issues/978
import cv2  # noqa: F401
