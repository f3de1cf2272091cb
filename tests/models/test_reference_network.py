"""The network and its weights against the original's stored inputs and outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from action_recognition.checkpoint import TrainedModel
from action_recognition.models.build import build_recogniser
from action_recognition.models.complexity import count
from action_recognition.models.recogniser import Normalize, Recogniser
from action_recognition.models.tensor_names.original import original_names
from action_recognition.models.weights import load_for_inference
from action_recognition.template import load_template_dir
from tests.conftest import template_dir

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def trained(variant: str, reference: Path) -> TrainedModel:
    template, model = load_template_dir(template_dir(variant))
    return load_for_inference(reference / f"{variant}_public.pth", template, model)


@pytest.fixture(scope="module", params=["folded", "conv3d"])
def network(trained: TrainedModel, request: pytest.FixtureRequest) -> Recogniser:
    network = build_recogniser(trained.model, len(trained.labels), request.param)
    network.load_state_dict(trained.state_dict)
    return network.eval()


@pytest.fixture(scope="module")
def stored(variant: str, reference: Path) -> dict[str, np.ndarray]:
    with np.load(reference / f"{variant}_public_io.npz") as file:
        return {name: file[name] for name in file.files}


@torch.no_grad()
def test_logits_equal_the_originals(network: Recogniser, stored: dict[str, np.ndarray]) -> None:
    clip = torch.from_numpy(stored["input"])
    batch = torch.cat([clip, clip.flip(2), clip.flip(4), torch.zeros_like(clip)])
    np.testing.assert_allclose(network(clip).numpy(), stored["logits"], atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(
        network(batch).numpy(),
        stored["logits_batch4_x_timeflip_hflip_zeros"],
        atol=TOLERANCE,
        rtol=0,
    )


@torch.no_grad()
def test_normalisation_of_pixels_gives_the_originals_input(
    trained: TrainedModel, stored: dict[str, np.ndarray]
) -> None:
    normalize = Normalize(trained.template.input.mean_values, trained.template.input.scale_values)
    np.testing.assert_allclose(
        normalize(torch.from_numpy(stored["input_uint8_rgb"])).numpy(),
        stored["input"],
        atol=1e-5,
        rtol=0,
    )


@torch.no_grad()
def test_every_stage_equals_the_originals(
    network: Recogniser, stored: dict[str, np.ndarray]
) -> None:
    outputs: dict[str, torch.Tensor] = {}
    named = {
        "features_0": network.backbone.stem,
        "backbone_last": network.backbone.last,
        "reduced": network.pool,
    }
    named |= {f"features_{i + 1}": block for i, block in enumerate(network.backbone.blocks)}
    named |= {
        f"attention_st_att_{int(i) + 1}": module
        for i, module in network.backbone.attentions.items()
    }
    for name, module in named.items():
        module.register_forward_hook(
            lambda _m, _i, out, name=name: outputs.__setitem__(
                name, out[0] if isinstance(out, tuple) else out
            )
        )
    embedding = network.embed(torch.from_numpy(stored["input"]))
    probed = [name.removesuffix("_out_probe") for name in stored if name.endswith("_out_probe")]
    assert len(probed) == 18
    for name in probed:
        ours = outputs[name].contiguous().numpy()
        assert list(ours.shape) == stored[f"{name}_out_shape"].tolist(), name
        probe = ours.reshape(-1)[stored[f"{name}_out_probe_idx"]]
        np.testing.assert_allclose(
            probe, stored[f"{name}_out_probe"], atol=1e-4, rtol=1e-4, err_msg=name
        )
        statistics = [ours.mean(), ours.std(), ours.min(), ours.max()]
        np.testing.assert_allclose(
            statistics, stored[f"{name}_out_stats"], atol=1e-4, rtol=1e-4, err_msg=name
        )
    np.testing.assert_allclose(
        outputs["backbone_last"].numpy(), stored["backbone_last"], atol=1e-4, rtol=1e-4
    )
    np.testing.assert_allclose(
        outputs["reduced"].numpy(), stored["reduced"][:, :, 0, 0, 0], atol=1e-5, rtol=1e-5
    )
    np.testing.assert_allclose(embedding.numpy(), stored["embedding_norm"], atol=TOLERANCE, rtol=0)


def test_names_and_shapes_cover_the_originals_state(
    variant: str, reference: Path, trained: TrainedModel
) -> None:
    listed = json.loads((reference / f"{variant}_state_dict.json").read_text())
    names = original_names(trained.model)
    network_state = build_recogniser(trained.model, len(trained.labels)).state_dict()
    derived = {
        key
        for key in (entry["key"] for entry in listed["keys"])
        if "tv_loss" in key or "reg_mask" in key
    }
    assert set(names) == {entry["key"] for entry in listed["keys"]} - derived
    assert set(names.values()) == set(network_state)
    for entry in listed["keys"]:
        if entry["key"] not in derived:
            assert network_state[names[entry["key"]]].numel() == int(np.prod(entry["shape"])), (
                entry["key"]
            )


def test_size_and_complexity_are_the_published_digits(
    variant: str, reference: Path, trained: TrainedModel
) -> None:
    expected = json.loads((reference / "complexity.json").read_text())[variant]
    network = build_recogniser(trained.model, expected["classes"])
    assert (
        sum(parameter.numel() for parameter in network.parameters()) == expected["params_pytorch"]
    )
    counted = count(network, tuple(expected["input"][1:]))
    assert counted.num_parameters == expected["params_bn_folded"]
    assert counted.flops == expected["model_analyzer_legacy_flops"]
    assert counted.size_mp == pytest.approx(expected["published_Mp"], abs=5e-4)
    published_digits = len(str(expected["published_gflops"]).split(".")[1])
    assert round(counted.complexity_gflops, published_digits) == expected["published_gflops"]
