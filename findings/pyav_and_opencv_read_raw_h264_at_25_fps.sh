#!/usr/bin/env bash
# PyAV 18.1 and OpenCV 5.0: a raw H.264 or HEVC stream has 25 frames a second, whatever it states.
#
# One would guess that the rate is that of the stream's own header, which states 15, 60 or 120. Or
# that it is missing, since an elementary stream holds no times. FFmpeg's reader of such streams
# makes up times at its own 25 before it reads the header. `average_rate` and OpenCV's CAP_PROP_FPS
# give that number, so that a gesture of 120 frames a second lasts 4.8 times too long.
# `guessed_rate` is right up to 60, and at 120 it is right for HEVC and 25 for H.264. OpenCV's
# number of frames is negative. The rate of the codec context is that of the header.
#
# Printed are, for each codec and rate: average_rate, guessed_rate, codec_context.framerate, and
# CAP_PROP_FPS and the sign of CAP_PROP_FRAME_COUNT of OpenCV.
#   h264 15: 25 15 15, 25 -
#   h264 60: 25 60 60, 25 -
#   h264 120: 25 25 120, 25 -
#   hevc 15: 25 15 15, 25 -
#   hevc 60: 25 60 60, 25 -
#   hevc 120: 25 120 120, 25 -
#
# What to do: take `codec_context.framerate` where the format holds no times, count the frames, and
# say so, as action_recognition/data/media/rates.py does.
#
# Exit code 0: as described. 1: the behaviour has changed. Needs Python 3.11 to 3.13.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install \
  av==18.1.0 numpy==2.4.6 opencv-python-headless==5.0.0.93

cat > "$folder/rates.py" <<'PYTHON'
"""Print the rates of raw streams."""
import sys
from pathlib import Path

import av
import cv2
import numpy as np

EXPECTED = {
    ("h264", 15): "25 15 15, 25 -",
    ("h264", 60): "25 60 60, 25 -",
    ("h264", 120): "25 25 120, 25 -",
    ("hevc", 15): "25 15 15, 25 -",
    ("hevc", 60): "25 60 60, 25 -",
    ("hevc", 120): "25 120 120, 25 -",
}
ENCODERS = {"h264": "libx264", "hevc": "libx265"}


def write(path, codec, rate):
    with av.open(str(path), "w") as container:
        options = {"x265-params": "log-level=none"} if codec == "hevc" else {}
        stream = container.add_stream(ENCODERS[codec], rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(90):
            picture = np.full((48, 64, 3), 2 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rates = (stream.average_rate, stream.guessed_rate, stream.codec_context.framerate)
    capture = cv2.VideoCapture(str(path))
    rate, count = (capture.get(key) for key in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
    return f"{' '.join(map(str, rates))}, {rate:g} {'-' if count < 0 else '+'}"


found = {}
for codec, rate in EXPECTED:
    path = Path(sys.argv[1]) / f"{rate}.{codec}"
    write(path, codec, rate)
    found[codec, rate] = read(path)
    print(f"{codec} {rate}: {found[codec, rate]}")
sys.exit(found != EXPECTED)
PYTHON
"$folder/venv/bin/python" "$folder/rates.py" "$folder"
