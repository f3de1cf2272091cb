#!/usr/bin/env bash
# PyAV 18.1: a film over HTTP without a stated length ends with an error, and its last frames stay in
# the decoder.
#
# One would guess that a connection that the server closes is the end of such a film, as HTTP/1.0
# has it. FFmpeg's reader cannot know whether the answer was complete, and says EIO instead of the
# end. PyAV raises that as OSError out of `decode`, before it empties the decoder. Frames that wait
# there for the order of display are lost: two of 90 for H.264 with B-frames. Whoever takes the error
# for a lost connection asks again, and gets the same film for ever.
#
# Printed are the frames that came out, and how `decode` ended:
#   with Content-Length: 90, its end
#   without: 88, OSError
#
# What to do: empty the decoder (`stream.decode(None)`) after the error, and take a
# source without a length that came faster than it plays for one that has ended, as
# action_recognition/live/sources does.
#
# Exit code 0: as described. 1: the behaviour has changed. Needs Python 3.11 to 3.13. The server
# listens on 127.0.0.1 only.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install av==18.1.0 numpy==2.4.6

cat > "$folder/ends.py" <<'PYTHON'
"""Print how many frames of a film come out, by how a server ends it."""
import http.server
import io
import sys
import threading

import av
import numpy as np

NUM_FRAMES = 90


def film():
    out = io.BytesIO()
    with av.open(out, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(NUM_FRAMES):
            picture = np.full((48, 64, 3), 2 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


FILM = film()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        if self.path == "/length":
            self.send_header("Content-Length", str(len(FILM)))
        self.end_headers()
        self.wfile.write(FILM)

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()


def frames(path):
    count, end = 0, "its end"
    with av.open(f"http://127.0.0.1:{server.server_port}{path}") as container:
        try:
            for _ in container.decode(video=0):
                count += 1
        except OSError as error:
            end = type(error).__name__
    return count, end


found = {name: frames(path) for name, path in (("with Content-Length", "/length"), ("without", "/"))}
for name, (count, end) in found.items():
    print(f"{name}: {count}, {end}")
sys.exit(list(found.values()) != [(90, "its end"), (88, "OSError")])
PYTHON
"$folder/venv/bin/python" "$folder/ends.py"
