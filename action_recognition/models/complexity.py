"""Size and cost of a network by the convention of the published figures.

Size: millions of weights with batch norm folded into its convolution, plus six shape constants of
the original's graph.
Cost: GFLOPs = 2 x multiply-adds plus elementwise work at the per-element costs below. ReLU6 counts
as ReLU.
Source: REFERENCE section 1.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from action_recognition.models.attention import SpatioTemporalAttention
from action_recognition.models.convolutions import FactoredConv3d, TFSameConv3d
from action_recognition.models.head import AngularHead
from action_recognition.models.layers import GlobalAveragePool, SqueezeExcite, TemporalAveragePool
from action_recognition.models.recogniser import LandmarksNet, Recogniser
from action_recognition.models.s3d_efficientnet_lite0 import LiteBlock
from action_recognition.models.s3d_mobilenet_v3 import InvertedResidual

# Operations for each element.
_RELU, _HSWISH, _SIGMOID, _NORMALISE, _MEAN_SCALE, _TWO_INPUTS = 2, 9, 3, 4, 2, 3
_SHAPE_CONSTANTS = 6

# The operations of a module for its input and output.
_Cost = Callable[[nn.Module, Tensor, Tensor], int]
_Inputs = tuple[Tensor, ...]
_Output = Tensor | tuple[Tensor, ...]


@dataclass(frozen=True)
class Complexity:
    """Exact counts, and the figures as they are published.

    Those are millions of parameters (Mp) and GFLOPs, with four digits after the point.
    """

    num_parameters: int
    flops: int

    @property
    def size_mp(self) -> float:
        """Return the size in millions of parameters."""
        return _millions(self.num_parameters + _SHAPE_CONSTANTS, 6)

    @property
    def complexity_gflops(self) -> float:
        """Return the cost of one clip in GFLOPs."""
        return _millions(self.flops, 9)


def count(network: Recogniser, clip_shape: tuple[int, int, int, int]) -> Complexity:
    """Count size and cost for one clip of `clip_shape` (channels, T, H, W).

    Shapes of one clip are followed through the network.
    """
    return Complexity(_folded_parameters(network), _flops(network, clip_shape))


def _millions(number: int, exponent: int) -> float:
    """Return `number` / 10^exponent, rounded half up to four digits."""
    return float((Decimal(number) / 10**exponent).quantize(Decimal("0.0001"), ROUND_HALF_UP))


def _folded_parameters(network: Recogniser) -> int:
    """Return the number of weights with every batch norm folded into its convolution."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    in_norms = sum(norm.weight.numel() + norm.bias.numel() for norm in norms)
    in_all = sum(parameter.numel() for parameter in network.parameters())

    # A folded norm leaves one bias a channel.
    return in_all - in_norms + sum(norm.num_features for norm in norms)


def _flops(network: Recogniser, clip_shape: tuple[int, int, int, int]) -> int:
    """Return the operations of one clip of `clip_shape`, the normalisation of pixels included."""
    # The meta device follows shapes alone, but imports PyTorch's compiler for it. One clip on the
    # CPU takes less.
    device = "meta" if "torch._dynamo" in sys.modules else "cpu"
    shadow = copy.deepcopy(network).to(device).eval()
    costs: list[int] = []
    for module in shadow.modules():
        cost = _COSTS.get(type(module), _conv if isinstance(module, nn.Conv2d) else None)
        if cost is not None:
            module.register_forward_hook(_append_to(costs, cost))

    clip = torch.zeros((1, *clip_shape), device=device)
    with torch.no_grad():
        shadow(clip)
    takes_landmarks = isinstance(network.backbone, LandmarksNet)
    return sum(costs) + (0 if takes_landmarks else _MEAN_SCALE * clip.numel())


def _append_to(costs: list[int], cost: _Cost) -> Callable[[nn.Module, _Inputs, _Output], None]:
    """Return a forward hook that appends the cost of its module to `costs`."""

    def _hook(module: nn.Module, inputs: _Inputs, output: _Output) -> None:
        # An attention returns its mask too.
        first = output[0] if isinstance(output, tuple) else output
        costs.append(cost(module, inputs[0], first))

    return _hook


def _conv(module: nn.Module, x: Tensor, out: Tensor) -> int:
    assert isinstance(module, FactoredConv3d | nn.Conv2d)
    return 2 * out.numel() * module.weight[0].numel()


def _residual(module: nn.Module, x: Tensor, out: Tensor) -> int:
    assert isinstance(module, InvertedResidual | LiteBlock)
    return _TWO_INPUTS * out.numel() if module.has_residual else 0


def _attention(module: nn.Module, x: Tensor, out: Tensor) -> int:
    assert isinstance(module, SpatioTemporalAttention)
    # The product with the mask and the sum for each element, and the sigmoid of the mask.
    mask = x.numel() // x.shape[1]
    cost = 2 * _TWO_INPUTS * x.numel() + _SIGMOID * mask
    # The temporal branch adds a mean over H and W, and the sum of both branches' logits.
    if module.temporal is not None:
        cost += x.numel() + _TWO_INPUTS * mask
    return cost


def _head(module: nn.Module, x: Tensor, out: Tensor) -> int:
    assert isinstance(module, AngularHead)
    # Unit length of the embedding, and a product with each direction.
    embedding, classes = module.class_directions.shape
    return _NORMALISE * embedding + 2 * embedding * classes


# By exact type: the cost of a module beside that of the modules inside it.
_COSTS: dict[type[nn.Module], _Cost] = {
    FactoredConv3d: _conv,
    TFSameConv3d: _conv,
    nn.Linear: lambda module, x, out: 2 * out.numel() * x.shape[-1],
    nn.ReLU: lambda module, x, out: _RELU * out.numel(),
    nn.ReLU6: lambda module, x, out: _RELU * out.numel(),
    nn.Hardswish: lambda module, x, out: _HSWISH * out.numel(),
    # Pooling, then the gate. Its h-sigmoid is not counted.
    SqueezeExcite: lambda module, x, out: x.numel() + _TWO_INPUTS * x.numel(),
    TemporalAveragePool: lambda module, x, out: 2 * out.numel(),
    GlobalAveragePool: lambda module, x, out: x.numel(),
    InvertedResidual: _residual,
    LiteBlock: _residual,
    SpatioTemporalAttention: _attention,
    AngularHead: _head,
}
