"""Advice on what to record next, from what was tested. Each line says on what it rests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from action_recognition.building.results import Results

# A gesture or person is named when it is this much worse than all together.
_WORSE_BY_PERCENT = 15.0
_FEW_PEOPLE, _FEW_CLIPS = 5, 5
_UNBALANCED = 2.0
_SHOWN = 3


def advice(results: Results) -> list[str]:
    """Return what to record or repair, the most useful first."""
    lines = [
        *_about_people(results),
        *_about_confusions(results),
        *_about_counts(results),
        *_about_single_people(results),
        *_about_hands(results),
        *_about_negatives(results),
    ]
    return lines or ["Nothing stands out. Try the model live, and record what it gets wrong."]


def _about_people(results: Results) -> Iterator[str]:
    people = results.by_person()
    if not people:
        yield (
            "Tell who is in each clip, by file names such as wave/anna_1.mp4. The accuracy above "
            "is likely too high: the model may know the people it was tested on."
        )
    elif len(people) < _FEW_PEOPLE:
        yield (
            f"Record more people: {len(people)} say little about strangers. Five more people with "
            "a few clips of each gesture teach more than many clips of one person."
        )


def _about_confusions(results: Results) -> Iterator[str]:
    """Name the pairs that are taken for each other most often, in both directions together."""
    pairs: dict[tuple[str, str], int] = defaultdict(int)
    for (label, predicted), count in results.counts().items():
        if label != predicted:
            first, second = sorted((label, predicted))
            pairs[first, second] += count
    worst = sorted(pairs.items(), key=lambda item: -item[1])[:_SHOWN]
    for (first, second), count in worst:
        if count > 1:
            yield (
                f"Record more of “{first}” and “{second}”, from several people: "
                f"{count} clips were taken for the other one. If they look alike to you, too, "
                "make one gesture of them."
            )


def _about_counts(results: Results) -> Iterator[str]:
    """Name gestures of few clips."""
    splits = results.imported["classes"]
    counts = {label: sum(splits[label].values()) for label in results.labels if label in splits}
    if not counts:
        return
    most = max(counts.values())
    rare = [
        label for label, count in counts.items() if count < _FEW_CLIPS or _UNBALANCED * count < most
    ]
    if rare:
        shown = ", ".join(f"“{label}” ({counts[label]})" for label in rare[:6])
        yield f"Record more clips of {shown}: the most frequent gesture has {most}."


def _about_single_people(results: Results) -> Iterator[str]:
    """Name people on whom the model is much worse."""
    overall = results.evaluation["top1_of_clips"]
    people = results.by_person()
    worse = [
        (100.0 * right / tested, person, right, tested)
        for person, (right, tested) in people.items()
        if tested >= 3 and 100.0 * right / tested < overall - _WORSE_BY_PERCENT
    ]
    for _, person, right, tested in sorted(worse)[:_SHOWN]:
        yield (
            f"Look at the clips of {person}: {right} of {tested} are right. Light, distance, and a "
            "gesture that is made in another way are the usual reasons."
        )


def _about_hands(results: Results) -> Iterator[str]:
    without = {name: row["without_hand"] for name, row in results.hands.items()}
    lost = sum(without.values())
    if lost:
        classes = ", ".join(f"“{name}” ({count})" for name, count in without.items() if count)
        yield (
            f"In {lost} clips no hand is seen, by gesture: {classes}. They teach a model of "
            "landmarks nothing. Film the hand larger, or in better light."
        )


def _about_negatives(results: Results) -> Iterator[str]:
    if results.negative_label is None:
        yield (
            "Record people who make no gesture: who scratch their head, drink, reach for things. "
            "Put these clips into a folder “no gesture”. Without it, the live model takes more of "
            "what people do by the way for a gesture."
        )
