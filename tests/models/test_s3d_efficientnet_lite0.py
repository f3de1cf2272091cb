"""EfficientNet-Lite0 over time: in each frame timm's network, over time what model.yaml says,
exported as it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.checkpoint import (
    NETWORK_PREFIX,
    TRAINED_MODEL_KEY,
    TrainedModel,
    describe_training,
)
from action_recognition.deploy.backends import load_backend
from action_recognition.errors import UserError
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.models.build import build_recogniser
from action_recognition.models.complexity import count
from action_recognition.models.convolutions import FactoredConv3d, TFSameConv3d
from action_recognition.models.pretrained import packaged_lite0_file
from action_recognition.models.recogniser import Normalize, Recogniser
from action_recognition.models.weights import load_start_weights
from action_recognition.template import (
    EfficientNetLite0Backbone,
    Head,
    S3DEfficientNetLite0Config,
    TimmBackbone,
    load_template_dir,
)
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "model_templates/gesture_recognition/s3d-rgb-efficientnet-lite0-stream"
TEMPLATE, MODEL = load_template_dir(FOLDER)
SIZE = 70  # halves to 35, 18, 9, 5, 3: even and odd sizes, so every padding


def config(kernel_sizes: list[int], strided: tuple[int, ...] = ()) -> S3DEfficientNetLite0Config:
    strides = [2 if i in strided else 1 for i in range(16)]
    backbone = EfficientNetLite0Backbone.model_validate(
        {"temporal_kernel_size": kernel_sizes, "temporal_stride": strides}
    )
    return S3DEfficientNetLite0Config(
        type="s3d_efficientnet_lite0", backbone=backbone, head=Head(embedding_size=8)
    )


def from_imagenet(model: S3DEfficientNetLite0Config, form: str = "folded") -> Recogniser:
    network = build_recogniser(model, 3, form)
    load_start_weights(network, model, "imagenet", ["a", "b", "c"])
    return network.double().eval()


@pytest.fixture(scope="module")
def image_network() -> nn.Module:
    """timm's network with the package's tensors put in place one by one, in order."""
    file = packaged_lite0_file()
    assert file is not None
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    tensors = [
        value
        for name, value in torch.load(file, weights_only=True).items()
        if not name.endswith("num_batches_tracked")
    ]
    names = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
    assert len(names) == len(tensors) == 247
    assert (
        network.load_state_dict(
            dict(zip(names, tensors, strict=True)), strict=False
        ).unexpected_keys
        == []
    )
    return network.double()


def clips(length: int, size: int = SIZE) -> Tensor:
    """In double precision, so that what differs is the function and not its rounding."""
    return (
        torch.rand(
            2, 3, length, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.double
        )
        * 2
        - 1
    )


@pytest.mark.parametrize("form", ["folded", "conv3d"])
@pytest.mark.parametrize("size", [SIZE, 64])
@torch.no_grad()
def test_a_still_clip_gives_the_2d_networks_features(
    image_network: nn.Module, form: str, size: int
) -> None:
    model = config([5, 3, 3, 3] * 4, strided=(1, 5, 8))
    still = clips(1, size).expand(-1, -1, 9, -1, -1)
    expected = image_network.forward_features(still[:, :, 0])
    features, masks = from_imagenet(model, form).backbone(still)
    assert masks == []
    assert features.shape[:3] == (2, 1280, 1)
    torch.testing.assert_close(features, expected.unsqueeze(2), atol=1e-10, rtol=1e-10)


@torch.no_grad()
def test_at_the_start_each_frame_has_the_2d_networks_features(image_network: nn.Module) -> None:
    moving = clips(3)
    expected = torch.stack([image_network.forward_features(frame) for frame in moving.unbind(2)], 2)
    features, _ = from_imagenet(config([3] * 16)).backbone(moving)
    torch.testing.assert_close(features, expected, atol=1e-10, rtol=1e-10)


def test_projections_look_over_time_once_they_learn() -> None:
    network = from_imagenet(MODEL)
    moving = clips(8, 32)
    before = network.features(moving)
    before.square().sum().backward()
    for index, block in enumerate(network.backbone.blocks):
        kernel = block.project.conv.weight
        assert kernel.shape[2] == MODEL.backbone.temporal_kernel_size[index]
        if kernel.shape[2] == 3:
            assert kernel.grad[:, :, 0].abs().max() > 0
            assert kernel.grad[:, :, 2].abs().max() > 0


def test_the_template_looks_over_time_where_channels_grow_and_keeps_every_frame() -> None:
    backbone = build_recogniser(MODEL, 3).eval().backbone
    over_time = [
        i for i, block in enumerate(backbone.blocks) if block.project.conv.kernel_size[0] > 1
    ]
    assert over_time == [5, 8, 11, 15]
    with torch.no_grad():
        assert [backbone(torch.zeros(1, 3, length, 32, 32))[0].shape[2] for length in (4, 1)] == [
            4,
            1,
        ]


def test_time_is_halved_where_the_stride_is_two_and_a_single_frame_passes() -> None:
    backbone = build_recogniser(config([1] * 16, strided=(5,)), 3).eval().backbone
    for length, left in ((8, 4), (5, 2), (2, 1), (1, 1)):
        with torch.no_grad():
            assert backbone(torch.zeros(1, 3, length, 32, 32))[0].shape[2] == left


def test_a_temporal_stride_takes_away_the_residual_sum() -> None:
    strided, plain = (
        build_recogniser(config([1] * 16, strided=(6,)), 3),
        build_recogniser(config([1] * 16), 3),
    )
    assert not strided.backbone.blocks[6].has_residual
    assert [i for i, block in enumerate(plain.backbone.blocks) if block.has_residual] == [
        2,
        4,
        6,
        7,
        9,
        10,
        12,
        13,
        14,
    ]


def test_stages_hold_every_parameter_once_in_order() -> None:
    backbone = build_recogniser(MODEL, 3).backbone
    stages = backbone.stages()
    assert len(stages) == 18
    assert (
        stages[0] == [backbone.stem]
        and stages[6] == [backbone.blocks[5]]
        and stages[-1] == [backbone.last]
    )
    held = [parameter for stage in stages for module in stage for parameter in module.parameters()]
    assert [id(p) for p in held] == [id(p) for p in backbone.parameters()]


@pytest.mark.parametrize(("kernel_size", "size"), [(3, 8), (3, 7), (5, 8), (5, 7), (5, 1)])
def test_tensorflow_padding(kernel_size: int, size: int) -> None:
    """Against the definition: output i looks at i * 2 - before and what follows, before = total //
    2.
    """
    conv = TFSameConv3d(2, 2, kernel_size, stride=2, groups=2, form="folded")
    x = torch.randn(1, 2, 3, size, size)
    total = max((-(-size // 2) - 1) * 2 + kernel_size - size, 0)
    wide = torch.zeros(1, 2, 3, size + total, size + total)
    wide[..., total // 2 : total // 2 + size, total // 2 : total // 2 + size] = x
    expected = F.conv3d(wide, conv.weight, stride=(1, 2, 2), groups=2)
    torch.testing.assert_close(conv(x), expected)
    assert conv(x).shape[-1] == -(-size // 2)


def test_both_forms_have_the_same_gradients() -> None:
    state = from_imagenet(MODEL).state_dict()
    gradients = []
    for form in ("folded", "conv3d"):
        network = build_recogniser(MODEL, 3, form).double()
        network.load_state_dict(state)
        # One pixel is left in the end: no statistics of a batch to speak of.
        network.backbone.eval()
        (network(clips(4, 32)) * torch.arange(6.0).view(2, 3)).sum().backward()
        gradients.append({name: parameter.grad for name, parameter in network.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-6, atol=1e-8, msg=name)


def test_fresh_weights_keep_the_size_of_the_signal() -> None:
    torch.manual_seed(0)
    network = build_recogniser(MODEL, 3).eval()
    for module in network.backbone.modules():
        if isinstance(module, FactoredConv3d):
            fan = module.weight[0].numel() * module.out_channels // module.in_channels
            assert module.weight.std().item() == pytest.approx((2 / fan) ** 0.5, rel=0.15)


def test_size_and_complexity_count_every_multiplication() -> None:
    """The 2-D network at one frame: timm's parameters less its classifier, and the multiply-adds of
    its convolutions.
    """
    image = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    flops = 0

    def add(module: nn.Conv2d, _: object, out: Tensor) -> None:
        nonlocal flops
        flops += 2 * out.numel() * module.weight[0].numel()

    for module in image.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(add)
    with torch.no_grad():
        image(torch.zeros(1, 3, 64, 64))
    counted = count(build_recogniser(config([1] * 16), 3), (3, 1, 64, 64))
    norms = sum(
        module.num_features for module in image.modules() if isinstance(module, nn.BatchNorm2d)
    )
    in_image = sum(
        p.numel() for name, p in image.named_parameters() if not name.startswith("classifier")
    )
    assert counted.num_parameters == in_image - norms + 1280 * 8 + 8 + 8 * 3
    assert (
        flops < counted.flops < 1.1 * flops
    )  # activations, sums, pooling and the head are a few percent


def test_the_templates_figures_are_counted(repository: Path) -> None:
    counted = count(build_recogniser(MODEL, 17), TEMPLATE.input.clip_shape)
    figures = {metric.key: metric.value for metric in TEMPLATE.metrics}
    assert figures == {"complexity": counted.complexity_gflops, "size": counted.size_mp}


def test_every_format_computes_the_same(tmp_path: Path) -> None:
    template = TEMPLATE.model_copy(
        update={"input": TEMPLATE.input.model_copy(update={"clip_len": 4, "crop_size": 38})}
    )
    network = from_imagenet(MODEL).float()
    trained = TrainedModel(network.state_dict(), ("a", "b", "c"), template, MODEL, {}, "ab" * 32)
    export_model(trained, tmp_path, ExportOptions(check_clips=1, command=""), say=lambda _: None)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 38, 38), dtype=np.uint8)
    with torch.no_grad():
        expected = network(Normalize([127.5] * 3, [127.5] * 3)(torch.from_numpy(pixels))).numpy()
    assert np.ptp(expected, axis=0).max() > 0.01  # the clips differ, so equal scores mean something
    for name in ("model.xml", "model.onnx"):
        np.testing.assert_allclose(
            load_backend(tmp_path / name).scores(pixels), expected, atol=1e-5, rtol=0, err_msg=name
        )


def model_of_photos(folder: Path, backbone: str) -> tuple[Path, Recogniser]:
    """A checkpoint of a model of photos, every tensor off its start value, whose own start weights
    state a licence.
    """
    template, image_model = load_template_dir(
        REPOSITORY / "model_templates/image_gesture/lite0-fingers-5"
    )
    image_model = image_model.model_copy(update={"backbone": TimmBackbone(name=backbone)})
    torch.manual_seed(3)
    photos = build_recogniser(image_model, 5).eval()
    with torch.no_grad():
        for name, value in photos.state_dict().items():
            if value.is_floating_point():
                value.mul_(1 + 0.1 * torch.rand_like(value)).add_(
                    0.01 if name.endswith("bias") else 0.0
                )
    record = {"start_weights": {"licence": "Apache-2.0"}}
    state_dict = {f"{NETWORK_PREFIX}{name}": value for name, value in photos.state_dict().items()}
    description = describe_training(template.labels, template, image_model, record)
    torch.save(
        {"state_dict": state_dict, TRAINED_MODEL_KEY: description}, folder / f"{backbone}.pth"
    )
    return folder / f"{backbone}.pth", photos


@torch.no_grad()
def test_a_model_of_photos_is_a_start(tmp_path: Path) -> None:
    file, photos = model_of_photos(tmp_path, "tf_efficientnet_lite0")
    network = build_recogniser(MODEL, 5)
    report = load_start_weights(network, MODEL, file, TEMPLATE.labels)
    still = clips(1)
    expected = photos.double().backbone(still)[0]
    features, _ = network.double().eval().backbone(still.expand(-1, -1, 4, -1, -1))
    torch.testing.assert_close(features, expected.expand(-1, -1, 4, -1, -1), atol=1e-9, rtol=1e-9)
    assert all(
        name.startswith("head.") or name.endswith("num_batches_tracked") for name in report.fresh
    )
    assert report.licence == "Apache-2.0 (of the weights that it started from)"
    causal_template = (
        REPOSITORY / "model_templates/gesture_recognition/causal-efficientnet-lite0-stream"
    )
    _, causal = load_template_dir(causal_template)
    at_a_time = build_recogniser(causal, 5)
    load_start_weights(at_a_time, causal, file, ["a"] * 5)
    features, _ = at_a_time.double().eval().backbone(still.expand(-1, -1, 4, -1, -1))
    torch.testing.assert_close(features[:, :, -1:], expected, atol=1e-9, rtol=1e-9)


def test_a_model_of_photos_with_another_network_is_refused(tmp_path: Path) -> None:
    file, _ = model_of_photos(tmp_path, "resnet18")
    with pytest.raises(UserError) as error:
        load_start_weights(build_recogniser(MODEL, 5), MODEL, file, TEMPLATE.labels)
    assert "holds weights of image_timm" in str(error.value)
