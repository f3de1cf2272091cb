"""One whole training step of both models from the public checkpoints, with the oracle's randomness
pinned.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from action_recognition.models import attention
from action_recognition.models.build import build_recogniser
from action_recognition.models.convolutions import ConvForm
from action_recognition.models.recogniser import Normalize, Recogniser
from action_recognition.models.tensor_names.original import original_names
from action_recognition.models.weights import load_for_inference
from action_recognition.schedules import am_softmax_scale
from action_recognition.template import load_template_dir
from action_recognition.training.step.recipe import Recipe
from tests.conftest import template_dir

OUR_NAMES = {
    "loss/att": "attention",
    "loss/cls0": "am_softmax",
    "loss/lpush0": "local_push",
    "loss/cpush0": "centre_push",
}
OUR_NAMES["loss/clip_mix0"] = "clip_mixing"


# Self-challenging hides whichever features lie above a quantile, so an ulp can hide another one:
# the oracle's own form is compared in single precision, and the folded form in double, where both
# choose alike.
# The oracle's own gradients carry the rounding of single precision: up to 0.8 % of the norm of a
# small bias, against double.
@pytest.mark.parametrize(
    ("variant", "form", "dtype", "mode", "tolerance"),
    [
        ("msasl", "conv3d", torch.float32, "unfrozen", 3e-3),
        ("msasl", "folded", torch.float32, "frozen", 1e-3),
        ("msasl", "folded", torch.float64, "unfrozen", 1e-2),
        ("jester", "conv3d", torch.float32, "unfrozen", 3e-3),
        ("jester", "folded", torch.float32, "frozen", 1e-3),
    ],
)
def test_a_whole_step_equals_the_originals(
    variant: str,
    form: ConvForm,
    dtype: torch.dtype,
    mode: str,
    tolerance: float,
    reference: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = json.loads((reference / f"{variant}_train_step.json").read_text())
    with np.load(reference / f"{variant}_train_step.npz") as file:
        arrays = {name: file[name] for name in file.files}
    expected: dict[str, Any] = stored["modes"][mode]
    template, model = load_template_dir(template_dir(variant))
    network = public_network(variant, form, reference).to(dtype)
    monkeypatch.setattr(
        attention.torch, "rand_like", lambda x: torch.full_like(x, 0.5)
    )  # Gumbel noise cancels
    network.train()
    if mode == "frozen":
        network.backbone.requires_grad_(False).eval()
    scale = am_softmax_scale(
        stored["scheduler_iter"], stored["iters_per_epoch"], template.training.loss
    )
    assert scale == pytest.approx(expected["losses"]["scale/cls0"], rel=1e-6)
    normalize = Normalize(template.input.mean_values, template.input.scale_values).to(dtype)
    clips = normalize(torch.from_numpy(arrays["input_uint8_rgb"]))
    labels, unchanged = (
        torch.from_numpy(arrays["labels"]).flatten(),
        torch.from_numpy(arrays["unchanged_mask"]),
    )

    losses = Recipe(template.training, model.backbone)(
        network, clips, labels, scale=scale, unchanged=unchanged
    )
    assert set(losses) == {OUR_NAMES[name] for name in expected["losses"] if name in OUR_NAMES}
    for theirs, ours in OUR_NAMES.items():
        if theirs in expected["losses"]:
            assert losses[ours].item() == pytest.approx(expected["losses"][theirs], rel=1e-4), ours
    total = torch.stack(list(losses.values())).sum()
    assert total.item() == pytest.approx(expected["losses"]["loss"], rel=1e-4)

    total.backward()
    parameters = dict(network.named_parameters())
    names = original_names(model)
    for theirs, norm in expected["grad_l2"].items():
        gradient = parameters[names[theirs]].grad
        if norm is None:
            assert gradient is None, theirs
            continue
        assert gradient is not None, theirs
        assert gradient.norm().item() == pytest.approx(norm, rel=tolerance, abs=1e-5), theirs
    compare_gradients(arrays, mode, parameters, names, tolerance)
    trainable = [parameter for parameter in network.parameters() if parameter.grad is not None]
    norm = torch.nn.utils.clip_grad_norm_(trainable, stored["clip"])
    assert norm.item() == pytest.approx(expected["grad_norm_total_before_clip"], rel=1e-3)
    torch.optim.SGD(
        trainable, lr=stored["lr"], momentum=stored["momentum"], weight_decay=stored["weight_decay"]
    ).step()

    state = network.state_dict()
    for theirs, norm in expected["post_step_l2"].items():
        if theirs in names:
            assert state[names[theirs]].double().norm().item() == pytest.approx(
                norm, rel=1e-4, abs=1e-6
            ), theirs
    for key, value in arrays.items():
        if key.startswith(f"{mode}/after/"):
            ours = state[names[key.removeprefix(f"{mode}/after/")]].numpy()
            np.testing.assert_allclose(ours, value, rtol=1e-4, atol=1e-5, err_msg=key)


def compare_gradients(
    arrays: dict[str, np.ndarray],
    mode: str,
    parameters: dict[str, torch.nn.Parameter],
    names: dict[str, str],
    tolerance: float,
) -> None:
    compared = 0
    for key, value in arrays.items():
        if key.startswith(f"{mode}/grad/"):
            gradient = parameters[names[key.removeprefix(f"{mode}/grad/")]].grad
            assert gradient is not None, key
            error = float(np.linalg.norm(gradient.numpy().reshape(value.shape) - value))
            # Where a batch norm follows at once, a bias has no gradient but rounding.
            assert error <= 3.0 * tolerance * float(np.linalg.norm(value)) + 1e-6, key
            compared += 1
    assert compared >= 3


def public_network(variant: str, form: ConvForm, reference: Path) -> Recogniser:
    """The public weights, without dropout as in the oracle's run."""
    template, model = load_template_dir(template_dir(variant))
    trained = load_for_inference(reference / f"{variant}_public.pth", template, model)
    plain = model.model_copy(
        update={"backbone": model.backbone.model_copy(update={"gaussian_dropout": None})}
    )
    network = build_recogniser(plain, len(trained.labels), form)
    network.load_state_dict(trained.state_dict)
    return network
