"""Building a network from model.yaml, by an explicit choice of its `type`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from action_recognition.checkpoint import TrainedModel
from action_recognition.errors import user_error
from action_recognition.models.causal import CausalRecogniser, make_causal
from action_recognition.models.convolutions import ConvForm
from action_recognition.models.head import AngularHead
from action_recognition.models.image.signs import SignsImage
from action_recognition.models.image.timm_image import TimmImage
from action_recognition.models.landmarks.causal_network import CausalHandLandmarksNet
from action_recognition.models.landmarks.network import HandLandmarksNet
from action_recognition.models.landmarks.teachable import ClipEmbedding
from action_recognition.models.recogniser import Backbone, Recogniser, TeachableRecogniser
from action_recognition.models.s3d_efficientnet_lite0 import S3DEfficientNetLite0
from action_recognition.models.s3d_mobilenet_v3 import S3DMobileNetV3
from action_recognition.models.stateful.landmarks import CausalLandmarkRecogniser
from action_recognition.template import (
    CausalConfig,
    ModelConfig,
    TeachableLandmarksConfig,
    network_family,
)

# Each takes the `backbone` section of its own type, and the form of the convolutions.
BACKBONES: dict[str, Callable[[Any, ConvForm], Backbone]] = {
    "s3d_mobilenet_v3": S3DMobileNetV3,
    "s3d_efficientnet_lite0": S3DEfficientNetLite0,
    "image_timm": TimmImage,
    "image_signs": SignsImage,
    "hand_landmarks": HandLandmarksNet,
    "causal_hand_landmarks": CausalHandLandmarksNet,
}


def trained_network(trained: TrainedModel, conv_form: ConvForm = "folded") -> Recogniser:
    """Build the network of a checkpoint, with its weights.

    Raises UserError: the weights do not fit the labels and the network that they are said to be of.
    """
    network = build_recogniser(trained.model, len(trained.labels), conv_form)
    check_weights_fit(network, trained)
    network.load_state_dict(trained.state_dict)
    return network


def check_weights_fit(network: Recogniser, trained: TrainedModel) -> None:
    """Raise UserError that names the first tensor which does not fit, and counts the others."""
    shapes, found = (
        {name: tuple(value.shape) for name, value in tensors.items()}
        for tensors in (network.state_dict(), trained.state_dict)
    )
    wrong = [
        f"{name} is {found.get(name, 'missing')}, not {shapes.get(name, 'known')}"
        for name in sorted(shapes.keys() | found.keys())
        if shapes.get(name) != found.get(name)
    ]
    if wrong:
        more = f" (and {len(wrong) - 1} more tensors)" if wrong[1:] else ""
        described = f"its description, a {trained.model.type} with {len(trained.labels)} labels"
        message = f"its weights do not fit {described}: {wrong[0]}{more}"
        raise user_error(trained.source, message, fix="use the checkpoint as train.py wrote it")


def build_recogniser(
    model: ModelConfig, num_classes: int, conv_form: ConvForm = "folded"
) -> Recogniser:
    """Build a network with fresh weights.

    Both values of `conv_form` compute the same function from the same state_dict.
    """
    # The backbone draws its start weights before the head does.
    # A causal network for pictures is the one for clips, changed below.
    name = model.type if model.type in BACKBONES else network_family(model.type)
    backbone = BACKBONES[name](model.backbone, conv_form)
    head = AngularHead(backbone.num_features, model.head.embedding_size, num_classes)

    # A causal network is the same backbone with its padding moved.
    if isinstance(model, CausalConfig):
        return CausalRecogniser(make_causal(backbone), head, model.running_pool.steps)
    if isinstance(backbone, CausalHandLandmarksNet):
        return CausalLandmarkRecogniser(backbone, head)
    if isinstance(model, TeachableLandmarksConfig):
        embedding = ClipEmbedding(model.embedding, backbone.num_features, num_classes)
        return TeachableRecogniser(backbone, head, embedding)
    return Recogniser(backbone, head)
