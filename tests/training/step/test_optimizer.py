"""Which rate and weight decay each parameter gets."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Recogniser
from action_recognition.template import SGD, AdamW, load_template_dir
from action_recognition.training.step.optimizer import make_optimizer, parameter_groups
from tests.tiny import tiny_template


@pytest.fixture
def network(tmp_path: Any) -> Recogniser:
    return build_recogniser(load_template_dir(tiny_template(tmp_path / "tiny").parent)[1], 3)


def sgd(layer_decay: float) -> SGD:
    return SGD(
        type="sgd",
        momentum=0.9,
        weight_decay=1e-4,
        gradient_clip_norm=40.0,
        layer_decay=layer_decay,
    )


def adamw(layer_decay: float) -> AdamW:
    return AdamW(type="adamw", weight_decay=0.02, gradient_clip_norm=5.0, layer_decay=layer_decay)


def by_name(network: Recogniser, groups: list[dict[str, Any]], key: str) -> dict[str, float]:
    """The groups' value of each parameter; fails where one is in no group or in two."""
    names = {parameter: name for name, parameter in network.named_parameters()}
    found = [(names[parameter], group[key]) for group in groups for parameter in group["params"]]
    assert len(found) == len(names)
    assert {name for name, _ in found} == set(names.values())
    return dict(found)


def test_the_reference_has_one_rate_and_decays_everything(network: Recogniser) -> None:
    optimizer = make_optimizer(network, sgd(1.0), 0.01)
    assert isinstance(optimizer, torch.optim.SGD)
    (group,) = optimizer.param_groups
    assert [group[key] for key in ("lr", "momentum", "weight_decay")] == [0.01, 0.9, 1e-4]
    assert all(
        ours is theirs for ours, theirs in zip(group["params"], network.parameters(), strict=True)
    )


@pytest.mark.parametrize("config", [sgd(0.5), adamw(0.5)])
def test_each_stage_learns_at_half_the_rate_of_the_next(
    config: SGD | AdamW, network: Recogniser
) -> None:
    rate = by_name(network, parameter_groups(network, config, 0.08), "lr")
    stages = {
        "head.": 0.08,
        "backbone.last.": 0.04,
        "backbone.blocks.1.": 0.02,
        "backbone.blocks.0.": 0.01,
        "backbone.stem.": 0.005,
    }
    stages["backbone.attentions.1."] = 0.02  # an attention belongs to its block
    for name, value in rate.items():
        (expected,) = [expected for start, expected in stages.items() if name.startswith(start)]
        assert value == pytest.approx(expected), name


def test_adamw_spares_norms_biases_and_class_directions(network: Recogniser) -> None:
    optimizer = make_optimizer(network, adamw(0.9), 0.01)
    assert isinstance(optimizer, torch.optim.AdamW)
    decay = by_name(network, optimizer.param_groups, "weight_decay")
    spared = {name for name, value in decay.items() if value == 0.0}
    assert {
        "head.class_directions",
        "head.norm.weight",
        "head.norm.bias",
        "backbone.stem.norm.bias",
    } <= spared
    assert "backbone.blocks.1.squeeze_excite.reduce.bias" in spared
    kept = set(decay) - spared
    assert kept == {name for name in decay if name.endswith("weight") and "norm" not in name}
    assert {decay[name] for name in kept} == {0.02}
