"""The benchmark of INT8: both networks can be made, and a plain quantisation quantises the cosine
that ours leaves alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from action_recognition.compression.post_training import quantise
from action_recognition.compression.quantised_layers import floating_layers, quantised_layers
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.openvino_core import openvino_core
from benchmarks import int8
from tests.tiny_export import tiny_trained


@pytest.mark.parametrize("network", int8.NETWORKS)
def test_both_networks_are_those_of_the_templates(network: str) -> None:
    trained = int8.random_network(network)
    assert trained.model.type == network and len(trained.state_dict) > 100


def test_plain_quantisation_is_nncfs_own(exported: Path) -> None:
    metadata = from_trained(tiny_trained(), "0" * 64)
    model, clips = openvino_core().read_model(exported / "model.xml"), list(made_clips(metadata, 1))
    plain, ours = int8.plain_ptq(model, clips, metadata), quantise(model, clips, metadata)
    assert len(quantised_layers(plain)) > len(quantised_layers(ours)) > 5
    assert not floating_layers(plain) and [layer.kind for layer in floating_layers(ours)] == [
        "MatMul"
    ]


def test_a_clip_is_scored_with_the_precision_beside(exported: Path) -> None:
    run, precisions = int8.inference(exported / "model.xml", 1)
    assert np.isfinite(next(iter(run().values()))).all() and precisions.startswith("f32")  # type: ignore[attr-defined]
