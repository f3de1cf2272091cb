"""The files of a recognition run: an annotated video and a CSV of predictions.

Both appear at their place when they are complete.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np

from action_recognition.data.media.opening import file_address
from action_recognition.data.transforms import fit_into
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.scores import WindowScores
from action_recognition.deploy.stream_models import Picture
from action_recognition.errors import user_error
from action_recognition.files import write_csv

VIDEO_SUFFIXES: Final = (".mp4", ".mkv", ".mov")
NUM_RANKED: Final = 3
# Fine enough for the times of any source.
_TIME_BASE: Final = Fraction(1, 90_000)


class VideoRecorder:
    """A writer of RGB pictures with their times as H.264 (yuv420p).

    The file appears at its place with `close`. The format needs even sizes, so an odd last row or
    column is left out. A picture of another size than the first is fitted into that size.
    Raises UserError: a file name with another suffix than `VIDEO_SUFFIXES`.
    """

    def __init__(self, path: Path, frame_rate_fps: float) -> None:
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            allowed = f"a name that ends in {', '.join(VIDEO_SUFFIXES)}"
            raise user_error("--output", f"found {path.name!r}", allowed)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._partial = path.with_name(f".{path.stem}.part{path.suffix}")

        # The suffix stays at the end, since PyAV chooses the format by it.
        self._container = av.open(file_address(self._partial), "w")
        rate = Fraction(frame_rate_fps).limit_denominator(1001)
        self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": "20"})
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        self._size: tuple[int, int] | None = None
        self._last_pts = -1

    def write(self, picture: Picture, time_s: float) -> None:
        """Add a picture (H, W, 3) that is shown from `time_s` on, in seconds.

        If time stands still or goes back, the picture follows by the smallest step.
        """
        # The first picture decides the size, rounded down to even numbers.
        if self._size is None:
            self._size = picture.shape[0], picture.shape[1]
            self._stream.height, self._stream.width = (size // 2 * 2 for size in self._size)

        fitted = fit_into(picture, *self._size)[: self._stream.height, : self._stream.width]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(fitted), format="rgb24")
        frame.pts = self._last_pts = max(self._last_pts + 1, round(time_s / _TIME_BASE))
        frame.time_base = _TIME_BASE
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file and put it at its place. Without any picture there is no file."""
        if self._size is None:
            self.discard()
            return
        # The encoder holds back frames until it is flushed.
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._partial.replace(self.path)

    def discard(self) -> None:
        """Give up the recording. An earlier file at the path stays."""
        self._container.close()
        self._partial.unlink(missing_ok=True)


class PredictionTable:
    """A table of predictions, one row a window.

    Its columns are time_s, label, score, then label_2, score_2 and so on.
    """

    def __init__(self, metadata: DeployMetadata) -> None:
        self._labels = metadata.labels
        self._count = min(NUM_RANKED, len(metadata.labels))
        self._rows: list[list[str]] = []

    def add(self, prediction: WindowScores) -> None:
        """Add a row."""
        row = [f"{prediction.time_s:.3f}"]
        for index in prediction.top(self._count):
            row += [self._labels[index], f"{prediction.scores[index]:.6f}"]
        self._rows.append(row)

    def save(self, path: Path) -> None:
        """Write the CSV (UTF-8)."""
        heading = ["time_s", "label", "score"]
        for rank in range(2, self._count + 1):
            heading += [f"label_{rank}", f"score_{rank}"]
        write_csv(path, [heading, *self._rows])
