"""Shares of frames in which hands are seen, by class and person of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from action_recognition.data.landmarks.tracking import TrackingOptions, tracked_store
from action_recognition.data.listed_clips import ListedClip
from action_recognition.dataset_tools.checking.hand_findings import HandFacts, facts_of

TRACKING_RATE_FPS = 10.0
"""That of the templates, whose landmarks are then there already."""


def hand_statistics(
    clips: Sequence[ListedClip], people: Mapping[str, str], jobs: int
) -> dict[str, Any]:
    """Return shares of frames with one hand and with both, for `classes` and `people`.

    Raises UserError: the networks of hands are missing.
    """
    records = [clip.record for clip in clips]
    store = tracked_store(TRACKING_RATE_FPS, records, TrackingOptions(None, jobs))
    facts = [facts_of(store, record) for record in records]
    names = [people.get(clip.path) for clip in clips]
    return {
        "classes": _by_name(zip((clip.label for clip in clips), facts, strict=True)),
        "people": _by_name(zip(names, facts, strict=True)),
    }


def _by_name(pairs: Iterable[tuple[str | None, HandFacts | None]]) -> dict[str, dict[str, Any]]:
    """Return the figures of each name. Clips that cannot be read are left out."""
    by_name: dict[str, list[HandFacts]] = {}
    for name, found in pairs:
        if name is not None and found is not None:
            by_name.setdefault(name, []).append(found)
    return {
        name: {
            "clips": len(facts),
            "without_hand": sum(item.seen == 0.0 for item in facts),
            "seen_share": float(np.mean([item.seen for item in facts])),
            "both_share": float(np.mean([item.both for item in facts])),
        }
        for name, facts in by_name.items()
    }
