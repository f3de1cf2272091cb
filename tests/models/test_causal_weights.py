"""Start weights of a causal network: kernels around the present become kernels that end with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from action_recognition.checkpoint import TRAINED_MODEL_KEY, describe_training
from action_recognition.errors import UserError
from action_recognition.models.build import build_recogniser
from action_recognition.models.causal import causal_kernel
from action_recognition.models.weights import load_for_inference, load_start_weights
from action_recognition.template import MODEL_CONFIG, ModelConfig, load_template_dir
from tests.models.test_causal import lite0, mobilenet
from tests.tiny import tiny_template

LABELS = ["a", "b", "c"]


def kernel(*taps: float) -> Tensor:
    return torch.tensor(taps).view(1, 1, -1, 1, 1)


@pytest.mark.parametrize(
    ("taps", "num_taps", "expected"),
    [
        ((1, 2, 4), 3, [0, 1, 6]),
        ((1, 2, 4, 8, 16), 5, [0, 0, 1, 2, 28]),
        ((1, 2, 4, 8, 16), 3, [1, 2, 28]),
        ((1, 2, 4, 8, 16), 1, [31]),
        ((1, 2, 4), 5, [0, 0, 0, 1, 6]),
        ((7,), 1, [7]),
        ((7,), 3, [0, 0, 7]),
    ],
)
def test_future_taps_go_to_the_present_and_surplus_ones_to_the_oldest(
    taps: tuple[float, ...], num_taps: int, expected: list[int]
) -> None:
    assert causal_kernel(kernel(*taps), num_taps).flatten().tolist() == expected


def as_clip_model(model: ModelConfig) -> ModelConfig:
    document = model.model_dump()
    document["type"] = document["type"].removeprefix("causal_")
    del document["running_pool"]
    return MODEL_CONFIG.validate_python(document)


def checkpoint(path: Path, model: ModelConfig) -> dict[str, Tensor]:
    """A checkpoint of ours of a network with random weights; its state_dict."""
    torch.manual_seed(1)
    template, _ = load_template_dir(tiny_template(path.parent / "template").parent)
    state = build_recogniser(model, len(LABELS)).state_dict()
    description = describe_training(LABELS, template, model, {})
    torch.save(
        {
            "state_dict": {f"network.{name}": value for name, value in state.items()},
            TRAINED_MODEL_KEY: description,
        },
        path,
    )
    return state


def test_a_clip_models_checkpoint_starts_a_causal_one(tmp_path: Path) -> None:
    theirs = checkpoint(tmp_path / "clip.pth", as_clip_model(mobilenet()))
    network = build_recogniser(mobilenet(), len(LABELS))
    report = load_start_weights(network, mobilenet(), tmp_path / "clip.pth", LABELS)
    assert not [name for name in report.fresh if not name.endswith("num_batches_tracked")]
    ours = network.state_dict()
    name = "backbone.blocks.0.project.conv.weight"
    torch.testing.assert_close(ours[name][:, :, 4], theirs[name][:, :, 2:].sum(2))
    torch.testing.assert_close(ours[name][:, :, 2:4], theirs[name][:, :, :2])
    assert not ours[name][:, :, :2].any()
    assert torch.equal(
        ours["backbone.blocks.1.expand.conv.weight"], theirs["backbone.blocks.1.expand.conv.weight"]
    )


def test_labels_that_are_added_keep_what_the_head_knows(tmp_path: Path) -> None:
    theirs = checkpoint(tmp_path / "clip.pth", as_clip_model(mobilenet()))
    labels = ["rest", *reversed(LABELS)]
    network = build_recogniser(mobilenet(), len(labels))
    fresh = network.state_dict()["head.class_directions"].clone()
    report = load_start_weights(network, mobilenet(), tmp_path / "clip.pth", labels)
    ours = network.state_dict()
    assert torch.equal(ours["head.project.weight"], theirs["head.project.weight"])
    for place, label in enumerate(LABELS):
        assert torch.equal(
            ours["head.class_directions"][:, labels.index(label)],
            theirs["head.class_directions"][:, place],
        )
    assert torch.equal(ours["head.class_directions"][:, 0], fresh[:, 0])
    assert set(report.loaded) | set(report.fresh) == set(ours) and not set(report.loaded) & set(
        report.fresh
    )


def test_a_still_clip_has_the_clip_models_features_far_from_its_ends(tmp_path: Path) -> None:
    """Without temporal attention and strides, which change what a still clip gives."""
    model = mobilenet(attention=["spatial", "none", "none"])
    theirs = checkpoint(tmp_path / "clip.pth", as_clip_model(model))
    causal, clip_model = (
        build_recogniser(kind, len(LABELS)).double().eval()
        for kind in (model, as_clip_model(model))
    )
    clip_model.load_state_dict(theirs)
    load_start_weights(causal, model, tmp_path / "clip.pth", LABELS)
    still = torch.rand(
        1, 3, 1, 32, 32, dtype=torch.double, generator=torch.Generator().manual_seed(0)
    ).expand(-1, -1, 64, -1, -1)
    with torch.no_grad():
        expected, _ = clip_model.backbone(still)
        got, _ = causal.backbone(still)
    torch.testing.assert_close(got[:, :, -1], expected[:, :, 8])


def test_a_causal_checkpoint_is_taken_as_it_is_and_starts_no_clip_model(tmp_path: Path) -> None:
    theirs = checkpoint(tmp_path / "causal.pth", mobilenet())
    network = build_recogniser(mobilenet(), len(LABELS))
    load_start_weights(network, mobilenet(), tmp_path / "causal.pth", LABELS)
    name = "backbone.blocks.0.project.conv.weight"
    assert torch.equal(network.state_dict()[name], theirs[name])
    clip_model = as_clip_model(mobilenet())
    with pytest.raises(UserError, match="holds weights of causal_s3d_mobilenet_v3"):
        load_start_weights(
            build_recogniser(clip_model, 3), clip_model, tmp_path / "causal.pth", LABELS
        )


def test_imagenet_weights_are_the_present_frames_tap() -> None:
    network = build_recogniser(lite0(), len(LABELS))
    load_start_weights(network, lite0(), "imagenet", LABELS)
    for index, taps in ((5, 3), (8, 5)):
        weight = network.state_dict()[f"backbone.blocks.{index}.project.conv.weight"]
        assert weight.shape[2] == taps
        assert not weight[:, :, :-1].any() and weight[:, :, -1].abs().max() > 0


def test_an_originals_weights_are_no_causal_network_without_training(
    reference: Path, tmp_path: Path
) -> None:
    template, _ = load_template_dir(tiny_template(tmp_path).parent)
    with pytest.raises(UserError, match=r"sees later frames.*train\.py --load-weights"):
        load_for_inference(reference / "jester_public.pth", template, mobilenet())
