"""INT8 of a small network: the quantised layers, and layers given back, equal to the bit."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from action_recognition.compression.network_kinds import ClipForm
from action_recognition.compression.post_training import quantise
from action_recognition.compression.quantised_layers import (
    Layer,
    floating_layers,
    give_back,
    quantised_layers,
)
from action_recognition.compression.scoring import (
    CLIPPED,
    EXACT,
    int8_note,
    int8_sums,
    rank_layers,
    score_model,
)
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.protocol import network_input, stack_scores
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.openvino_core import openvino_core


@pytest.fixture(scope="module")
def networks(exported: Path) -> tuple[Any, Any, DeployMetadata]:
    """The FP32 network, its quantised form, the metadata."""
    metadata = load_backend(exported / "model.xml").metadata
    original = openvino_core().read_model(exported / "model.xml")
    return original, quantise(original, list(made_clips(metadata, 6)), metadata), metadata


def error(model: Any, original: Any, metadata: DeployMetadata) -> float:
    clips = made_clips(metadata, 3)
    return float(
        np.square(
            score_model(model, clips, metadata) - score_model(original, clips, metadata)
        ).mean()
    )


def exact_error(model: Any, original: Any, metadata: DeployMetadata) -> float:
    """The error of the rounding alone: quantised values, computed in float32.

    With AVX2 alone the processor adds pairs of products in 16 bits and clips some of them. That
    makes 0.0114 of 0.0098 here, and says nothing of the network.
    """
    settings = {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "NO"}
    request = openvino_core().compile_model(model, "CPU", settings).create_infer_request()
    clips = made_clips(metadata, 3)
    rows = [
        np.array(request.infer({0: network_input(clip[None], metadata)})[0])[0] for clip in clips
    ]
    reference = score_model(original, made_clips(metadata, 3), metadata)
    return float(np.square(stack_scores(rows, metadata) - reference).mean())


def test_all_is_quantised_but_the_cosine(networks: tuple[Any, Any, DeployMetadata]) -> None:
    original, quantised, metadata = networks
    layers = quantised_layers(quantised)
    assert not quantised_layers(original) and len(floating_layers(original)) == len(
        floating_layers(quantised)
    ) + sum(layer.num_weights > 0 for layer in layers)
    assert [layer.kind for layer in floating_layers(quantised)] == [
        "MatMul"
    ]  # the class directions
    kinds = {layer.kind for layer in layers}
    assert {"Convolution", "GroupConvolution", "MatMul"} <= kinds and not {
        "Divide",
        "ReduceL2",
        "Constant",
        "Convert",
    } & kinds
    assert 0 < exact_error(quantised, original, metadata) < 0.01
    assert 0 < error(quantised, original, metadata) < (0.01 if int8_sums() == EXACT else 0.02)
    names = {node.get_friendly_name() for node in original.get_ops()}
    assert {layer.name for layer in layers} <= names
    weights = next(layer for layer in layers if layer.kind == "Convolution")
    assert weights.weight_shape == (8, 3, 1, 3, 3) and weights.num_weights == 216


def test_weights_have_a_scale_for_every_channel(networks: tuple[Any, Any, DeployMetadata]) -> None:
    node = next(
        node for node in networks[1].get_ordered_ops() if node.get_type_name() == "Convolution"
    )
    scale = node.input_value(1).get_node().input_value(1).get_node().get_data()
    assert scale.size == 8 and len(np.unique(scale)) > 1


def test_given_back_layers_compute_as_before(networks: tuple[Any, Any, DeployMetadata]) -> None:
    original, quantised, metadata = networks
    clips, names = made_clips(metadata, 3), [layer.name for layer in quantised_layers(quantised)]
    everything = give_back(quantised, original, names)
    assert not quantised_layers(everything)
    assert np.array_equal(
        score_model(everything, clips, metadata), score_model(original, clips, metadata)
    )
    one = give_back(quantised, original, names[:1])
    assert [layer.name for layer in quantised_layers(one)] == names[1:]
    assert len(quantised_layers(quantised)) == len(names)  # a copy was changed
    with pytest.raises(ValueError, match="no such operation"):
        give_back(quantised, original, ["nothing"])


def test_the_layers_that_harm_most_come_first(networks: tuple[Any, Any, DeployMetadata]) -> None:
    original, quantised, metadata = networks
    counted: list[Layer | None] = []
    ranked = rank_layers(
        quantised,
        original,
        list(made_clips(metadata, 1)),
        ClipForm(metadata).scores,
        lambda: counted.append(None),
    )
    gains = [gain for _, gain in ranked]
    assert gains == sorted(gains, reverse=True) and len(counted) == len(ranked) == len(
        quantised_layers(quantised)
    )
    half = [layer.name for layer, _ in ranked[: len(ranked) // 2]]
    assert error(give_back(quantised, original, half), original, metadata) < error(
        quantised, original, metadata
    )


@pytest.mark.skipif(
    not Path("/proc/cpuinfo").is_file() or platform.machine() != "x86_64",
    reason="the processor's instructions are read from Linux",
)
def test_a_processor_without_vnni_is_recognised_by_its_sums() -> None:
    instructions = Path("/proc/cpuinfo").read_text()
    assert "avx2" in instructions
    assert int8_sums() == (EXACT if "vnni" in instructions else CLIPPED)
    assert ("VNNI" in int8_note()) and int8_note().endswith("eval.py")
