#!/usr/bin/env bash
# PyAV 18.1 (FFmpeg 8.1): the first HDR picture of a scaler takes seconds, however small it is.
#
# One would guess that a picture of 96x72 in HDR becomes SDR in about the time that SDR takes, a
# millisecond, or in some times as much. FFmpeg's scaler makes a table of all colours before the
# first one: 10 to 20 seconds on one core of a server. It does so for each `VideoReformatter`, and
# nothing is kept for the next. The second picture of the same one takes a millisecond again. So a
# loader that opens one film after the other with its colours converted seems to hang.
#
# Printed are the seconds of each step, here on a busy core of a server:
#   SDR, first picture: 0.001
#   PQ, first picture: 19.0
#   PQ, second picture: 0.001
#   PQ, first picture of another reformatter: 17.5
#
# What to do: map HDR by tables of one's own, as action_recognition/data/media/hdr.py does in a
# millisecond a picture, or keep one reformatter for everything.
#
# Exit code 0: as described, the first picture takes over a second and over 100 times as long as the
# second, twice. 1: the behaviour has changed. Needs Python 3.11 to 3.13.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install av==18.1.0 numpy==2.4.6

cat > "$folder/hdr.py" <<'PYTHON'
"""Print how long the first and the second picture of a scaler take."""
import sys
import time

import av
import numpy as np
from av.video.reformatter import VideoReformatter

BT709, BT2020, PQ = 1, 9, 16

grey = av.VideoFrame.from_ndarray(np.full((72, 96, 3), 120, np.uint8), format="rgb24")
frame = grey.reformat(format="yuv420p10le")


def seconds(reformatter, **colours):
    began = time.perf_counter()
    reformatter.reformat(frame, format="rgb24", **colours)
    return time.perf_counter() - began


sdr = seconds(VideoReformatter())
frame.colorspace, frame.color_primaries, frame.color_trc = BT2020, BT2020, PQ
to_sdr = {"dst_color_primaries": BT709, "dst_color_trc": BT709}
one = VideoReformatter()
first, second, other = (seconds(item, **to_sdr) for item in (one, one, VideoReformatter()))
print(f"SDR, first picture: {sdr:.3f}")
print(f"PQ, first picture: {first:.1f}")
print(f"PQ, second picture: {second:.3f}")
print(f"PQ, first picture of another reformatter: {other:.1f}")
sys.exit(not (min(first, other) > max(1.0, 100 * second, 100 * sdr)))
PYTHON
"$folder/venv/bin/python" "$folder/hdr.py"
