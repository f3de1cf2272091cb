"""Losses against the original's stored values and gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from action_recognition.losses.am_softmax import AMSoftmaxLoss, pr_product
from action_recognition.losses.attention import TotalVarianceLoss
from action_recognition.losses.clip_mixing import ClipMixingLoss
from action_recognition.losses.cross_entropy import CrossEntropyLoss
from action_recognition.losses.push import CentrePushLoss, LocalPushLoss
from action_recognition.losses.self_challenging import self_challenge
from action_recognition.models.attention import gumbel_sigmoid
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
        np.testing.assert_allclose(
            per_sample, stored["per_sample_before_filter"][i], atol=5e-6, rtol=1e-5
        )


@pytest.mark.parametrize("case", ["easy", "filter_mixed", "filter_allzero"])
def test_samples_that_cost_nothing_are_left_out(
    case: str, loss: AMSoftmaxLoss, stored: dict[str, np.ndarray]
) -> None:
    cosine = torch.from_numpy(stored[f"{case}_cos"]).requires_grad_()
    value = loss(
        cosine, torch.from_numpy(stored[f"{case}_labels"]), scale=5.0 if case == "easy" else 30.0
    )
    value.backward()
    expected = stored["easy_loss_scale5" if case == "easy" else f"{case}_loss"]
    assert value.item() == pytest.approx(float(expected), abs=2e-6)
    np.testing.assert_allclose(cosine.grad.numpy(), stored[f"{case}_grad"], atol=5e-5)


def test_negative_labels_are_left_out(loss: AMSoftmaxLoss, stored: dict[str, np.ndarray]) -> None:
    cosine, labels = torch.from_numpy(stored["cos_theta"]), torch.from_numpy(stored["labels"])
    with_negatives = loss(
        torch.cat([cosine, cosine[:3]]), torch.cat([labels, torch.full((3,), -1)]), scale=20.0
    )
    assert with_negatives.item() == pytest.approx(loss(cosine, labels, scale=20.0).item(), rel=1e-6)


def test_a_batch_without_any_label_costs_nothing_and_still_has_a_gradient(
    loss: AMSoftmaxLoss,
) -> None:
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


def compare(
    value: torch.Tensor, given: torch.Tensor, loss: np.ndarray, gradient: np.ndarray
) -> None:
    value.backward()
    assert value.item() == pytest.approx(float(loss), abs=1e-6)
    np.testing.assert_allclose(given.grad.numpy(), gradient, atol=1e-6)


@pytest.mark.parametrize("case", ["msasl", "dup", "static", "withneg", "allsame", "allneg"])
def test_local_push_equals_the_originals(case: str, reference: Path) -> None:
    with np.load(reference / "loss_localpush.npz") as file:
        embedding = torch.from_numpy(file[f"{case}_embd"]).requires_grad_()
        cosine = torch.from_numpy(file[f"{case}_cos"]).requires_grad_()
        loss = LocalPushLoss(float(file["margin"]), adaptive=bool(file[f"{case}_smart"]))
        compare(
            loss(embedding, cosine, torch.from_numpy(file[f"{case}_labels"])),
            embedding,
            file[f"{case}_loss"],
            file[f"{case}_grad_embd"],
        )
    assert cosine.grad is None


@pytest.mark.parametrize("case", ["msasl", "jester", "corr", "none", "dense"])
def test_centre_push_equals_the_originals(case: str, reference: Path) -> None:
    with np.load(reference / "loss_centerpush.npz") as file:
        directions = torch.from_numpy(file[f"{case}_weight"]).requires_grad_()
        margin, weight = file[f"{case}_thr_w"].tolist()
        compare(
            weight * CentrePushLoss(margin)(directions),
            directions,
            file[f"{case}_loss"],
            file[f"{case}_grad"],
        )


@pytest.mark.parametrize("case", ["msasl_k3", "msasl_k3b", "jester_k1", "tiny"])
def test_total_variance_equals_the_originals(case: str, reference: Path) -> None:
    with np.load(reference / "loss_totalvariance.npz") as file:
        mask = torch.from_numpy(file[f"{case}_values"]).requires_grad_()
        compare(
            TotalVarianceLoss(int(file[f"{case}_kt"]))(mask),
            mask,
            file[f"{case}_loss"],
            file[f"{case}_grad"],
        )


def test_clip_mixing_equals_the_originals(reference: Path) -> None:
    with np.load(reference / "loss_clipmixing_jester.npz") as file:
        cosine = torch.from_numpy(file["logits"]).requires_grad_()
        value = ClipMixingLoss(2)(
            cosine, torch.from_numpy(file["labels"]), scale=float(file["scale"])
        )
        compare(float(file["weight"]) * value, cosine, file["loss"], file["grad"])


def test_clip_mixing_without_two_clips_that_agree_costs_nothing() -> None:
    cosine = torch.rand(4, 3, requires_grad=True)
    assert ClipMixingLoss(2)(cosine, torch.tensor([0, 1, -1, -1]), scale=5.0).item() == 0.0


def test_self_challenging_equals_the_originals(reference: Path) -> None:
    with np.load(reference / "rsc.npz") as file:
        directions = torch.from_numpy(file["weight"])
        features = torch.from_numpy(file["features"]).flatten(1)

        def cosine_of(x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(x, dim=1) @ torch.nn.functional.normalize(
                directions, dim=0
            )

        labels, unchanged = torch.from_numpy(file["labels"]), torch.from_numpy(file["unchanged"])
        challenged = self_challenge(
            features, cosine_of, labels, retain_share=float(file["retain_p"]), unchanged=unchanged
        )
        np.testing.assert_allclose(
            challenged.numpy(), file["out"].reshape(challenged.shape), atol=1e-6
        )


def test_gumbel_sigmoid_equals_the_originals(reference: Path) -> None:
    with np.load(reference / "gumbel_sigmoid.npz") as file:
        logits = torch.from_numpy(file["logits"]).requires_grad_()
        out = gumbel_sigmoid(logits, torch.from_numpy(file["u1"]), torch.from_numpy(file["u2"]))
        np.testing.assert_allclose(out.detach().numpy(), file["out"], atol=1e-6)
        out.backward(torch.from_numpy(file["grad_out"]))
        np.testing.assert_allclose(logits.grad.numpy(), file["grad_in"], atol=1e-6)


def test_label_smoothing_gives_every_class_its_share_of_the_target() -> None:
    cosine = torch.tensor([[0.8, 0.1, -0.3], [0.2, 0.5, 0.4]], requires_grad=True)
    value = CrossEntropyLoss(label_smoothing=0.3)(cosine, torch.tensor([0, 2]), scale=5.0)
    target = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    logits = 5.0 * cosine.detach().double().numpy()
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert value.item() == pytest.approx(-(target * np.log(probability)).sum(1).mean(), rel=1e-5)
    value.backward()
    np.testing.assert_allclose(cosine.grad.numpy(), 5.0 * (probability - target) / 2, atol=1e-6)
    assert (
        CrossEntropyLoss(label_smoothing=0.0)(cosine, torch.tensor([0, 2]), scale=5.0).item()
        < value.item()
    )


def test_cross_entropy_of_shares_is_the_mixture_of_that_of_labels() -> None:
    loss, cosine = CrossEntropyLoss(label_smoothing=0.1), torch.tensor([[0.8, 0.1, -0.3]])
    first, second = (loss(cosine, torch.tensor([label]), scale=5.0).item() for label in (0, 2))
    mixed = loss(cosine, torch.tensor([[0.25, 0.0, 0.75]]), scale=5.0).item()
    assert mixed == pytest.approx(0.25 * first + 0.75 * second, rel=1e-6)


def test_cross_entropy_leaves_negative_labels_out() -> None:
    loss, cosine = CrossEntropyLoss(label_smoothing=0.1), torch.rand(3, 4, requires_grad=True)
    whole = loss(cosine, torch.tensor([1, -1, 2]), scale=5.0)
    torch.testing.assert_close(whole, loss(cosine[[0, 2]], torch.tensor([1, 2]), scale=5.0))
    nothing = loss(cosine, torch.tensor([-1, -1, -1]), scale=5.0)
    nothing.backward()
    assert nothing.item() == 0.0
