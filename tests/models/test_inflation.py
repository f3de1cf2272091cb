"""A MobileNetV3-Large of timm or torchvision in S3D-MobileNetV3: names, what does not fit, the
function where both are the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large

from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.tensor_names.image_forms import image_form
from action_recognition.models.weight_copy import LoadReport
from action_recognition.models.weights import load_start_weights
from action_recognition.template import load_template_dir
from tests.conftest import template_dir

TEMPLATE, MODEL = load_template_dir(template_dir("msasl"))
NUM_BLOCKS = 15
# Ours has C / 4 channels within the gates, theirs a multiple of 8; block 13 is of the older table
# (672 wide, stride 2).
OTHER_GATES, OTHER_BLOCK = (3, 4, 5), 13


def scattered(network: nn.Module) -> nn.Module:
    """Batch norm away from its start values, so that it matters where which tensor goes."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.01, 1.5)
    return network.eval()


@pytest.fixture(scope="module", params=["timm", "torchvision"])
def image_network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    if request.param == "timm":
        return scattered(timm.create_model("mobilenetv3_large_100", pretrained=False))
    return scattered(mobilenet_v3_large(weights=None))


@pytest.fixture(scope="module")
def loaded(
    image_network: nn.Module, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recogniser, LoadReport]:
    path = tmp_path_factory.mktemp("weights") / "mobilenet.pth"
    torch.save(image_network.state_dict(), path)
    network = build_recogniser(MODEL, 3)
    return network.eval(), load_start_weights(network, MODEL, path, TEMPLATE.labels)


def block_outputs(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Of the stem and every block of a 2-D network, with the last convolution."""
    if hasattr(network, "conv_stem"):
        layers = [
            nn.Sequential(network.conv_stem, network.bn1),
            *(block for stage in network.blocks for block in stage),
        ]
    else:
        layers = list(network.features)
    outputs = []
    for layer in layers:
        x = layer(x)
        outputs.append(x)
    return outputs


def blocks_2d(network: nn.Module) -> list[nn.Module]:
    if hasattr(network, "conv_stem"):
        return [block for stage in network.blocks for block in stage]
    return list(network.features)[1:]


@torch.no_grad()
def test_a_still_clip_goes_as_in_the_2d_network_up_to_the_first_gate_of_another_width(
    image_network: nn.Module, loaded: tuple[Recogniser, LoadReport]
) -> None:
    backbone = loaded[0].backbone
    picture = torch.randn(2, 3, 64, 64)
    expected = block_outputs(image_network, picture)
    x = backbone.stem(picture.unsqueeze(2).expand(-1, -1, 4, -1, -1))
    for index in range(4):
        torch.testing.assert_close(
            x, expected[index].unsqueeze(2).expand_as(x), atol=1e-4, rtol=1e-4
        )
        x = backbone.blocks[index](x)


@torch.no_grad()
def test_blocks_without_gates_and_the_last_convolution_compute_the_same(
    image_network: nn.Module, loaded: tuple[Recogniser, LoadReport]
) -> None:
    backbone, theirs = loaded[0].backbone, blocks_2d(image_network)
    for index, ours in [
        *((i, backbone.blocks[i]) for i in (6, 7, 8, 9)),
        (NUM_BLOCKS, backbone.last),
    ]:
        channels = next(iter(ours.parameters())).shape[1]
        x = torch.randn(2, channels, 8, 8)
        expected = theirs[index](x)
        torch.testing.assert_close(
            ours(x.unsqueeze(2)).squeeze(2), expected, atol=1e-4, rtol=1e-4, msg=str(index)
        )


def test_what_fits_is_taken_and_what_does_not_is_reported(
    image_network: nn.Module, loaded: tuple[Recogniser, LoadReport]
) -> None:
    network, report = loaded
    assert len(report.loaded) + len(report.skipped) == len(image_network.state_dict())
    fresh = {
        name
        for name in report.fresh
        if name.startswith("backbone.") and not name.endswith("num_batches_tracked")
    }
    expected = {
        name
        for name in network.backbone.state_dict(prefix="backbone.")
        if not name.endswith("num_batches_tracked")
        and (
            name.startswith(("backbone.attentions.", f"backbone.blocks.{OTHER_BLOCK}."))
            or any(name.startswith(f"backbone.blocks.{i}.squeeze_excite.") for i in OTHER_GATES)
        )
    }
    assert fresh == expected
    assert (
        sum(reason == "of another shape" for reason in report.skipped.values())
        >= 4 * len(OTHER_GATES) + 3
    )
    assert "of another shape" in str(report) and "fresh" in str(report)


def test_gates_of_the_same_width_and_projections_are_taken(
    image_network: nn.Module, loaded: tuple[Recogniser, LoadReport]
) -> None:
    network, theirs = loaded[0], blocks_2d(image_network)
    for index in (10, 11, 12, 14):
        gate = next(
            module
            for name, module in theirs[index].named_modules()
            if name.endswith(("se", "block.2"))
        )
        first, second = (module for module in gate.children() if isinstance(module, nn.Conv2d))
        ours = network.backbone.blocks[index].squeeze_excite
        assert torch.equal(ours.reduce.weight.flatten(1), first.weight.flatten(1))
        assert torch.equal(ours.expand.bias, second.bias)
        kernel = network.backbone.blocks[index].project.conv.weight
        convs = [module for module in theirs[index].modules() if isinstance(module, nn.Conv2d)]
        assert kernel.shape[2] == 3
        assert torch.equal(kernel[:, :, 1].flatten(1), convs[-1].weight.flatten(1))
        assert not kernel[:, :, [0, 2]].any()


def test_the_hubs_own_file_form_is_read_too(tmp_path: Path) -> None:
    image = timm.create_model("mobilenetv3_large_100", pretrained=False)
    save_file(image.state_dict(), tmp_path / "model.safetensors")
    report = load_start_weights(
        build_recogniser(MODEL, 3), MODEL, tmp_path / "model.safetensors", TEMPLATE.labels
    )
    assert "backbone.stem.conv.weight" in report.loaded


@pytest.mark.parametrize("name", ["mobilenetv3_small_100", "efficientnet_b0", "resnet18"])
def test_other_image_networks_are_not_taken_for_known_ones(name: str) -> None:
    assert image_form(timm.create_model(name, pretrained=False).state_dict()) is None
