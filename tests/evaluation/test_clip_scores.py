"""Clips are opened by other processes, landmarks are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from action_recognition.deploy.landmark_layout import LandmarkLayout
from action_recognition.deploy.metadata_fields import example
from action_recognition.evaluation import clip_scores


@pytest.mark.parametrize("takes_landmarks", [True, False])
def test_landmarks_start_no_processes(
    takes_landmarks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def make_loader(dataset: Sequence[Any], size: int, sampler: object, workers: int) -> list[Any]:
        asked.append(workers)
        return []

    monkeypatch.setattr(clip_scores, "make_loader", make_loader)
    monkeypatch.setattr(clip_scores, "_centre_dataset", lambda *_: [])
    layout = LandmarkLayout(tracking_rate_fps=10.0, features_version=1)
    metadata = replace(example(), landmarks=layout) if takes_landmarks else example()

    assert not list(clip_scores.centre_clips([], metadata, num_workers=2, strict=False))
    assert asked == [0 if takes_landmarks else 2]
