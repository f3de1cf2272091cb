"""Fine-tuning under rounding comes nearer to the floating answers and leaves nothing behind.

The same clips give the same weights.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from action_recognition.checkpoint import TrainedModel
from action_recognition.compression.qat import FineTuning, fine_tune, num_batches, rounded
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Normalize, Recogniser
from tests.tiny_export import tiny_trained

TUNING = FineTuning(epochs=6, rate_factor=1.0)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return tiny_trained()


@pytest.fixture(scope="module")
def clips(trained: TrainedModel) -> np.ndarray:
    return made_clips(from_trained(trained, "0" * 64), 8)[:8]


def pixels(trained: TrainedModel, clips: np.ndarray) -> torch.Tensor:
    return Normalize(trained.template.input.mean_values, trained.template.input.scale_values)(
        torch.from_numpy(clips)
    )


def network(trained: TrainedModel) -> Recogniser:
    found = build_recogniser(trained.model, len(trained.labels)).eval()
    found.load_state_dict(trained.state_dict)
    return found


def rounding_error(tuned: TrainedModel, trained: TrainedModel, clips: np.ndarray) -> float:
    """Of the tuned network under rounding, against the floating one that it comes from."""
    values, student = pixels(trained, clips), network(tuned)
    with torch.no_grad(), rounded(student, list(values.split(1))):
        return float((student(values) - network(trained)(values)).square().mean())


def test_it_comes_nearer_to_its_own_answers(trained: TrainedModel, clips: np.ndarray) -> None:
    before = {key: value.clone() for key, value in trained.state_dict.items()}
    counted: list[None] = []
    tuned = fine_tune(trained, clips, TUNING, lambda: counted.append(None))
    assert rounding_error(tuned, trained, clips) < 0.9 * rounding_error(trained, trained, clips)
    assert len(counted) == TUNING.epochs * num_batches(
        8, trained.template.hyper_parameters.basic.batch_size
    )
    assert list(tuned.state_dict) == list(before) and all(
        torch.equal(trained.state_dict[key], before[key]) for key in before
    )
    assert all(
        torch.equal(tuned.state_dict[key], before[key]) for key in before if "running" in key
    )
    again = fine_tune(trained, clips, TUNING)
    assert all(torch.equal(again.state_dict[key], tuned.state_dict[key]) for key in before)


def test_what_is_computed_within_is_rounded_and_nothing_stays(
    trained: TrainedModel, clips: np.ndarray
) -> None:
    found, values = network(trained), pixels(trained, clips)
    weight = trained.state_dict["backbone.stem.conv.weight"]
    expected = found(values)
    with rounded(found, list(values.split(1))):
        steps = (
            found.backbone.first_convs()[0].weight.detach()
            / weight.flatten(1).abs().amax(1).view(-1, 1, 1, 1, 1)
            * 127
        )
        assert torch.allclose(steps, steps.round(), atol=1e-3) and not torch.equal(
            found(values), expected
        )
        gradient = torch.autograd.grad(
            found(values).sum(), found.backbone.first_convs()[0].parametrizations.weight.original
        )[0]
        assert gradient.abs().max() > 0  # straight through the rounding
    assert torch.equal(found(values), expected) and set(found.state_dict()) == set(
        trained.state_dict
    )
