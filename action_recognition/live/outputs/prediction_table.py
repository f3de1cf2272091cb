"""The CSV of a run: a line for every prediction."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.scores import WindowScores
from action_recognition.live.outputs.streamed_file import StreamedFile

NUM_RANKED: Final = 3


class PredictionTable:
    """A table of predictions (UTF-8), one row a window.

    Its columns are time_s, label, score, then label_2, score_2 and so on. The file appears at its
    place with `close`. If it cannot be written on, it is put there with the rows until then.
    Raises OSError.
    """

    def __init__(self, path: Path, metadata: DeployMetadata) -> None:
        self.path = path
        self._labels = metadata.labels
        self._count = min(NUM_RANKED, len(metadata.labels))
        self._place = StreamedFile(path)
        # Unbuffered, so that rows are written whole and a long run needs no memory for them.
        self._file = self._place.partial.open("wb", buffering=0)
        self._num_bytes, self._is_open, self.is_kept = 0, True, False

    def add(self, prediction: WindowScores) -> None:
        """Add a row."""
        row = [f"{prediction.time_s:.3f}"]
        for index in prediction.top(self._count):
            row += [self._labels[index], f"{prediction.scores[index]:.6f}"]
        self._write_heading()
        self._write(row)

    def close(self) -> None:
        """Put the file at its place."""
        if self._is_open:
            self._write_heading()
        self._end()

    def _end(self) -> None:
        if self._is_open:
            self._is_open = False
            self._file.close()
            self._place.put_in_place()
            self.is_kept = True

    def discard(self) -> None:
        """Give up the table. An earlier file at the path stays."""
        if self._is_open:
            self._is_open = False
            self._file.close()
            self._place.discard()

    def _write_heading(self) -> None:
        """Write the names of the columns, unless they are there."""
        if self._num_bytes:
            return
        heading = ["time_s", "label", "score"]
        for rank in range(2, self._count + 1):
            heading += [f"label_{rank}", f"score_{rank}"]
        self._write(heading)

    def _write(self, row: Iterable[str]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerow(row)
        line = memoryview(text.getvalue().encode())
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError:
            self._end_with_whole_rows()
            raise
        self._num_bytes += len(text.getvalue().encode())

    def _end_with_whole_rows(self) -> None:
        """Cut off what was written of a row, and put the file at its place."""
        if not self._place.is_device:
            self._file.truncate(self._num_bytes)
        if self._num_bytes:
            self._end()
        else:
            self.discard()
