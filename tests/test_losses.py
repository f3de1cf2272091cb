"""Losses against the original's stored values and gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from action_recognition.losses import AMSoftmaxLoss, pr_product
from action_recognition.schedules import am_softmax_scale
from action_recognition.template import Template, load_template
from tests.conftest import template_dir


@pytest.fixture(scope="module")
def template(variant: str) -> Template:
    return load_template(template_dir(variant) / "template.yaml")


@pytest.fixture(scope="module")
def loss(template: Template) -> AMSoftmaxLoss:
    config = template.training.loss
    return AMSoftmaxLoss(
        margin=config.margin,
        entropy_weight=config.entropy_weight,
        use_pr_product=config.pr_product,
        hard_sample_weight=config.hard_sample_weight,
    )


@pytest.fixture(scope="module")
def stored(variant: str, reference: Path) -> dict[str, np.ndarray]:
    with np.load(reference / f"loss_amsoftmax_{variant}.npz") as file:
        return {name: file[name] for name in file.files}


def test_value_and_gradient_equal_the_originals_over_the_schedule(
    loss: AMSoftmaxLoss, template: Template, stored: dict[str, np.ndarray]
) -> None:
    labels = torch.from_numpy(stored["labels"])
    for i, step in enumerate(stored["steps"]):
        scale = am_softmax_scale(int(step), int(stored["iters_per_epoch"]), template.training.loss)
        assert scale == pytest.approx(float(stored["scale"][i]), rel=1e-12)
        cosine = torch.from_numpy(stored["cos_theta"]).requires_grad_()
        value = loss(cosine, labels, scale=scale)
        value.backward()
        assert value.item() == pytest.approx(float(stored["loss"][i]), abs=2e-6)
        np.testing.assert_allclose(cosine.grad.numpy(), stored["grad_cos"][i], atol=5e-5)
        per_sample = loss.per_sample(cosine, labels, scale=scale).detach().numpy()
        np.testing.assert_allclose(per_sample, stored["per_sample_before_filter"][i], atol=5e-6, rtol=1e-5)


@pytest.mark.parametrize("case", ["easy", "filter_mixed", "filter_allzero"])
def test_samples_that_cost_nothing_are_left_out(case: str, loss: AMSoftmaxLoss, stored: dict[str, np.ndarray]) -> None:
    cosine = torch.from_numpy(stored[f"{case}_cos"]).requires_grad_()
    value = loss(cosine, torch.from_numpy(stored[f"{case}_labels"]), scale=5.0 if case == "easy" else 30.0)
    value.backward()
    expected = stored["easy_loss_scale5" if case == "easy" else f"{case}_loss"]
    assert value.item() == pytest.approx(float(expected), abs=2e-6)
    np.testing.assert_allclose(cosine.grad.numpy(), stored[f"{case}_grad"], atol=5e-5)


def test_negative_labels_are_left_out(loss: AMSoftmaxLoss, stored: dict[str, np.ndarray]) -> None:
    cosine, labels = torch.from_numpy(stored["cos_theta"]), torch.from_numpy(stored["labels"])
    with_negatives = loss(torch.cat([cosine, cosine[:3]]), torch.cat([labels, torch.full((3,), -1)]), scale=20.0)
    assert with_negatives.item() == pytest.approx(loss(cosine, labels, scale=20.0).item(), rel=1e-6)


def test_a_batch_without_any_label_costs_nothing_and_still_has_a_gradient(loss: AMSoftmaxLoss) -> None:
    cosine = torch.zeros(2, 5, requires_grad=True)
    value = loss(cosine, torch.tensor([-1, -1]), scale=30.0)
    value.backward()
    assert value.item() == 0.0
    assert torch.equal(cosine.grad, torch.zeros(2, 5))


def test_pr_product_keeps_the_value_and_scales_the_gradient() -> None:
    cosine = torch.tensor([0.0, 0.6, -0.8], requires_grad=True)
    out = pr_product(cosine)
    out.sum().backward()
    assert torch.equal(out, cosine)
    np.testing.assert_allclose(cosine.grad.numpy(), [1.0, 1.25, 1.0 / 0.6], rtol=1e-6)
