"""The optimiser of a recipe, and the learning rate and weight decay of each parameter."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from action_recognition.models.recogniser import Recogniser
from action_recognition.template import SGD, AdamW
from action_recognition.training.step.eager_optimizers import EagerAdamW, EagerSGD


def make_optimizer(
    network: Recogniser, config: SGD | AdamW, base_learning_rate: float
) -> torch.optim.Optimizer:
    """Return SGD or AdamW, as the template says, over `parameter_groups`."""
    groups = parameter_groups(network, config, base_learning_rate)
    if isinstance(config, AdamW):
        # On the CPU torch's own choice is a loop in Python. On a GPU it is the fastest form.
        is_on_cpu = all(item.device.type == "cpu" for item in network.parameters())
        return EagerAdamW(
            groups,
            lr=base_learning_rate,
            weight_decay=config.weight_decay,
            fused=True if is_on_cpu else None,
        )
    return EagerSGD(
        groups, lr=base_learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
    )


def parameter_groups(
    network: Recogniser, config: SGD | AdamW, base_learning_rate: float
) -> list[dict[str, Any]]:
    """Group the parameters by learning rate and weight decay, in the network's order.

    A stage of the backbone learns at the head's rate times `layer_decay` ^ (its distance from the
    head). The last stage's distance is 1. SGD decays every parameter, as the original does. AdamW
    spares norms, biases and the classes' directions.
    Source: Clark et al., arXiv 2003.10555, and Bao et al., arXiv 2106.08254 (layer-wise rates).
    """
    factors = _rate_factors(network, config.layer_decay)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        # Norms and biases have one dimension.
        is_direction = parameter is network.head.class_directions
        spared = isinstance(config, AdamW) and (parameter.ndim < 2 or is_direction)

        rate = base_learning_rate * factors.get(parameter, 1.0)
        decay = 0.0 if spared else config.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": members, "lr": rate, "weight_decay": decay}
        for (rate, decay), members in groups.items()
    ]


def _rate_factors(network: Recogniser, layer_decay: float) -> dict[nn.Parameter, float]:
    """Return the share of the head's rate for each parameter of the backbone."""
    stages = network.backbone.stages()
    return {
        parameter: layer_decay ** (len(stages) - index)
        for index, modules in enumerate(stages)
        for module in modules
        for parameter in module.parameters()
    }
