"""Live recognition: from the frames of a source to scores and events.

A frame passes these modules in order, and `engine.py` leads it from the third to the sixth:

1. `sources.frame_sources`: a camera, a file or an address.
2. `sources.reader_thread`: a queue that drops the oldest frame.
3. `frame_times`: model frames, picked by time stamps.
4. `regions`: the part of the picture that the network sees.
5. `deploy.stream_models`: the network.
6. `decision`: events out of scores.
7. `outputs`: window, video, files, clients and programs.
"""

# OpenCV must be loaded before PyAV. Otherwise it finds PyAV's copy of libxcb, and its windows hang.
# Source: https://github.com/PyAV-Org/PyAV/issues/978
import cv2  # noqa: F401
