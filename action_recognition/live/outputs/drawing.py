"""Drawing over a frame: the best label, a bar for each of the first three labels, and the time.

A live picture also shows events, persons and a timeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.scores import WindowScores, probabilities
from action_recognition.deploy.stream_models import Picture
from action_recognition.lettering import shown_names, write_text
from action_recognition.live.decision import GestureEvent
from action_recognition.live.regions import WHOLE, Person

if TYPE_CHECKING:
    from action_recognition.hands.tracker import TrackedHand

NUM_BARS: Final = 3
# Colours in RGB.
_TEXT: Final = (255, 255, 255)
_BAR: Final = (255, 176, 0)
_BAR_BACK: Final = (80, 80, 80)
# Lower pictures are enlarged: text would be too small in them.
_MIN_HEIGHT: Final = 240
_MAX_WIDTH: Final = 4096
# The brightness that is left of the picture behind the panel.
_SHADE: Final = 0.4
_EVENT: Final = (64, 220, 96)
TIMELINE_S: Final = 10.0
_EVENT_SHOWN_S: Final = 1.5


@dataclass(frozen=True)
class LiveView:
    """Everything known at a frame that can be drawn.

    `prediction` holds the newest scores, `picked` the number of the person that they are of. `fps`
    is the rate at which frames arrive.
    """

    prediction: WindowScores | None
    persons: Sequence[Person] = ()
    picked: int | None = None
    events: Sequence[GestureEvent] = ()
    fps: float = 0.0
    hands: Sequence[TrackedHand] = ()


def draw_live(picture: Picture, view: LiveView, metadata: DeployMetadata, time_s: float) -> Picture:
    """Draw as `draw_prediction` does, with persons and events.

    Hands that are followed are drawn as skeletons, and every person gets a box. The last event is
    shown for a moment. Those of the last 10 s are marked on a timeline along the upper edge.
    """
    drawn = draw_prediction(_with_hands(picture, view.hands), view.prediction, metadata, time_s)
    for person in view.persons:
        _draw_person(drawn, person, _EVENT if person.number == view.picked else _TEXT)
    _draw_timeline(drawn, view, shown_names(metadata.labels), time_s)
    return drawn


def _with_hands(picture: Picture, hands: Sequence[TrackedHand]) -> Picture:
    """Return the picture with hands, a copy if there are any."""
    if not hands:
        return picture
    from action_recognition.hands.drawing import draw_hand

    drawn = np.ascontiguousarray(picture).copy()
    for hand in hands:
        draw_hand(drawn, hand.landmarks_px, hand.handedness)
    return drawn


def _draw_person(drawn: Picture, person: Person, colour: tuple[int, int, int]) -> None:
    """Draw the box of a person with the number beside its corner, or nothing without a box."""
    if person.box is None:
        return

    # Fractions of the picture become pixels.
    height, width = drawn.shape[:2]
    sizes = (width, height, width, height)
    left, top, right, bottom = (
        round(part * size) for part, size in zip(person.box, sizes, strict=True)
    )
    cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), colour, 2)
    # The only person of a fixed region has no number to show.
    if person.number != WHOLE:
        line = _line_height(drawn)
        _write(drawn, str(person.number), (left + 4, top + line), line)


def _draw_timeline(drawn: Picture, view: LiveView, names: Mapping[str, str], time_s: float) -> None:
    """Draw a strip along the upper edge with a mark and a label for every event.

    The right end is now. Below it stands the event of a moment ago. `names` are the texts of the
    labels.
    """
    line = _line_height(drawn)
    width, strip = drawn.shape[1], line + line // 2
    drawn[:strip] = (drawn[:strip] * _SHADE).astype(np.uint8)
    for event in view.events:
        age_s = time_s - event.time_s
        if 0 <= age_s <= TIMELINE_S:
            x = round((width - 1) * (1 - age_s / TIMELINE_S))
            cv2.rectangle(drawn, (max(0, x - 2), 0), (x, strip - 1), _EVENT, cv2.FILLED)
            _write(drawn, names[event.label], (x + 4, line), line * 2 // 3)

    last = view.events[-1] if view.events else None
    if last is not None and 0 <= time_s - last.time_s <= _EVENT_SHOWN_S:
        times = f" x{last.repetition}" if last.repetition > 1 else ""
        _write(drawn, names[last.label] + times, (line // 2, strip + 2 * line), 2 * line)

    if view.fps:
        _write(drawn, f"{view.fps:.0f} fps", (line // 4, line), line * 2 // 3)


def draw_prediction(
    picture: Picture, prediction: WindowScores | None, metadata: DeployMetadata, time_s: float
) -> Picture:
    """Return a copy of the RGB picture (H, W, 3) with a panel along its lower edge.

    The number beside a label is its score, a cosine of -1..1 or a logit. The length of its bar is
    its probability, see `deploy.scores.probabilities`. Without a prediction the label is `...`.
    Pictures lower than 240 pixels are enlarged by a whole number, so that text can be read.
    """
    drawn = _enlarged(picture)
    height, width = drawn.shape[:2]
    line = _line_height(drawn)
    num_lines = min(1 + NUM_BARS, len(metadata.labels) + 1)
    panel_top = max(0, height - line * num_lines - line // 2)
    drawn[panel_top:] = (drawn[panel_top:] * _SHADE).astype(np.uint8)

    names = shown_names(metadata.labels)
    title = "..." if prediction is None else names[metadata.labels[prediction.top(1)[0]]]
    baseline = panel_top + line
    _write(drawn, title, (line // 2, baseline), line)
    clock = f"{time_s:.1f} s"
    _write(drawn, clock, (max(0, width - line // 2 - len(clock) * line // 2), baseline), line)

    if prediction is not None:
        _draw_bars(drawn, prediction, metadata, baseline)
    return drawn


def _draw_bars(
    drawn: Picture, prediction: WindowScores, metadata: DeployMetadata, baseline: int
) -> None:
    """Draw bar, score and label of each of the first labels, below the line at `baseline`."""
    line = _line_height(drawn)
    margin = line // 2
    left, right = margin, drawn.shape[1] // 3
    names = shown_names(metadata.labels)
    chances = probabilities(prediction.scores, metadata)
    # The first row is below the title.
    for row, index in enumerate(prediction.top(NUM_BARS), start=1):
        bottom = baseline + row * line
        top = bottom - line * 3 // 4
        cv2.rectangle(drawn, (left, top), (right, bottom), _BAR_BACK, cv2.FILLED)
        length = round((right - left) * float(chances[index]))
        cv2.rectangle(drawn, (left, top), (left + length, bottom), _BAR, cv2.FILLED)

        text = f"{prediction.scores[index]:+.2f} {names[metadata.labels[index]]}"
        _write(drawn, text, (right + margin, bottom - line // 8), line * 3 // 4)


def _line_height(drawn: Picture) -> int:
    """Return the height of a line of text in pixels."""
    return max(10, int(drawn.shape[0]) // 16)


def _enlarged(picture: Picture) -> Picture:
    """Return a copy, enlarged by a whole number to at least `_MIN_HEIGHT` where it is not wide."""
    # Rounded up. A wide and low picture would become too wide to record.
    height, width = picture.shape[:2]
    factor = max(1, min(-(-_MIN_HEIGHT // height), _MAX_WIDTH // width))
    return np.ascontiguousarray(picture.repeat(factor, axis=0).repeat(factor, axis=1)).copy()


def _write(drawn: Picture, text: str, left_baseline: tuple[int, int], height: int) -> None:
    write_text(drawn, text, left_baseline, max(8, height * 3 // 4), _TEXT)
