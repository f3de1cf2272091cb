"""The losses of a step, as a template combines them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch.nn import functional as F

from action_recognition.errors import UserError
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Recogniser
from action_recognition.template import Training, load_template, load_template_dir
from action_recognition.training.step.recipe import Recipe, top1_of_step
from tests.conftest import template_dir
from tests.tiny import modern_recipe, tiny_template

ALL_REGULARISERS: dict[str, Any] = {
    "local_push": {"weight": 1.0, "margin": 0.1},
    "centre_push": {"weight": 1.0, "margin": 0.1},
    "attention": {"weight": 0.1},
    "clip_mixing": {"weight": 0.5},
    "self_challenging": {"retain_share": 0.67, "unchanged_share": 0.5},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_template(tmp_path / "tiny").parent


def network_of(folder: Path) -> Recogniser:
    torch.manual_seed(0)
    return build_recogniser(load_template_dir(folder)[1], 3).train()


def losses(
    folder: Path, training: Training, labels: torch.Tensor, network: Recogniser | None = None
) -> dict[str, torch.Tensor]:
    network = network or network_of(folder)
    torch.manual_seed(1)
    clips = torch.randn(len(labels), 3, 4, 32, 32)
    return Recipe(training, load_template_dir(folder)[1].backbone)(
        network, clips, labels, scale=10.0
    )


def modern(**changes: Any) -> Training:
    return Training.model_validate(modern_recipe(**changes))


def test_the_accuracy_of_a_step_counts_what_has_a_label() -> None:
    cosine = torch.tensor([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]]])
    # Of four steps of streams, one has no label, and one is wrong.
    share, number = top1_of_step(cosine, torch.tensor([[0, 1], [-1, 0]]))
    assert (share, number) == (pytest.approx(2 / 3), 3)
    assert top1_of_step(cosine, torch.full((2, 2), -1)) == (0.0, 0)
    # Of mixed clips the larger share counts.
    mixed = torch.tensor([[0.7, 0.3], [0.4, 0.6]])
    assert top1_of_step(torch.tensor([[0.9, 0.1], [0.8, 0.2]]), mixed) == (0.5, 2)


def test_cross_entropy_is_that_of_the_networks_cosines(folder: Path) -> None:
    labels = torch.tensor([0, 1, 2, 1])
    network = network_of(folder).eval()
    torch.manual_seed(1)
    expected = F.cross_entropy(
        10.0 * network(torch.randn(4, 3, 4, 32, 32)), labels, label_smoothing=0.1
    )
    found = losses(folder, modern(), labels, network)
    assert list(found) == ["cross_entropy"]
    torch.testing.assert_close(found["cross_entropy"], expected)


def test_feature_dropout_hides_pooled_features_in_training_only(folder: Path) -> None:
    labels, network = torch.tensor([0, 1, 2, 1]), network_of(folder)
    seen: list[float] = []
    network.head.project.register_forward_pre_hook(
        lambda _, inputs: seen.append(float((inputs[0] == 0.0).float().mean()))
    )
    for dropout, mode in ((0.0, True), (0.75, True), (0.75, False)):
        losses(folder, modern(feature_dropout=dropout), labels, network.train(mode))
    assert seen[0] == seen[2] == 0.0
    assert 0.5 < seen[1] < 0.95


def test_mixed_labels_give_the_mixture_of_losses(folder: Path) -> None:
    network, shares = network_of(folder).eval(), torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.2, 0.8]])
    training = modern(
        mix={"type": "mixup", "alpha": 0.4, "probability": 1.0},
        loss={"type": "cross_entropy", "scale": 10.0, "label_smoothing": 0.0},
    )
    mixed = losses(folder, training, shares, network)["cross_entropy"]
    torch.manual_seed(1)
    log_probabilities = F.log_softmax(10.0 * network(torch.randn(2, 3, 4, 32, 32)), dim=1)
    torch.testing.assert_close(mixed, -(shares * log_probabilities).sum(1).mean())


@pytest.mark.parametrize("loss", ["am_softmax", "cross_entropy"])
def test_a_batch_of_one_class_has_finite_losses_and_gradients(loss: str, folder: Path) -> None:
    reference = yaml.safe_load((template_dir("msasl") / "template.yaml").read_text())["training"]
    training = modern(
        regularisers=ALL_REGULARISERS,
        clips_per_video=2,
        **({"loss": reference["loss"]} if loss == "am_softmax" else {}),
    )
    network = network_of(folder)
    found = losses(folder, training, torch.tensor([1, 1, 1, 1]), network)
    assert set(found) == {loss, "local_push", "centre_push", "attention", "clip_mixing"}
    torch.stack(list(found.values())).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is None or bool(parameter.grad.isfinite().all()), name


def test_mixing_is_refused_beside_what_needs_one_label_a_clip(folder: Path) -> None:
    content = yaml.safe_load((folder / "template.yaml").read_text())
    mix = {"type": "cutmix", "alpha": 1.0, "probability": 0.5}
    for name in ("local_push", "clip_mixing", "self_challenging"):
        regularisers = dict.fromkeys(ALL_REGULARISERS) | {name: ALL_REGULARISERS[name]}
        refused(
            folder, content | {"training": modern_recipe(mix=mix, regularisers=regularisers)}, name
        )
    refused(folder, content | {"training": content["training"] | {"mix": mix}}, "am_softmax")
    free = dict.fromkeys(ALL_REGULARISERS) | {
        name: ALL_REGULARISERS[name] for name in ("centre_push", "attention")
    }
    modern(mix=mix, regularisers=free)


def refused(folder: Path, content: dict[str, Any], name: str) -> None:
    (folder / "template.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(UserError, match=rf"template\.yaml:\d+: training: mix .*{name}"):
        load_template(folder / "template.yaml")
