"""Quantisation-aware fine-tuning: the trained weights learn to give their own answers when they and the activations are rounded to 8 bits.

The network is its own teacher: what is minimised is the divergence of the rounded network's probabilities from those of the floating one,
so no recipe's loss and no label is needed, and what is gained is agreement. Batch norms keep their statistics, nothing is dropped out.
What it gives are floating weights; quantising them is `deploy.quantisation`'s, as without fine-tuning.

Not by NNCF's own PyTorch layers: they compile C++ on first use (or every layer by torch.compile: 40 s of CPU time for two blocks,
NNCF 3.4), while PyTorch's `fake_quantize_*` are there, with the same straight-through gradients.
Source: Jacob et al., arXiv 1712.05877 (fake quantisation); Mishra and Marr, arXiv 1711.05852 (the floating network as teacher).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from action_recognition.checkpoint import TrainedModel
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Normalize, Recogniser
from action_recognition.training.step.optimizer import make_optimizer

_WEIGHT_LEVELS = 127  # of each sign, as NNCF's symmetric weights have
_RANGE_CLIPS = 32


@dataclass(frozen=True)
class FineTuning:
    """How long and how gently: `rate_factor` times the recipe's base learning rate, falling to 0 along half a cosine.

    0.3 was far too much for AdamW: in 32 steps the weights went further than rounding does (docs/deploy.md).
    """

    epochs: int
    rate_factor: float = 0.02
    seed: int = 0


def fine_tune(
    trained: TrainedModel,
    clips: npt.NDArray[np.uint8],
    tuning: FineTuning,
    advance: Callable[[], None] = lambda: None,
) -> TrainedModel:
    """The same model with other weights; `clips` are (N, 3, T, H, W) uint8 RGB, N >= 1. `advance` is called once a batch."""
    teacher, student = _network(trained), _network(trained)
    normalize = Normalize(trained.template.input.mean_values, trained.template.input.scale_values)
    basic, loss = trained.template.hyper_parameters.basic, trained.template.training.loss
    scale = loss.scale_end if loss.type == "am_softmax" else loss.scale
    with rounded(
        student, [normalize(torch.from_numpy(clip[None].copy())) for clip in clips[:_RANGE_CLIPS]]
    ):
        optimizer = make_optimizer(
            student,
            trained.template.training.optimizer,
            tuning.rate_factor * basic.base_learning_rate,
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, tuning.epochs * num_batches(len(clips), basic.batch_size)
        )
        for batch in _batches(len(clips), basic.batch_size, tuning):
            pixels = normalize(torch.from_numpy(np.ascontiguousarray(clips[batch])))
            with torch.no_grad():
                wanted = F.log_softmax(scale * teacher(pixels), dim=1)
            divergence = F.kl_div(
                F.log_softmax(scale * student(pixels), dim=1),
                wanted,
                reduction="batchmean",
                log_target=True,
            )
            optimizer.zero_grad()
            torch.autograd.backward(divergence)
            optimizer.step()
            schedule.step()
            advance()
    learnt = student.state_dict()
    return replace(trained, state_dict={key: learnt[key].detach() for key in trained.state_dict})


def num_batches(num_clips: int, batch_size: int) -> int:
    """Of one epoch, the last one maybe smaller."""
    return -(-num_clips // batch_size)


def _batches(
    num_clips: int, batch_size: int, tuning: FineTuning
) -> Iterator[npt.NDArray[np.int64]]:
    """Indices of clips, every clip once an epoch, in an order that follows from the seed."""
    rng = np.random.default_rng(tuning.seed)
    for _ in range(tuning.epochs):
        order = rng.permutation(num_clips)
        yield from (
            np.sort(order[start : start + batch_size]) for start in range(0, num_clips, batch_size)
        )


def _network(trained: TrainedModel) -> Recogniser:
    network = build_recogniser(trained.model, len(trained.labels))
    network.load_state_dict(copy.deepcopy(trained.state_dict))
    return network.eval()


# --- rounding -----------------------------------------------------------------------------------------------


@contextmanager
def rounded(network: Recogniser, samples: list[Tensor]) -> Iterator[None]:
    """Within, every convolution and linear layer computes on what 8 bits leave of its weights and input; gradients pass straight through.

    `samples` (1, 3, T, H, W), normalised, show the range of each input. The cosine itself is not rounded, as in the exported network.
    """
    layers = [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear)
    ]
    ranges = _input_ranges(network, layers, samples)
    hooks = [
        layer.register_forward_pre_hook(_round_input(*ranges[layer]))
        for layer in layers
        if layer in ranges
    ]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", _RoundedWeight(), unsafe=True)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer in layers:
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)


class _RoundedWeight(nn.Module):
    """Weights (out, ...) on 255 steps, as far apart as the largest of each output channel asks for."""

    def forward(self, weight: Tensor) -> Tensor:
        largest = weight.detach().flatten(1).abs().amax(dim=1).clamp_min(1e-8)
        scale = largest / _WEIGHT_LEVELS
        zeros = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
        return torch.fake_quantize_per_channel_affine(
            weight, scale, zeros, 0, -_WEIGHT_LEVELS, _WEIGHT_LEVELS
        )


def _input_ranges(
    network: Recogniser, layers: list[Any], samples: list[Tensor]
) -> dict[nn.Module, tuple[float, float]]:
    """The mean over samples of the lowest and the highest value that each layer is given."""
    seen: dict[nn.Module, list[tuple[float, float]]] = {}

    def watch(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.setdefault(layer, []).append((float(inputs[0].min()), float(inputs[0].max())))

    hooks = [layer.register_forward_pre_hook(watch) for layer in layers]
    with torch.no_grad():
        for sample in samples:
            network(sample)
    for hook in hooks:
        hook.remove()
    return {layer: (_mean(values, 0), _mean(values, 1)) for layer, values in seen.items()}


def _mean(values: list[tuple[float, float]], place: int) -> float:
    return float(np.mean([pair[place] for pair in values]))


def _round_input(
    low: float, high: float
) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """Symmetric steps, unsigned where nothing is below zero."""
    lowest, highest = (-128, 127) if low < 0 else (0, 255)
    scale = max(-low, high, 1e-8) / highest

    def hook(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (
            torch.fake_quantize_per_tensor_affine(inputs[0], scale, 0, lowest, highest),
            *inputs[1:],
        )

    return hook
