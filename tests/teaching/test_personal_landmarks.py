"""Thresholds for one person of a model over hand landmarks, on films of a hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from action_recognition.deploy.calibration.personal import read_personal
from action_recognition.errors import UserError
from action_recognition.evaluation.personal import tuning
from action_recognition.evaluation.personal.tuning import PersonalOptions, tune
from tests.made_hand_films import film, write_film
from tests.made_landmarks import LABELS


def test_films_with_hands_are_used_and_those_without_are_refused(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Hands are tracked in every frame, so the film is kept short.
    monkeypatch.setattr(tuning, "SHORTEST_FILM_S", 1.0)
    hand = film("rest", 1)
    wall = np.full((20, *hand.shape[1:]), 170, np.uint8)
    others = write_film(tmp_path / "others.mp4", hand)
    example = write_film(tmp_path / "mine" / "open" / "1.mp4", film("push", 3))
    options = PersonalOptions(
        model=exported, examples=tmp_path / "mine", others=[others], personal=tmp_path / "me.json"
    )
    before = {item.name: item.read_bytes() for item in exported.iterdir() if item.is_file()}
    made = tune(options)
    assert made.made_from["examples"] == {"open": 1}
    assert set(made.decision["onsets"]) == set(LABELS)
    assert read_personal(tmp_path / "me.json", exported / "model.xml", LABELS) == made
    after = {item.name: item.read_bytes() for item in exported.iterdir() if item.is_file()}
    assert after == before

    write_film(example, wall[:4])
    with pytest.raises(UserError, match=r"1.mp4: no hand is seen in it, so it is no example"):
        tune(options)
    write_film(others, wall)
    with pytest.raises(UserError, match="so it says nothing about false alarms"):
        tune(options)
