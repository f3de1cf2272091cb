"""Every form of a model over the same clips, compared with the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from action_recognition.deploy.backends import load_backend
from experiments.deploy_forms import measure
from tests.compression.test_compress_forms import photo_gate
from tests.made_photos import write_photo_model


def test_forms_are_held_against_the_first(tmp_path: Path) -> None:
    folder = write_photo_model(tmp_path)
    clips = photo_gate(1.0).clips.stored
    backends = [(name, load_backend(folder / name)) for name in ("model.onnx", "model.xml")]
    first, second = measure(clips, 2, iter(backends))
    right = backends[0][1].scores(clips.pixels).argmax(axis=1) == clips.labels
    assert first["val"] == pytest.approx(100 * np.mean(right[:2])) and first[
        "test"
    ] == pytest.approx(100 * np.mean(right[2:]))
    assert (
        first["both"] == second["both"] == pytest.approx(100 * np.mean(right))
        and first["max_probability_difference"] == 0
    )
    assert (
        second["agreement"] == 100
        and 0 < second["max_probability_difference"] < 1e-3
        and second["drop"][0] == 0
    )
