"""Learning in the background: after every change a new model, and what it knows."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from action_recognition.deploy.backends.pytorch import TorchBackend
from action_recognition.errors import UserError
from action_recognition.hands.slots import HandArray
from action_recognition.studio.clip_facts import ClipFacts, ClipReader
from action_recognition.studio.project import NO_GESTURE, Clip, Project
from action_recognition.template import Template
from action_recognition.training.few_clips.quick_landmarks import QuickModel, learn_quickly

LEAST_CLIPS: Final = 3
"""Clips of a gesture from which on it is taught."""
_LEAST_GESTURES: Final = 2
# The page gets the clips anew each time, so a large project is told of less often.
_TELL_EVERY_S: Final = 0.25
_TELL_EVERY_S_OF_1000: Final = 1.0
_SETTLED_S: Final = 0.7  # without a change or a recording, before it learns
_MOST_WAITING_S: Final = 15.0  # for a recording, whose camera may have stopped
_NOT_SURE: Final = 0.34  # share of a gesture's clips that are taken for one other


@dataclass(frozen=True, eq=False)
class Learned:
    """A model, the clips that taught it, and the seconds that it took."""

    model: QuickModel
    files: tuple[str, ...]
    names: tuple[str, ...]
    seconds: float

    def backend(self) -> TorchBackend:
        """Return the model, ready to score clips."""
        return TorchBackend(self.model.trained)

    def taken_for(self, file: str) -> str:
        """Return the gesture that a clip was taken for by a model that had not seen it."""
        place = self._places.get(file)
        return "" if place is None else self.names[int(self.model.taken_for[place])]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {file: place for place, file in enumerate(self.files)}

    def advice(self) -> str:
        """Return the pair of gestures that is mixed up most, as advice. Empty where none is."""
        confusion = self.model.confusion
        pairs = [
            ((confusion[a, b] + confusion[b, a]) / max(1, confusion[a].sum()), a, b)
            for a in range(len(self.names))
            for b in range(a + 1, len(self.names))
        ]
        share, a, b = max(pairs)
        if share < _NOT_SURE:
            return ""
        return f"{self.names[a]} and {self.names[b]} are mixed up: record more of these two"

    def plain(self) -> dict[str, Any]:
        """Return what the page shows."""
        return {
            "gestures": list(self.names),
            "confusion": self.model.confusion.tolist(),
            "accuracy": round(self.model.accuracy, 1),
            "people_apart": self.model.people_apart,
            "clips": len(self.files),
            "seconds": round(self.seconds, 2),
            "advice": self.advice(),
        }


class Learner:
    """Looks at clips and learns, in a thread of its own. `changed` is called after each result.

    `version` is another number once there is something new to show of a clip. While `waits` says
    so, as during a recording, it does not learn: who records clips in a row needs the computer.
    """

    def __init__(
        self,
        project: Project,
        reader: ClipReader,
        template: Template,
        changed: Callable[[], None],
        waits: Callable[[], bool] = lambda: False,
    ) -> None:
        self.project, self.reader, self.template = project, reader, template
        self.learned: Learned | None = None
        self.facts: dict[str, ClipFacts] = {}
        self.unreadable: dict[str, str] = {}
        self.error = ""
        self.is_busy = False
        self.version = 0
        self._changed, self._told_s = changed, -math.inf
        self._waits, self._waits_until_s = waits, -math.inf
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="learner", daemon=True)

    def start(self) -> None:
        """Begin with what is there."""
        self._wake.set()
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._wake.set()
        # A server that cannot listen has not begun.
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)

    def give_way(self, seconds: float) -> None:
        """Look at no further clip for so long: somebody opens the page, and waits for it."""
        self._waits_until_s = time.monotonic() + seconds

    def wake(self) -> None:
        """Look again: clips have changed."""
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if self._stop.is_set():
                return
            self._wake.clear()
            self.is_busy, self.error = True, ""
            self._changed()
            try:
                self._learn()
            # The page has to say what went wrong, and the next change tries again.
            except Exception as error:
                self.error = str(error) or type(error).__name__
            self.is_busy = False
            self.version += 1
            self._changed()

    def _learn(self) -> None:
        """Look at all clips, and learn where there are enough of them."""
        clips = self.project.clips()
        for clip in clips:
            if self._stop.wait(max(0.0, self._waits_until_s - time.monotonic())):
                return
            self._look(clip)
        there = {clip.file for clip in clips} - self.unreadable.keys()
        self.facts = {file: found for file, found in self.facts.items() if file in there}

        usable = [clip for clip in clips if clip.file in self.facts]
        names = taught_names(usable, self.facts)
        if len(names) < _LEAST_GESTURES:
            self.learned = None
            return
        # What has changed meanwhile is looked at first.
        if self._is_settled():
            self.learned = self._model(usable, names)

    def _is_settled(self) -> bool:
        """Wait until nothing is recorded. Returns False as soon as clips have changed."""
        began = since = time.monotonic()
        while time.monotonic() - since < _SETTLED_S:
            if self._wake.wait(0.1):
                return False
            if self._waits() and time.monotonic() - began < _MOST_WAITING_S:
                since = time.monotonic()
        return True

    def _look(self, clip: Clip) -> None:
        """Take the facts of a clip from the reader, which keeps those of unchanged files."""
        try:
            facts = self.reader.facts(self.project.root / clip.file)
            self.unreadable.pop(clip.file, None)
            if self.facts.get(clip.file) is not facts:
                self.facts[clip.file] = facts
                self._looked()
        except (UserError, OSError) as error:
            self.unreadable[clip.file] = str(error)

    def _looked(self) -> None:
        """Tell of a clip that was looked at, a few times a second at most."""
        now = time.monotonic()
        every_s = max(_TELL_EVERY_S, _TELL_EVERY_S_OF_1000 * len(self.facts) / 1000)
        if now - self._told_s > every_s:
            self._told_s = now
            self.version += 1
            self._changed()

    def _model(self, clips: list[Clip], names: list[str]) -> Learned:
        began = time.monotonic()
        used = [clip for clip in clips if clip.label in names and self.facts[clip.file].teaches]
        hands: list[HandArray] = [self.facts[clip.file].hands for clip in used]
        model = learn_quickly(
            hands,
            [names.index(clip.label) for clip in used],
            [f"{clip.person}" for clip in used],
            names,
            self._template_of(used),
            NO_GESTURE,
        )
        files = tuple(clip.file for clip in used)
        return Learned(model, files, tuple(names), time.monotonic() - began)

    def _template_of(self, clips: list[Clip]) -> Template:
        """Return the template with a live window as long as the clips are in the middle."""
        lengths = sorted(len(self.facts[clip.file].hands) for clip in clips)
        seconds = max(0.8, lengths[len(lengths) // 2] / self.reader.store.tracking_rate_fps)
        rate = self.template.input.clip_len / seconds
        changed = self.template.input.model_copy(update={"frame_rate_fps": rate})
        return self.template.model_copy(update={"input": changed})


def taught_names(clips: list[Clip], facts: dict[str, ClipFacts]) -> list[str]:
    """Return the gestures with enough clips that show a hand, in order of name."""
    counts: dict[str, int] = {}
    for clip in clips:
        if facts[clip.file].teaches:
            counts[clip.label] = counts.get(clip.label, 0) + 1
    return sorted(name for name, count in counts.items() if count >= LEAST_CLIPS)


def default_template(root: Path) -> Path:
    """Return the folder of the template that the studio learns and trains with."""
    return root / "model_templates/hand_landmarks/hand-landmarks-teachable"
