"""Collecting photos of gestures in front of a camera.

A green square shows what is kept. Each class has a key, which starts a countdown. Another key
takes a burst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from action_recognition.console import say
from action_recognition.data.photo import Photo
from action_recognition.lettering import shown_names
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.outputs.window import PictureWindow, draw_square, write_line
from action_recognition.live.sources.frame_sources import FrameSource
from action_recognition.photos.photo_models import centre_square
from action_recognition.photos.quality import PhotoCheck
from action_recognition.photos.store import PhotoStore

WINDOW_TITLE: Final = (
    "collect (1 to 9: take that class, b: burst, u: undo, m: mirror, + -: square, q: quit)"
)
# The keys + and - change the square by this factor, down to this share.
_STEP, _LEAST_SHARE = 1.1, 0.2
_UNBALANCED: Final = 2
"""A class is named if it has this many times fewer photos than the largest one."""


@dataclass
class CollectOptions:
    """Options of one collection. Times are in seconds of the source.

    `share` is the side of the square as a fraction of the short side. None keeps the whole frame.
    With `label`, a photo of that class is taken every `every_s` without any key.
    """

    share: float | None = 0.8
    countdown_s: float = 2.0
    num_burst: int = 5
    burst_every_s: float = 0.4
    mirror: bool = True
    show: bool = True
    label: str | None = None
    every_s: float = 0.5


def collect(store: PhotoStore, source: FrameSource, options: CollectOptions) -> int:
    """Take photos until `q`, Ctrl-C or the end of the source. Return the number of photos.

    Every photo is on disk at once. Raises UserError: no display to show on.
    Raises OSError: a full disk.
    """
    fix = "add --no-show with --label CLASS"
    window = PictureWindow(WINDOW_TITLE, fix) if options.show else None
    collector = Collector(store, options)

    try:
        for frame in source.frames():
            collector.take(frame)
            if window and not collector.press(window.show(collector.drawn(frame)), frame.time_s):
                break
    except KeyboardInterrupt:
        say("interrupted; the photos taken so far are kept")
    finally:
        source.stop()
        if window:
            window.close()
    say(balance(store))
    return store.num_taken


def balance(store: PhotoStore) -> str:
    """Return one line with the number of photos of each class, and the classes with too few.

    >>> from pathlib import Path
    >>> from action_recognition.photos.store import Session
    >>> balance(PhotoStore(Path("nowhere"), ["one", "two"], Session("anna", "s1")))
    'one 0, two 0'
    """
    counts = store.counts()
    most = max(counts.values())
    behind = [label for label, number in counts.items() if number * _UNBALANCED < most]
    text = ", ".join(f"{label} {number}" for label, number in counts.items())
    return text + (f"; too few of {', '.join(behind)}" if behind else "")


class Collector:
    """State of a collection: the class, and the photos of it that the keys have asked for."""

    def __init__(self, store: PhotoStore, options: CollectOptions) -> None:
        self._store, self._options = store, options
        self._check = PhotoCheck()
        self._label = options.label or store.classes[0]
        self._num_due, self._due_s = 0, 0.0
        self._counts, self._here = store.counts(), store.session_counts()
        self._message = ""
        self._names = shown_names(store.classes)

    def press(self, key: str, time_s: float) -> bool:
        """Do what a key asks for. Return False for `q`."""
        options, classes = self._options, self._store.classes
        # A key for each class.
        if key in [str(number + 1) for number in range(len(classes))]:
            self._label = classes[int(key) - 1]
            self._ask(1, time_s)
        elif key == "b":
            self._ask(options.num_burst, time_s)
        elif key == "u":
            self._undo()
        elif key == "m":
            options.mirror = not options.mirror
        elif key in ("+", "=", "-") and options.share is not None:
            wanted = options.share / _STEP if key == "-" else options.share * _STEP
            options.share = min(1.0, max(_LEAST_SHARE, wanted))
        return key != "q"

    def take(self, frame: TimedFrame) -> None:
        """Take a photo of the frame if one is due."""
        # With a label the next photo is always due.
        if self._options.label and not self._num_due:
            self._num_due = 1

        if self._num_due and frame.time_s >= self._due_s:
            options = self._options
            self._num_due -= 1
            self._due_s = frame.time_s + (
                options.every_s if options.label else options.burst_every_s
            )
            self._shoot(frame.picture)

    def drawn(self, frame: TimedFrame) -> Photo:
        """Return the frame with the square, the counts, and the countdown or the last message.

        It is mirrored if that is switched on.
        """
        picture = frame.picture
        # Only the shown picture is mirrored, never a photo.
        drawn = np.ascontiguousarray(picture[:, ::-1] if self._options.mirror else picture).copy()
        square = centre_square(picture, self._options.share or 1.0)
        if self._options.share is not None:
            draw_square(drawn, square.left, square.top, square.side)

        write_line(drawn, self._counts_line(), 0)
        wait_s = self._due_s - frame.time_s
        counts_down = self._num_due and wait_s > 0
        waits = f"{self._names[self._label]}: {wait_s:.1f} s"
        write_line(drawn, waits if counts_down else self._message, 1)
        return drawn

    def _counts_line(self) -> str:
        """Return key, name and number of photos of each class, and the number of this session."""
        return "  ".join(
            f"{key} {self._names[label]}: {self._counts[label]} ({self._here[label]})"
            for key, label in enumerate(self._store.classes, start=1)
        )

    def _ask(self, number: int, time_s: float) -> None:
        """Plan photos of the class from the end of the countdown on."""
        self._num_due, self._due_s = number, time_s + self._options.countdown_s

    def _shoot(self, picture: Photo) -> None:
        """Save what is in the square as a photo of the class, and report its weaknesses."""
        share = self._options.share
        photo = picture if share is None else centre_square(picture, share).cut(picture)
        # The photo must not be compared with itself: it is remembered afterwards.
        found = self._check.warnings(photo, self._label)

        file = self._store.save(photo, self._label)
        self._check.remember(photo, self._label)
        self._counts[self._label] += 1
        self._here[self._label] += 1

        warning = f": {', '.join(found)}; press u to undo" if found else ""
        self._message = f"{self._label}/{file.name}{warning}"
        say(self._message)

    def _undo(self) -> None:
        """Remove the last photo of this run, and cancel the photos that are due."""
        self._num_due = 0
        label = self._store.undo()

        if label is None:
            self._message = "nothing to undo"
        else:
            self._check.forget_last(label)
            self._counts[label] -= 1
            self._here[label] -= 1
            self._message = f"removed the last photo of {label}"
        say(self._message)
