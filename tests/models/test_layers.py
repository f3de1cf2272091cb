"""The folded form is the same function as the Conv3d form, gradients included."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from action_recognition.models.build import build_recogniser
from action_recognition.models.convolutions import ConvForm, FactoredConv3d
from action_recognition.models.layers import (
    Activation,
    BatchNorm,
    ConvNorm,
    GaussianDropout,
    GlobalAveragePool,
    TemporalAveragePool,
    channels_innermost,
)
from action_recognition.template import MODEL_CONFIG, load_template_dir
from tests.tiny import tiny_template

KERNELS = [
    ((1, 1), 1, 1),
    ((1, 3), 1, 1),
    ((1, 5), 2, 1),
    ((1, 3), 2, 8),
    ((3, 1), 1, 1),
    ((5, 1), 1, 1),
    ((3, 1), 1, 8),
]


@pytest.mark.parametrize(("kernel", "stride", "groups"), KERNELS)
@pytest.mark.parametrize("innermost", [True, False])
def test_a_folded_convolution_equals_conv3d(
    kernel: tuple[int, int], stride: int, groups: int, innermost: bool
) -> None:
    torch.manual_seed(0)
    folded = FactoredConv3d(8, 16, kernel, spatial_stride=stride, groups=groups, bias=True).double()
    plain = FactoredConv3d(
        8, 16, kernel, spatial_stride=stride, groups=groups, bias=True, form="conv3d"
    ).double()
    plain.load_state_dict(folded.state_dict())
    clip = torch.randn(2, 8, 5, 9, 7, dtype=torch.double)
    inputs = [
        (channels_innermost(clip) if innermost else clip).clone().requires_grad_() for _ in range(2)
    ]
    outputs = [module(x) for module, x in zip((folded, plain), inputs, strict=True)]
    torch.testing.assert_close(outputs[0], outputs[1])
    for output in outputs:
        output.square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    torch.testing.assert_close(folded.weight.grad, plain.weight.grad)


def test_a_folded_convolution_copies_nothing() -> None:
    x = channels_innermost(torch.randn(2, 8, 4, 6, 6))
    for kernel in ((1, 3), (3, 1)):
        out = FactoredConv3d(8, 16, kernel)(x)
        assert out.is_contiguous(memory_format=torch.channels_last_3d)


def test_a_kernel_over_time_and_space_is_refused() -> None:
    with pytest.raises(ValueError, match="neither spatial nor temporal"):
        FactoredConv3d(8, 8, (3, 3))


@pytest.mark.parametrize("size", [(8, 1, 1), (1, 2, 2), (8, 1, 3), (4, 3, 3)])
def test_batch_norm_is_right_whatever_the_memory_format(size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    x, gradient = (
        torch.randn(4, 16, *size, dtype=torch.double),
        torch.randn(4, 16, *size, dtype=torch.double),
    )

    def backward(
        norm: nn.Module, x_order: tuple[int, ...], gradient_order: tuple[int, ...]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        given = in_memory_order(x, x_order).requires_grad_()
        norm(given).backward(in_memory_order(gradient, gradient_order))
        assert given.grad is not None
        weight = norm.weight.grad
        assert isinstance(weight, torch.Tensor)
        return given.grad, weight

    plain, frames_first = (0, 1, 2, 3, 4), (0, 2, 1, 3, 4)
    expected = backward(BatchNorm(16).double(), plain, plain)
    for x_order in (plain, frames_first):
        for gradient_order in (plain, frames_first):
            got = backward(BatchNorm(16).double(), x_order, gradient_order)
            torch.testing.assert_close(got, expected)


def in_memory_order(x: torch.Tensor, order: tuple[int, ...]) -> torch.Tensor:
    """The same values, with the axes in that order in memory."""
    return (
        x.permute(order)
        .contiguous()
        .permute([order.index(axis) for axis in range(x.ndim)])
        .detach()
    )


@pytest.mark.parametrize("size", [8, 32])
def test_a_whole_network_has_the_same_gradients_in_both_forms(size: int, tmp_path: Path) -> None:
    """At 8 pixels one is left in the end."""
    _, model = load_template_dir(tiny_template(tmp_path).parent)
    clips = torch.randn(
        3, 3, 4, size, size, dtype=torch.double, generator=torch.Generator().manual_seed(0)
    )
    gradients = {}
    state = build_recogniser(model, 3).state_dict()
    for form in ("folded", "conv3d"):
        network = build_recogniser(model, 3, form).double()
        network.load_state_dict(state)
        torch.manual_seed(0)  # the noise of the attention
        (network(clips) * torch.arange(9.0).view(3, 3)).sum().backward()
        gradients[form] = {name: parameter.grad for name, parameter in network.named_parameters()}
    for name, gradient in gradients["folded"].items():
        torch.testing.assert_close(
            gradient, gradients["conv3d"][name], rtol=1e-6, atol=1e-9, msg=name
        )


def test_pooling_takes_pairs_of_frames_and_whatever_is_left() -> None:
    x = torch.arange(5.0).view(1, 1, 5, 1, 1)
    pool, exported = TemporalAveragePool(), TemporalAveragePool()
    exported.one_operation = True
    for module in (pool, exported):
        assert module(x).flatten().tolist() == [0.5, 2.5]
        assert module(x[:, :, :1]).flatten().tolist() == [0.0]  # a single frame does not vanish
    assert GlobalAveragePool()(x).tolist() == [[2.0]]


def test_dropout_has_mean_one_and_the_originals_spread() -> None:
    torch.manual_seed(0)
    layer = GaussianDropout(0.1, 0.03)
    noise = layer(torch.ones(2, 50, 20, 10, 10))
    # gaussian_dropout_stats.json: mean 0.9989, std 0.2999, 0.05 % zeros, at most 2.4
    assert noise.mean().item() == pytest.approx(1.0, abs=0.003)
    assert noise.std().item() == pytest.approx(0.3, abs=0.003)
    assert (noise == 0).double().mean().item() == pytest.approx(0.0005, abs=0.0004)
    assert torch.equal(layer.eval()(torch.ones(1, 5)), torch.ones(1, 5))


def test_dropout_sits_on_residual_branches_only() -> None:
    from tests.conftest import template_dir

    _, model = load_template_dir(template_dir("msasl"))
    blocks = build_recogniser(MODEL_CONFIG.validate_python(model.model_dump()), 3).backbone.blocks
    assert [i for i, block in enumerate(blocks) if block.dropout is not None] == [
        0,
        2,
        4,
        5,
        7,
        8,
        9,
        11,
        14,
    ]


@pytest.mark.parametrize("form", ["folded", "conv3d"])
@pytest.mark.parametrize("activation", ["none", "relu6"])
def test_a_frozen_norm_works_within_its_convolution(form: ConvForm, activation: Activation) -> None:
    torch.manual_seed(0)
    layer = ConvNorm(FactoredConv3d(4, 8, (1, 3), form=form), activation, eps=1e-3).double()
    for tensor in (
        layer.norm.running_mean,
        layer.norm.running_var,
        layer.norm.weight,
        layer.norm.bias,
    ):
        assert tensor is not None
        nn.init.uniform_(tensor, 0.5, 2.0)
    layer.eval()
    x = channels_innermost(torch.randn(2, 4, 3, 5, 6, dtype=torch.double)).requires_grad_()
    norms: list[nn.Module] = []
    layer.norm.register_forward_hook(lambda module, *_: norms.append(module))
    learning = layer(x)
    (gradient,) = torch.autograd.grad(learning.square().sum(), x)
    assert norms == [layer.norm]
    layer.requires_grad_(False)
    frozen = layer(x)
    assert norms == [layer.norm]
    torch.testing.assert_close(frozen, learning)
    torch.testing.assert_close(torch.autograd.grad(frozen.square().sum(), x)[0], gradient)
