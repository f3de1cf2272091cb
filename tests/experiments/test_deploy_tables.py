"""Tables of docs/results/deploy.md: that the page has their places, and what stands in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from action_recognition.deploy.delivery.benchmarking import Measured
from action_recognition.errors import UserError
from experiments.deploy_tables import PAGE, main, replace_table
from tests.compression.test_accuracy_gate import drop


def test_every_table_has_its_place_and_is_replaced_as_often_as_wanted(tmp_path: Path) -> None:
    page = tmp_path / "deploy.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    row = Measured(
        "export/model.xml", 1, "f32", "f32 51", 12.0, 13.0, 80.0, 100.0, 0.5, 300.0, 19.5, 50.0
    )
    documents = {
        "benchmark": {"cpu": "A processor", "models": [row.as_plain()]},
        "compression": {
            "cross_validated": [drop(0.5).as_plain() | {"layers_given_back": 0}],
            "layers": [{"computes_in": "int8"}, {"computes_in": "float"}],
            "folds": 3,
            "calibration_clips": 128,
        },
        "forms": {
            "name": "a network",
            "data": "gestures",
            "num_clips": {"val": 69, "test": 70},
            "forms": [
                {
                    "form": "model.xml",
                    "runs_as": "OpenVINO",
                    "val": 63.8,
                    "test": 45.7,
                    "both": 54.7,
                    "interval": [46.4, 62.7],
                    "drop": [0.0, -1.4, 1.4],
                    "agreement": 100.0,
                    "max_probability_difference": 2e-6,
                }
            ],
        },
    }
    for name, content in documents.items():
        (tmp_path / name).write_text(json.dumps(content))
    flags = [
        f"--{name}={'the network=' if name == 'compression' else ''}{tmp_path / name}"
        for name in documents
    ]
    assert main([f"--page={page}", *flags]) == 0
    once = page.read_text(encoding="utf-8")
    assert (
        "| export/model.xml | 1 | f32 51 | 12.0 | 13.0 | 80.0 | 100 | 300 | 19.5 | 50.00 % |"
        in once
        and "A processor." in once
    )
    assert "the network:\n\n| layers given back" in once
    assert (
        "| 0 | 100 | 90.00 % | 89.50 % | +0.50 (-0.50 to +1.50) | 99.0 % |" in once
        and "1 int8, 0 given back, 1 float" in once
    )
    assert (
        "| model.xml | OpenVINO | 63.80 % | 45.70 % | 54.70 % (46.4 to 62.7) | +0.00 (-1.40 to "
        "+1.40) | 100.0 % | 2.0e-06 |" in once
    )
    assert main([f"--page={page}", *flags]) == 0 and page.read_text(encoding="utf-8") == once


def test_wrong_files_and_pages_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no JSON file"):
        main([f"--benchmark={tmp_path / 'missing'}", f"--page={PAGE}"])
    with pytest.raises(UserError, match="has no marks"):
        replace_table("text", "accuracy gate", "")
