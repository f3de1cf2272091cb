"""The network in its exported form: raw pixels in, cosines out.

It computes nothing that does not depend on the clip. Measured in OpenVINO 2026.4 at f32 on one
thread of an EPYC, 16 x 224 x 224, median ms: Conv3d form 81, folded form 168. OpenVINO keeps
channels in blocks of 16. So each fold and unfold, free in PyTorch, is a copy there, and the export
takes the Conv3d form.
"""

from __future__ import annotations

from typing import Final

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.models.build import trained_network
from action_recognition.models.image.timm_image import TimmImage
from action_recognition.models.layers import TemporalAveragePool
from action_recognition.models.recogniser import (
    LandmarksNet,
    Normalize,
    Recogniser,
    TeachableRecogniser,
)

_ONNX_OPSET: Final = 18


class DeployNetwork(nn.Module):
    """A recogniser that takes clips (N, 3, T, H, W) or landmarks and gives cosines (N, C).

    The cosines are not clamped, as in the original's export. Pixels are 0..255, or normalised if
    `metadata.normalization` is `external`. Channels are in `metadata.color_order`.
    """

    class_directions: Tensor

    def __init__(self, recogniser: Recogniser, metadata: DeployMetadata) -> None:
        super().__init__()
        self.normalize: nn.Module = nn.Identity()
        takes_pixels = metadata.landmarks is None
        if takes_pixels and metadata.normalization == "embedded":
            self.normalize = Normalize(metadata.mean_values, metadata.scale_values)
        if takes_pixels and metadata.color_order == "BGR":
            reverse_input_channels(recogniser)
        if isinstance(recogniser.backbone, TimmImage):
            recogniser.backbone.merge_branches()
        # One operation in the graph for each average over time.
        for module in recogniser.modules():
            if isinstance(module, TemporalAveragePool):
                module.one_operation = True
        self.recogniser = recogniser

        # Unit length here, once, instead of in every call.
        source: Tensor = recogniser.head.class_directions
        if isinstance(recogniser, TeachableRecogniser):
            source = recogniser.embedding.class_directions
        directions = F.normalize(source.detach(), dim=0)
        self.register_buffer("class_directions", directions)
        self.eval().requires_grad_(False)

    def forward(self, clips: Tensor) -> Tensor:
        """Return the cosine of each clip's embedding to each class direction."""
        if isinstance(self.recogniser, TeachableRecogniser):
            taught: Tensor = self.recogniser.embed(clips) @ self.class_directions
            return taught
        head = self.recogniser.head
        embedding = head.norm(head.project(self.recogniser.features(self.normalize(clips))))

        # Like torch's normalize, but without its expansion to the full shape. That would stay in
        # the graph as shape computation.
        unit = embedding / torch.linalg.vector_norm(embedding, dim=1, keepdim=True).clamp_min(1e-12)
        cosine: Tensor = unit @ self.class_directions
        return cosine


def build_deploy_network(trained: TrainedModel, metadata: DeployMetadata) -> DeployNetwork:
    """Return the exported form of a training run's result, in evaluation mode."""
    return DeployNetwork(trained_network(trained, conv_form="conv3d"), metadata)


def reverse_input_channels(recogniser: Recogniser) -> None:
    """Make the first convolutions read B, G, R.

    This is free. Reversing the picture in the graph would copy every clip.
    """
    # The second axis of the weights is that of the input channels.
    assert not isinstance(recogniser.backbone, LandmarksNet)
    with torch.no_grad():
        for conv in recogniser.backbone.first_convs():
            conv.weight.copy_(conv.weight.flip(1))


def checked_graph(
    network: nn.Module, inputs: tuple[Tensor, ...], input_names: list[str], output_names: list[str]
) -> onnx.ModelProto:
    """Convert a network in evaluation mode to a checked ONNX graph without metadata.

    The exporter follows the computation with the example `inputs`.
    """
    program = torch.onnx.export(
        network,
        inputs,
        dynamo=True,
        opset_version=_ONNX_OPSET,
        input_names=input_names,
        output_names=output_names,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto

    _strip_exporter_notes(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def onnx_names(model: onnx.ModelProto) -> set[str]:
    """Return the names that an ONNX graph gives. They are the same in every run."""
    graph = model.graph
    names = {item.name for item in (*graph.node, *graph.initializer, *graph.input)}
    return names | {name for node in graph.node for name in node.output}


def _strip_exporter_notes(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes: stack traces in every node, with paths of this machine."""
    graph = model.graph
    # Notes on the graph, then on everything in it.
    del graph.metadata_props[:]

    for item in (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        item.doc_string = ""
        del item.metadata_props[:]
