"""Optimisers without PyTorch's preparations for its compiler take the same steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from action_recognition.training.step.eager_optimizers import EagerAdamW, EagerSGD


def weights_after(kind: type[torch.optim.Optimizer], settings: dict[str, Any]) -> list[Tensor]:
    """The weights after steps with a closure, as Lightning takes them, and a resumed rest."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
    pixels = torch.randn(8, 5)
    optimizer = kind(network.parameters(), lr=0.05, weight_decay=0.02, **settings)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = network(pixels).square().sum()
        loss.backward()
        return loss

    for _ in range(3):
        loss = optimizer.step(closure)
        assert isinstance(loss, Tensor) and loss.requires_grad
    resumed = kind(network.parameters(), lr=1.0, **settings)
    resumed.load_state_dict(optimizer.state_dict())
    closure()
    resumed.step()
    assert all(item.requires_grad for item in network.parameters())
    return [item.detach() for item in network.parameters()]


@pytest.mark.parametrize(
    ("ours", "theirs", "settings"),
    [
        (EagerAdamW, torch.optim.AdamW, {"fused": True}),
        (EagerAdamW, torch.optim.AdamW, {}),
        (EagerSGD, torch.optim.SGD, {"momentum": 0.9}),
    ],
)
def test_weights_are_the_same_to_the_bit(
    ours: type[torch.optim.Optimizer],
    theirs: type[torch.optim.Optimizer],
    settings: dict[str, Any],
) -> None:
    found, expected = weights_after(ours, settings), weights_after(theirs, settings)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_hooks_of_all_optimisers_see_the_step() -> None:
    seen = []
    hook = register_optimizer_step_post_hook(lambda *_: seen.append(1))
    try:
        optimizer = EagerSGD([nn.Parameter(torch.ones(1))], lr=0.1)
        optimizer.step()
    finally:
        hook.remove()
    assert seen == [1]
