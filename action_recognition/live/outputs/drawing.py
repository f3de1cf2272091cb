"""Drawing over a frame: bars for the first three labels, hands, events on a timeline.

Text has an outline, so that little of the picture has to be darkened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.scores import WindowScores
from action_recognition.deploy.stream_models import Picture
from action_recognition.lettering import shown_names, text_width, write_outlined
from action_recognition.live.decision import GestureEvent, gesture_chances
from action_recognition.live.regions import WHOLE, Box, Person

if TYPE_CHECKING:
    from action_recognition.hands.tracker import TrackedHand

NUM_BARS: Final = 3
TIMELINE_S: Final = 10.0
_EVENT_SHOWN_S: Final = 1.5
# Colours in RGB.
_TEXT: Final = (255, 255, 255)
_BAR: Final = (255, 176, 0)
_EVENT: Final = (64, 220, 96)
# Lower pictures are enlarged: text would be too small in them.
_MIN_HEIGHT: Final = 240
_MAX_WIDTH: Final = 4096
# The brightness that is left of the picture behind the timeline, a bar and the help.
_SHADE: Final = 0.4
# Sizes, in lines of text.
_STRIP: Final = 1.25
_BAR_HEIGHT: Final = 0.6
_EVENT_LINES: Final = 2.5
# A bar of 100 % takes this share of the width.
_BAR_WIDTH: Final = 0.2


@dataclass(frozen=True)
class LiveView:
    """Everything known at a frame that can be drawn.

    `prediction` holds the newest scores, `picked` the number of the person that they are of. `fps`
    is the rate at which frames arrive. `comes_mirrored`: the picture is a mirror's already.
    `as_mirror`: it is to be shown as a mirror would. `help` are lines to read over the picture.
    """

    prediction: WindowScores | None
    persons: Sequence[Person] = ()
    picked: int | None = None
    events: Sequence[GestureEvent] = ()
    fps: float = 0.0
    hands: Sequence[TrackedHand] = ()
    comes_mirrored: bool = False
    as_mirror: bool = False
    help: Sequence[str] = ()


def draw_live(picture: Picture, view: LiveView, metadata: DeployMetadata, time_s: float) -> Picture:
    """Draw as `draw_prediction` does, with persons and events.

    Hands that are followed are drawn as skeletons, and every person gets a box. The last event is
    shown for a moment in large letters. Those of the last 10 s are marked on a timeline along the
    lower edge.
    """
    drawn = _with_hands(picture, view)
    if view.as_mirror:
        drawn = np.ascontiguousarray(drawn[:, ::-1])
    drawn = _with_bars(drawn, view.prediction, metadata, time_s, view.comes_mirrored)

    for person in view.persons:
        colour = _EVENT if person.number == view.picked else _TEXT
        _draw_person(drawn, _mirrored(person) if view.as_mirror else person, colour)
    names = shown_names(metadata.labels)
    _draw_timeline(drawn, view.events, names, time_s)
    _draw_event(drawn, view.events, names, time_s)
    if view.fps:
        line = _line_height(drawn)
        text, size = f"{view.fps:.0f} fps", line * 2 // 3
        left = drawn.shape[1] - text_width(text, size) - line // 3
        write_outlined(drawn, text, (left, line), size, _TEXT)
    _draw_help(drawn, view.help)
    return drawn


def draw_prediction(
    picture: Picture, prediction: WindowScores | None, metadata: DeployMetadata, time_s: float
) -> Picture:
    """Return a copy of the RGB picture (H, W, 3) with the first labels in its lower left corner.

    Number and length of a bar are the probability of its label, in per cent, as the decision takes
    it. There is no bar without a prediction, or where the scores speak for no label. The time
    stands in the upper left corner. Pictures lower than 240 pixels are enlarged by a whole number,
    so that text can be read.
    """
    return _with_bars(picture, prediction, metadata, time_s)


def _with_hands(picture: Picture, view: LiveView) -> Picture:
    """Return the picture with hands, a copy if there are any."""
    if not view.hands:
        return picture
    from action_recognition.hands.drawing import draw_hand

    drawn = np.ascontiguousarray(picture).copy()
    for hand in view.hands:
        # The right hand of a mirror's picture is the person's left one.
        draw_hand(drawn, hand.landmarks_px, hand.side(view.comes_mirrored))
    return drawn


def _with_bars(
    picture: Picture,
    prediction: WindowScores | None,
    metadata: DeployMetadata,
    time_s: float,
    comes_mirrored: bool = False,
) -> Picture:
    """Return a copy with the time, and a bar for each of the first labels."""
    drawn = _enlarged(picture)
    height, width = drawn.shape[:2]
    line = _line_height(drawn)
    write_outlined(drawn, f"{time_s:.1f} s", (line // 3, line), line * 2 // 3, _TEXT)
    if prediction is None:
        return drawn

    names = shown_names(metadata.labels)
    chances = gesture_chances(prediction.scores, metadata, comes_mirrored)
    # Scores that are all alike speak for no label.
    if not chances.any():
        return drawn
    first = np.argsort(-chances, kind="stable")[:NUM_BARS]
    left, full = line // 3, round(_BAR_WIDTH * width)
    # The lowest bar stands above the timeline.
    above = height - round(_STRIP * line) - line // 3 - len(first) * line
    for row, index in enumerate(first, start=1):
        bottom = above + row * line
        top = bottom - round(_BAR_HEIGHT * line)
        _darken(drawn[top:bottom, left : left + full])
        length = round(full * float(chances[index]))
        cv2.rectangle(drawn, (left, top), (left + length, bottom - 1), _BAR, cv2.FILLED)
        text = f"{100 * chances[index]:.0f} % {names[metadata.labels[index]]}"
        write_outlined(drawn, text, (left + full + line // 3, bottom), line * 3 // 4, _TEXT)
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
        write_outlined(drawn, str(person.number), (left + 4, top + line), line * 3 // 4, _TEXT)


def _mirrored(person: Person) -> Person:
    if person.box is None:
        return person
    return replace(person, box=mirrored_box(person.box))


def mirrored_box(box: Box) -> Box:
    """Return the box in the mirrored picture.

    >>> mirrored_box(Box(0.0, 0.25, 0.25, 1.0))
    Box(left=0.75, top=0.25, right=1.0, bottom=1.0)
    """
    return Box(1.0 - box.right, box.top, 1.0 - box.left, box.bottom)


def _draw_timeline(
    drawn: Picture, events: Sequence[GestureEvent], names: Mapping[str, str], time_s: float
) -> None:
    """Draw a strip along the lower edge with a mark and a label for every event.

    The right end is now. A label is never cut: it stands on the side of its mark that has room. One
    that would cover a newer label is left out.
    """
    line = _line_height(drawn)
    height, width = drawn.shape[:2]
    top = height - round(_STRIP * line)
    _darken(drawn[top:])

    shown = [event for event in reversed(events) if 0 <= time_s - event.time_s <= TIMELINE_S]
    places = [round((width - 1) * (1 - (time_s - event.time_s) / TIMELINE_S)) for event in shown]
    for x in places:
        cv2.rectangle(drawn, (max(0, x - 2), top), (x, height - 1), _EVENT, cv2.FILLED)

    # The newest first.
    size, free_until = line * 2 // 3, width
    for event, x in zip(shown, places, strict=True):
        long = text_width(names[event.label], size)
        left = x + 4 if x + 4 + long <= free_until else x - 6 - long
        if left >= 0 and left + long <= free_until:
            baseline = height - (height - top - size) // 2 - size // 5
            write_outlined(drawn, names[event.label], (left, baseline), size, _TEXT)
            free_until = min(left, x) - line // 3


def _draw_event(
    drawn: Picture, events: Sequence[GestureEvent], names: Mapping[str, str], time_s: float
) -> None:
    """Write the event of a moment ago in large letters over the upper part of the picture."""
    last = events[-1] if events else None
    if last is None or not 0 <= time_s - last.time_s <= _EVENT_SHOWN_S:
        return

    times = f" x{last.repetition}" if last.repetition > 1 else ""
    text, line, width = names[last.label] + times, _line_height(drawn), drawn.shape[1]
    size = round(_EVENT_LINES * line)
    # A long name takes smaller letters.
    size = max(line, min(size, size * (width - line) // max(1, text_width(text, size))))
    left = max(0, (width - text_width(text, size)) // 2)
    write_outlined(drawn, text, (left, 2 * line + size), size, _EVENT)


def _draw_help(drawn: Picture, lines: Sequence[str]) -> None:
    """Write lines over the darkened middle of the picture, or nothing without any."""
    if not lines:
        return
    height, width = drawn.shape[:2]
    line = min(_line_height(drawn), height // (len(lines) + 4))
    size = line * 3 // 4
    longest = max(text_width(text, size) for text in lines)
    left = max(line, (width - longest) // 2)
    top = (height - line * len(lines)) // 2

    _darken(drawn[top - line : top + line * (len(lines) + 1), left - line : left + longest + line])
    for number, text in enumerate(lines, start=1):
        write_outlined(drawn, text, (left, top + number * line - line // 4), size, _TEXT)


def _darken(part: Picture) -> None:
    """Darken a part of a picture in place."""
    part[:] = (part * _SHADE).astype(np.uint8)


def _line_height(drawn: Picture) -> int:
    """Return the height of a line of text in pixels."""
    return max(10, int(min(drawn.shape[:2])) // 16)


def _enlarged(picture: Picture) -> Picture:
    """Return a copy, enlarged by a whole number to at least `_MIN_HEIGHT` where it is not wide."""
    # Rounded up. A wide and low picture would become too wide to record.
    height, width = picture.shape[:2]
    factor = max(1, min(-(-_MIN_HEIGHT // height), _MAX_WIDTH // width))
    if factor == 1:
        return picture.copy(order="C")
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)
