"""A convolutional network of timm up to its last map of features."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from action_recognition.errors import UserError, user_error
from action_recognition.models.pretrained import LITE0_NAME, check_timm_name, timm_config

_WHERE = "model.yaml: backbone.name"
_ALLOWED = f"a convolutional network, such as resnet18 or {LITE0_NAME}"
_PROBE_SIDE = 224  # pixels


class TimmFeatures(NamedTuple):
    """A network with fresh weights, its number of features, and where a picture enters.

    `first_convs` names its convolutions that take the picture: some networks add up several. Where
    `ends_early`, `network.forward_features` gives the map, else the network itself.
    """

    network: nn.Module
    num_features: int
    first_convs: tuple[str, ...]
    ends_early: bool


def image_network(name: str) -> TimmFeatures:
    """Build timm's network of that name without pooling and classifier.

    A network with layers between pooling and classifier (MobileNetV3, GhostNet) ends before them:
    they are made for pooled features.
    Raises UserError: timm has no network of that name, or it gives no map of features.
    """
    check_timm_name(name, _WHERE)
    network = _built(name)
    num_features = int(cast(int, network.num_features))

    # A copy on the device that computes nothing: only shapes are followed.
    shadow: Any = copy.deepcopy(network).to("meta").eval()
    whole, early = _shape(shadow), _shape(shadow.forward_features)
    if not _is_map(whole, num_features) and not _is_map(early, num_features):
        raise _refusal(name, early if isinstance(early, tuple) else whole, num_features)

    ends_early = not _is_map(whole, num_features)
    if ends_early:
        _drop_unused(network, shadow)
    return TimmFeatures(network, num_features, _first_convs(name, network), ends_early)


def _built(name: str) -> nn.Module:
    """Return the network, without pooling where it can be without."""
    import timm

    for settings in ({"global_pool": ""}, {}):
        try:
            return cast(nn.Module, timm.create_model(name, False, num_classes=0, **settings))
        # Some assert that they pool. Their map is had before it.
        except (AssertionError, TypeError):
            continue
        # What else a network raises that needs another package or device is its own.
        except Exception as error:
            found = f"timm cannot build {name} here ({_first_line(error)})"
            raise user_error(_WHERE, found, _ALLOWED) from None
    raise user_error(_WHERE, f"timm builds {name} with its classifier only", _ALLOWED)


def _shape(part: Callable[[Tensor], Tensor]) -> tuple[int, ...] | str:
    """Return the shape of what a part of a network gives, or why it gives none."""
    try:
        return tuple(_called(part).shape)
    # Code of more than a thousand networks.
    except Exception as error:
        return _first_line(error)


def _is_map(shape: tuple[int, ...] | str, num_features: int) -> bool:
    return len(shape) == 4 and shape[1] == num_features


def _refusal(name: str, shape: tuple[int, ...] | str, num_features: int) -> UserError:
    """Return the error for a network without a map, with what it gives instead."""
    if isinstance(shape, str):
        found = f"{name} does not take pictures of {_PROBE_SIDE} pixels ({shape})"
    elif len(shape) == 3:
        found = f"{name} gives a sequence {shape}, no map of {num_features} features"
    elif shape[-1] == num_features:
        found = f"{name} gives its map {shape} with the features last"
    else:
        found = f"{name} gives {shape}, no map of {num_features} features"
    return user_error(_WHERE, found, _ALLOWED)


def _called(part: Callable[[Tensor], Tensor]) -> Tensor:
    with torch.no_grad():
        return part(torch.empty(1, 3, _PROBE_SIDE, _PROBE_SIDE, device="meta"))


def _drop_unused(network: nn.Module, shadow: Any) -> None:
    """Replace the parts that `forward_features` does not use, in place. `shadow` is a copy.

    Their parameters would never learn, and count in the network's size.
    """
    used: set[nn.Module] = set()
    parts = dict(shadow.named_children())
    for part in parts.values():
        for module in part.modules():
            module.register_forward_hook(lambda _m, _i, _o, part=part: used.add(part))

    _called(shadow.forward_features)
    for name, part in parts.items():
        if part not in used:
            setattr(network, name, nn.Identity())


def _first_convs(name: str, network: nn.Module) -> tuple[str, ...]:
    """Return the names of the convolutions that take the picture. timm states them."""
    stated = timm_config(network).get("first_conv")
    names = (stated,) if isinstance(stated, str) else tuple(stated or ())
    modules = dict(network.named_modules())
    if not names or not all(isinstance(modules.get(item), nn.Conv2d) for item in names):
        found = f"{name} begins with no convolution that timm names"
        raise user_error(_WHERE, found, _ALLOWED)
    return names


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:200]
