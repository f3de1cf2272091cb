"""A file that is written during a run, hidden until it is whole."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from action_recognition.files import is_device, naming_file
from action_recognition.partials import held_file


class StreamedFile:
    """A file that grows beside its place, at `partial`, and is put there at the end.

    A device or a pipe is written directly. Raises OSError, which names `path`.
    """

    def __init__(self, path: Path) -> None:
        self.path = self.partial = path
        self._hold = ExitStack()
        if is_device(path):
            return

        with naming_file(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # The suffix stays at the end, since PyAV chooses the format by it.
            self.partial = self._hold.enter_context(held_file(path, suffix=path.suffix))

    @property
    def is_device(self) -> bool:
        """True for a place that is no file on a disk."""
        return self.partial == self.path

    def put_in_place(self) -> None:
        """Rename the file to its place."""
        with self._hold, naming_file(self.path):
            if not self.is_device:
                self.partial.replace(self.path)

    def discard(self) -> None:
        """Remove what was written. An earlier file at the place stays."""
        self._hold.close()
