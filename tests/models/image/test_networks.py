"""Networks over pictures: timm's by name, CS230's, their start weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from torch import nn

from action_recognition.errors import UserError
from action_recognition.export.graph import DeployNetwork, checked_graph, reverse_input_channels
from action_recognition.models.build import build_recogniser
from action_recognition.models.complexity import count
from action_recognition.models.pretrained import packaged_lite0_file, pixel_statistics
from action_recognition.models.weights import load_start_weights
from action_recognition.template import (
    Head,
    SignsBackbone,
    SignsImageConfig,
    TimmBackbone,
    TimmImageConfig,
)

LABELS = ["a", "b", "c"]


def timm_model(name: str) -> TimmImageConfig:
    return TimmImageConfig(
        type="image_timm", backbone=TimmBackbone(name=name), head=Head(embedding_size=16)
    )


def signs_model() -> SignsImageConfig:
    return SignsImageConfig(
        type="image_signs", backbone=SignsBackbone(channels=32), head=Head(embedding_size=16)
    )


def test_features_are_those_of_timm_whatever_the_form() -> None:
    torch.manual_seed(0)
    network = build_recogniser(timm_model("resnet18"), 3).eval()
    plain = build_recogniser(timm_model("resnet18"), 3, conv_form="conv3d").eval()
    plain.load_state_dict(network.state_dict())
    theirs = timm.create_model("resnet18", num_classes=0).eval()
    theirs.load_state_dict(network.backbone.network.state_dict())
    pictures = torch.randn(2, 3, 1, 64, 64)
    with torch.no_grad():
        expected = theirs(pictures[:, :, 0])
        for one in (network, plain):
            torch.testing.assert_close(one.features(pictures), expected, rtol=1e-4, atol=1e-5)


def test_the_packaged_weights_are_the_offline_start_of_efficientnet_lite0() -> None:
    model = timm_model("tf_efficientnet_lite0")
    network = build_recogniser(model, 3)
    report = load_start_weights(network, model, "imagenet", LABELS)
    assert all(
        name.startswith("head.") or name.endswith("num_batches_tracked") for name in report.fresh
    )
    file = packaged_lite0_file()
    assert file is not None
    packaged = torch.load(file, weights_only=True)
    ours = network.backbone.network.state_dict()
    torch.testing.assert_close(
        ours["blocks.0.0.conv_pw.weight"], packaged["_blocks.0._project_conv.weight"]
    )
    torch.testing.assert_close(
        ours["blocks.6.0.bn3.running_var"], packaged["_blocks.15._bn2.running_var"]
    )


def test_a_timm_file_from_disk_fits_and_another_networks_does_not(tmp_path: Path) -> None:
    torch.manual_seed(1)
    theirs = timm.create_model("resnet18")
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    network = build_recogniser(timm_model("resnet18"), 3)
    report = load_start_weights(network, timm_model("resnet18"), tmp_path / "resnet18.pth", LABELS)
    torch.testing.assert_close(
        network.backbone.network.state_dict()["layer4.1.conv2.weight"],
        theirs.layer4[1].conv2.weight.detach(),
    )
    assert {name for name in report.skipped if not name.endswith("num_batches_tracked")} == {
        "fc.weight",
        "fc.bias",
    }
    other = timm_model("tf_efficientnet_lite0")
    with pytest.raises(UserError, match="none of its tensors fits"):
        load_start_weights(build_recogniser(other, 3), other, tmp_path / "resnet18.pth", LABELS)


def test_names_that_timm_lacks_and_networks_without_a_map_are_refused() -> None:
    with pytest.raises(UserError, match=r"resnet1888.*resnet"):
        build_recogniser(timm_model("resnet1888"), 3)
    for name, found in {
        "vit_tiny_patch16_224": r"gives a sequence \(1, 197, 192\), no map of 192 features",
        "swin_tiny_patch4_window7_224": r"its map \(1, 7, 7, 768\) with the features last",
        "vit_small_patch14_dinov2": r"does not take pictures of 224 pixels \(Input height",
    }.items():
        with pytest.raises(UserError, match=found):
            build_recogniser(timm_model(name), 3)


def test_without_a_hub_the_message_names_the_installed_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = build_recogniser(timm_model("resnet18"), 3)

    def out_of_reach(name: str, pretrained: bool) -> torch.nn.Module:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", out_of_reach)
    with pytest.raises(UserError, match="--backbone tf_efficientnet_lite0"):
        load_start_weights(network, timm_model("resnet18"), "imagenet", LABELS)
    with pytest.raises(UserError, match="trains from scratch"):
        load_start_weights(build_recogniser(signs_model(), 3), signs_model(), "imagenet", LABELS)


def test_stages_hold_every_parameter_once_from_the_picture_on() -> None:
    for model, number in (
        (timm_model("resnet18"), 5),
        (timm_model("tf_efficientnet_lite0"), 8),
        (signs_model(), 4),
    ):
        backbone = build_recogniser(model, 3).backbone
        stages = backbone.stages()
        assert len(stages) == number
        found = [
            parameter
            for modules in stages
            for module in modules
            for parameter in module.parameters()
        ]
        assert len(found) == len(set(found)) == len(list(backbone.parameters()))
        assert backbone.first_convs()[0].weight in set(stages[0][0].parameters())


def test_the_signs_network_is_the_courses() -> None:
    """Parameters of CS230's net.py with 32 channels, less its last layer: counted from its
    definition.
    """
    backbone = build_recogniser(signs_model(), 6).backbone
    convolutions = (3 * 9 + 1) * 32 + (32 * 9 + 1) * 64 + (64 * 9 + 1) * 128
    norms, hidden = 2 * (32 + 64 + 128 + 128), (8 * 8 * 128 + 1) * 128
    assert (
        sum(parameter.numel() for parameter in backbone.parameters())
        == convolutions + norms + hidden
    )
    features, masks = backbone.eval()(torch.randn(2, 3, 1, 64, 64))
    assert features.shape == (2, 128, 1, 1, 1) and masks == []
    assert backbone(torch.randn(2, 3, 1, 96, 96))[0].shape == (2, 128, 1, 1, 1)


def test_cost_is_that_of_the_convolutions() -> None:
    counted = count(build_recogniser(timm_model("resnet18"), 5), (3, 1, 224, 224))
    assert counted.complexity_gflops == pytest.approx(
        2 * 1.82, rel=0.02
    )  # 1.8 G multiply-adds: He et al., arXiv 1512.03385, table 1
    assert counted.size_mp == pytest.approx(11.18, rel=0.01)


def test_pixel_statistics_are_those_of_the_start_weights() -> None:
    assert pixel_statistics("tf_efficientnet_lite0") == ([127.5] * 3, [127.5] * 3)
    assert pixel_statistics("resnet18") == ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])


EVERY_BUILD = {
    "mobilenetv3_small_050": (288, 1),
    "mobilenetv4_conv_small_035": (336, 1),
    "ghostnet_050": (480, 1),
    "hgnetv2_b0": (1024, 1),
    "efficientvit_b0": (128, 1),
    "efficientvit_m0": (192, 1),
    "mobileone_s0": (1024, 2),
}


@pytest.mark.parametrize(("name", "numbers"), EVERY_BUILD.items())
def test_every_parameter_of_a_network_of_timm_learns(name: str, numbers: tuple[int, int]) -> None:
    network = build_recogniser(timm_model(name), 3)
    backbone = network.backbone
    assert (backbone.num_features, len(backbone.first_convs())) == numbers

    # None is left of layers behind the pooling, and none is missing in the stages.
    network(torch.randn(4, 3, 1, 32, 32)).pow(2).sum().backward()
    assert [key for key, value in network.named_parameters() if value.grad is None] == []
    modules = [module for stage in backbone.stages() for module in stage]
    assert {item for module in modules for item in module.parameters()} == set(
        backbone.parameters()
    )


def test_what_is_exported_has_its_branches_merged() -> None:
    """MobileOne adds up convolutions and normalisations in training alone."""
    torch.manual_seed(0)
    network = build_recogniser(timm_model("mobileone_s0"), 3, conv_form="conv3d").eval()
    pictures = torch.randn(1, 3, 1, 64, 64)
    with torch.no_grad():
        expected = network.features(pictures)
        metadata = SimpleNamespace(landmarks=None, normalization="external", color_order="RGB")
        deployed = DeployNetwork(network, metadata).recogniser  # type: ignore[arg-type]
        torch.testing.assert_close(deployed.features(pictures), expected, atol=1e-4, rtol=1e-3)
    assert not any(isinstance(item, nn.BatchNorm2d) for item in deployed.backbone.modules())


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY_BUILD)
def test_every_network_of_timm_exports_with_its_colours_in_the_other_order(name: str) -> None:
    torch.manual_seed(0)
    network = build_recogniser(timm_model(name), 3, conv_form="conv3d").eval()
    pictures = torch.randn(1, 3, 1, 64, 64)
    with torch.no_grad():
        expected = network(pictures)

    reverse_input_channels(network)
    network.backbone.merge_branches()
    graph = checked_graph(network, (pictures,), ["input"], ["output"])
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    (found,) = session.run(None, {"input": pictures.flip(1).numpy()})
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-4)
