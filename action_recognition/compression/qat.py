"""Quantisation-aware fine-tuning.

The trained weights learn to give their own answers when they and the activations are rounded to
8 bits. The network is its own teacher: the loss is the divergence of the rounded network's
probabilities from those of the floating one. So no recipe's loss and no label is needed, and the
gain is agreement. Batch norms keep their statistics, and nothing is dropped out. The
weights stay floating. `post_training` quantises them, as without fine-tuning.

NNCF's own PyTorch layers are not used. They compile C++ on first use (or every layer by
torch.compile: 40 s of CPU time for two blocks, NNCF 3.4). PyTorch's `fake_quantize_*` need no
compiler and have the same straight-through gradients.

Source: Jacob et al., arXiv 1712.05877 (fake quantisation); Mishra and Marr, arXiv 1711.05852 (the
floating network as teacher).
"""

from __future__ import annotations

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
from action_recognition.models.build import trained_network
from action_recognition.models.recogniser import Recogniser, input_normalisation
from action_recognition.schedules import final_loss_scale
from action_recognition.training.step.optimizer import make_optimizer

# Of each sign, as NNCF's symmetric weights have.
_WEIGHT_LEVELS = 127
_RANGE_CLIPS = 32


@dataclass(frozen=True)
class FineTuning:
    """The length and the learning rate of a fine-tuning.

    The rate is `rate_factor` times the recipe's base learning rate and falls to 0 along half a
    cosine. A factor of 0.3 was far too much for AdamW: in 32 steps the weights moved further than
    rounding does (docs/results/deploy.md).
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
    """Return the same model with other weights.

    `clips` are (N, 3, T, H, W) uint8 RGB, N >= 1. `advance` is called once a batch.
    """
    teacher, student = _network(trained), _network(trained)
    basic = trained.template.hyper_parameters.basic
    scale = final_loss_scale(trained.template.training.loss)
    normalize = input_normalisation(trained.template.input)
    # The first clips show the ranges of the activations.
    samples = [normalize(torch.from_numpy(clip[None].copy())) for clip in clips[:_RANGE_CLIPS]]

    with rounded(student, samples):
        rate = tuning.rate_factor * basic.base_learning_rate
        optimizer = make_optimizer(student, trained.template.training.optimizer, rate)
        num_steps = tuning.epochs * num_batches(len(clips), basic.batch_size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)

        for batch in _batches(len(clips), basic.batch_size, tuning):
            pixels = normalize(torch.from_numpy(np.ascontiguousarray(clips[batch])))
            divergence = _divergence(student, teacher, pixels, scale)
            optimizer.zero_grad()
            torch.autograd.backward(divergence)
            optimizer.step()
            schedule.step()
            advance()

    # Outside the block the parametrisations are gone, and keys are the network's own again.
    learnt = student.state_dict()
    return replace(trained, state_dict={key: learnt[key].detach() for key in trained.state_dict})


def _divergence(student: Recogniser, teacher: Recogniser, pixels: Tensor, scale: float) -> Tensor:
    """Return the divergence of the student's probabilities from the teacher's."""
    with torch.no_grad():
        wanted = F.log_softmax(scale * teacher(pixels), dim=1)
    found = F.log_softmax(scale * student(pixels), dim=1)
    return F.kl_div(found, wanted, reduction="batchmean", log_target=True)


def num_batches(num_clips: int, batch_size: int) -> int:
    """Return the number of batches of one epoch, of which the last may be smaller."""
    return -(-num_clips // batch_size)


def _batches(
    num_clips: int, batch_size: int, tuning: FineTuning
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield indices of clips: every clip once an epoch, in an order that follows from the seed."""
    rng = np.random.default_rng(tuning.seed)
    for _ in range(tuning.epochs):
        order = rng.permutation(num_clips)
        for start in range(0, num_clips, batch_size):
            yield np.sort(order[start : start + batch_size])


def _network(trained: TrainedModel) -> Recogniser:
    return trained_network(trained).eval()


@contextmanager
def rounded(network: Recogniser, samples: list[Tensor]) -> Iterator[None]:
    """Round the weights and inputs of every convolution and linear layer to 8 bits in the block.

    Gradients pass straight through the rounding. `samples` (1, 3, T, H, W), normalised, show the
    range of each input. The cosine itself is not rounded, as in the exported network.
    """
    kinds = nn.Conv2d | nn.Conv3d | nn.Linear
    layers = [module for module in network.modules() if isinstance(module, kinds)]
    ranges = _input_ranges(network, layers, samples)

    # A layer that the samples did not reach has no range for its input.
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
    """Rounds weights (out, ...) to 255 steps, sized by the largest weight of an output channel."""

    def forward(self, weight: Tensor) -> Tensor:
        """Return the rounded weights."""
        # The scale gets no gradient. The bound keeps a channel of zeros from dividing by zero.
        largest = weight.detach().flatten(1).abs().amax(dim=1).clamp_min(1e-8)
        scale = largest / _WEIGHT_LEVELS
        zeros = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
        return torch.fake_quantize_per_channel_affine(
            weight, scale, zeros, 0, -_WEIGHT_LEVELS, _WEIGHT_LEVELS
        )


def _input_ranges(
    network: Recogniser, layers: list[Any], samples: list[Tensor]
) -> dict[nn.Module, tuple[float, float]]:
    """Return the mean over samples of the lowest and the highest input of each layer."""
    seen: dict[nn.Module, list[tuple[float, float]]] = {}

    def watch(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Note the range of one input."""
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
    """Return a hook that rounds to symmetric steps, unsigned if nothing is below zero."""
    # A range without negative values uses all 8 bits for positive ones.
    lowest, highest = (-128, 127) if low < 0 else (0, 255)
    scale = max(-low, high, 1e-8) / highest

    def hook(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Round the first input of a layer."""
        first = torch.fake_quantize_per_tensor_affine(inputs[0], scale, 0, lowest, highest)
        return first, *inputs[1:]

    return hook
