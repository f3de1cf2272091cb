"""What keeps its weights and statistics through a training step, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Recogniser
from action_recognition.template import Training, load_template_dir
from action_recognition.training.step.freezing import set_learning
from tests.tiny import tiny_template


@pytest.fixture
def recipe(tmp_path: Path) -> tuple[Recogniser, Training]:
    template, model = load_template_dir(tiny_template(tmp_path / "tiny").parent)
    torch.manual_seed(0)
    return build_recogniser(model, 3), template.training


def step(network: Recogniser) -> set[str]:
    """The tensors that a step with a large rate changes, parameters and statistics."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.zero_grad()
    network(torch.randn(4, 3, 4, 32, 32)).square().sum().backward()
    torch.optim.SGD([p for p in network.parameters() if p.grad is not None], lr=1.0).step()
    return {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }


def changed(
    network: Recogniser, training: Training, head_only: bool = False, **changes: Any
) -> set[str]:
    set_learning(network, training.model_copy(update=changes), head_only=head_only)
    return step(network)


def starts(names: set[str], prefix: str) -> list[str]:
    return [name for name in names if name.startswith(prefix)]


def test_without_any_freezing_everything_changes(recipe: tuple[Recogniser, Training]) -> None:
    names = changed(*recipe)
    for part in ("stem", "blocks.0", "blocks.1", "attentions.1", "last"):
        assert starts(names, f"backbone.{part}."), part
    assert "backbone.stem.norm.running_mean" in names


def test_frozen_blocks_keep_weights_and_statistics_and_store_nothing(
    recipe: tuple[Recogniser, Training],
) -> None:
    network, training = recipe
    outputs: dict[str, bool] = {}
    for name in ("stem", "blocks.0", "blocks.1"):
        module = network.backbone.get_submodule(name)
        module.register_forward_hook(
            lambda _, inputs, out, name=name: outputs.update({name: out.requires_grad})
        )
    names = changed(network, training, frozen_blocks=2)
    assert starts(names, "backbone.stem.") == starts(names, "backbone.blocks.0.") == []
    assert starts(names, "backbone.blocks.1.")
    assert outputs == {"stem": False, "blocks.0": False, "blocks.1": True}
    assert starts(changed(network, training, frozen_blocks=1), "backbone.blocks.0.")


def test_an_attention_is_frozen_with_its_block(recipe: tuple[Recogniser, Training]) -> None:
    assert starts(changed(*recipe, frozen_blocks=3), "backbone.attentions.") == []


def test_frozen_norms_keep_their_statistics_and_still_learn_scale_and_shift(
    recipe: tuple[Recogniser, Training],
) -> None:
    names = changed(*recipe, batch_norm="frozen")
    assert [name for name in names if "running" in name or "tracked" in name] == [
        name
        for name in names
        if name.startswith("head.norm.") and ("running" in name or "tracked" in name)
    ]
    assert {
        "backbone.stem.norm.weight",
        "backbone.last.norm.bias",
        "head.norm.running_mean",
    } <= names


def test_frozen_epochs_go_together_with_frozen_blocks_and_norms(
    recipe: tuple[Recogniser, Training],
) -> None:
    network, training = recipe
    names = changed(network, training, head_only=True, frozen_blocks=1, batch_norm="frozen")
    assert starts(names, "backbone.") == []
    assert starts(names, "head.")
    after = changed(network, training, head_only=False, frozen_blocks=1, batch_norm="frozen")
    assert starts(after, "backbone.stem.") == []
    assert starts(after, "backbone.blocks.0.")
    assert not [name for name in starts(after, "backbone.") if "running" in name]
