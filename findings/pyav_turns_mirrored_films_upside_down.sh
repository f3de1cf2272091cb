#!/usr/bin/env bash
# PyAV 18.1: `frame.rotation` of a mirrored film is a half turn, and that of a flipped one is none.
#
# One would guess that `rotation` is 0 for a film that is mirrored and not turned, or that it is
# missing. A display matrix can mirror as well as turn, and front cameras write such matrices.
# FFmpeg's angle of a matrix knows turns alone. For a left-right mirror it is 180 degrees, and for a
# top-bottom one 0. Whoever turns pictures by it shows the first film upside down instead of
# mirrored, and the second one as it was stored. The matrix itself, in the side data of a frame,
# tells all eight ways apart.
#
# Printed are the matrix of the film (a, b, c, d), the rotation that PyAV states, and what a player
# does:
#   1, 0, 0, 1: rotation 0; as stored
#   -1, 0, 0, 1: rotation -180; mirrored left-right
#   1, 0, 0, -1: rotation 0; mirrored top-bottom
#   -1, 0, 0, -1: rotation -180; turned by half
#
# What to do: read the matrix from `frame.side_data`, as action_recognition/data/media does.
#
# Exit code 0: as described. 1: the behaviour has changed. Needs Python 3.11 to 3.13.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install av==18.1.0 numpy==2.4.6

cat > "$folder/turns.py" <<'PYTHON'
"""Print what PyAV states about films with four display matrices."""
import struct
import sys

import av
import numpy as np

PLAYERS = {
    (1, 0, 0, 1): "as stored",
    (-1, 0, 0, 1): "mirrored left-right",
    (1, 0, 0, -1): "mirrored top-bottom",
    (-1, 0, 0, -1): "turned by half",
}


def film(path, matrix):
    """Write a film, and put the matrix into the header of its track."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = bytearray(open(path, "rb").read())
    # The matrix of a version 0 track header begins 40 bytes behind the name of its box.
    place = content.index(b"tkhd") + 4 + 40
    a, b, c, d = matrix
    values = (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    content[place : place + 36] = struct.pack(">9i", *values)
    open(path, "wb").write(content)


found = []
for matrix, player in PLAYERS.items():
    film(sys.argv[1], matrix)
    with av.open(sys.argv[1]) as container:
        rotation = next(container.decode(video=0)).rotation
    found.append(rotation)
    print(f"{', '.join(map(str, matrix))}: rotation {rotation}; {player}")
sys.exit(found != [0, -180, 0, -180])
PYTHON
"$folder/venv/bin/python" "$folder/turns.py" "$folder/film.mp4"
