"""The causal network over landmarks: no frame to come counts, calls give what a clip gives."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from action_recognition.models.build import build_recogniser
from action_recognition.models.stateful.landmarks import (
    CausalLandmarkRecogniser,
    StatefulLandmarkNetwork,
)
from action_recognition.template import load_template_dir
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "model_templates/hand_landmarks/hand-landmarks-stream"
NUM_FRAMES = 60


@pytest.fixture(scope="module")
def network() -> CausalLandmarkRecogniser:
    torch.manual_seed(0)
    built = build_recogniser(load_template_dir(FOLDER)[1], 5).eval()
    assert isinstance(built, CausalLandmarkRecogniser)
    return built


@pytest.fixture(scope="module")
def clip() -> Tensor:
    """Landmarks (1, 4, T, 2, 21) of which a fifth of the hands is not seen."""
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(1, 4, NUM_FRAMES, 2, 21, generator=generator) * 40 + 200
    seen = (torch.rand(1, NUM_FRAMES, 2, 1, generator=generator) < 0.8).float()
    return torch.cat([values[:, :3] * seen[:, None], seen.expand(-1, -1, -1, 21)[:, None]], 1)


@torch.no_grad()
def test_no_frame_to_come_counts(network: CausalLandmarkRecogniser, clip: Tensor) -> None:
    changed = clip.clone()
    changed[:, :, 35:] = changed[:, :, 35:].flip(2) * 0.5
    before, after = network.step_cosine(clip), network.step_cosine(changed)
    assert torch.equal(before[:, :35], after[:, :35])
    assert not torch.allclose(before[:, 36], after[:, 36])


@torch.no_grad()
def test_neither_place_nor_size_nor_old_frames_count(
    network: CausalLandmarkRecogniser, clip: Tensor
) -> None:
    seen = clip[:, 3:]
    moved = torch.cat([(clip[:, :3] * 1.7 + 55.0) * seen, seen], 1)
    torch.testing.assert_close(
        network.step_cosine(moved), network.step_cosine(clip), atol=1e-4, rtol=0
    )
    reach = network.backbone.reach_frames
    cut = network.step_cosine(clip[:, :, NUM_FRAMES - reach :])[:, -1]
    torch.testing.assert_close(cut, network.step_cosine(clip)[:, -1], atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("frames_per_call", [1, 4])
def test_calls_give_what_the_clip_gives(
    network: CausalLandmarkRecogniser, clip: Tensor, frames_per_call: int
) -> None:
    steps = StatefulLandmarkNetwork(network, frames_per_call)
    states, rows = steps.initial_states(2, 21), []
    for frames in torch.split(clip[0].permute(1, 2, 3, 0), frames_per_call):
        cosine, *states = steps(frames, *states)
        rows.append(cosine)
    expected = network.step_cosine(clip)[0]
    torch.testing.assert_close(torch.cat(rows), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_without_hands_every_frame_is_the_same_in_the_end(
    network: CausalLandmarkRecogniser,
) -> None:
    cosine = network.step_cosine(torch.zeros(1, 4, NUM_FRAMES, 2, 21))[0]
    last = cosine[-5:]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in itertools.pairwise(last))
    assert torch.isfinite(cosine).all()
