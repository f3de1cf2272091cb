"""Networks that look at the past only: later frames change nothing, the step form is the clip form,
and clip weights start it.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from action_recognition.models.build import build_recogniser
from action_recognition.models.causal import (
    CausalRecogniser,
    RunningAveragePool,
    receptive_field_frames,
)
from action_recognition.models.convolutions import FactoredConv3d
from action_recognition.models.recogniser import Normalize
from action_recognition.models.stateful_network import StatefulNetwork
from action_recognition.template import MODEL_CONFIG, CausalConfig, CausalS3DEfficientNetLite0Config

SIZE = 32


def mobilenet(**changes: object) -> CausalConfig:
    """Three blocks with every part: no expansion and expansion, squeeze-excite, both kinds of
    attention, two temporal strides, a sum.
    """
    table = {
        "stem_channels": 4,
        "kernel_size": [3, 3, 5],
        "expand_channels": [4, 8, 8],
        "out_channels": [4, 6, 6],
        "squeeze_excite": [False, True, True],
        "activation": ["relu", "hswish", "hswish"],
        "spatial_stride": [1, 2, 1],
        "temporal_kernel_size": [5, 3, 3],
        "temporal_stride": [1, 2, 2],
        "attention": ["spatial", "spatial_temporal", "none"],
        "last_channels": 8,
        "gaussian_dropout": None,
    }
    model = {
        "type": "causal_s3d_mobilenet_v3",
        "backbone": table | changes,
        "running_pool": {"steps": 3},
        "head": {"embedding_size": 8},
    }
    return MODEL_CONFIG.validate_python(model)  # type: ignore[return-value]


def lite0() -> CausalConfig:
    backbone = {
        "temporal_kernel_size": [1] * 5 + [3, 1, 1, 5, 1, 1, 3, 1, 1, 1, 3],
        "temporal_stride": [1] * 8 + [2] + [1] * 7,
    }
    return CausalS3DEfficientNetLite0Config.model_validate(
        {
            "type": "causal_s3d_efficientnet_lite0",
            "backbone": backbone,
            "running_pool": {"steps": 2},
            "head": {"embedding_size": 8},
        }
    )


def network(model: CausalConfig, form: str = "folded") -> CausalRecogniser:
    """Weights and statistics away from their start values, in double precision, so that what
    differs is the function.
    """
    torch.manual_seed(0)
    built = build_recogniser(model, 3, form)  # type: ignore[arg-type]
    for module in built.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm3d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, 0, 0.3)
    assert isinstance(built, CausalRecogniser)
    return built.double().eval()


def video(num_frames: int, size: int = SIZE, seed: int = 0) -> Tensor:
    """(T, H, W, 3) uint8."""
    return torch.randint(
        0,
        256,
        (num_frames, size, size, 3),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(seed),
    )


def clip_cosine(built: CausalRecogniser, frames: Tensor) -> Tensor:
    """(S, C) of the clip form."""
    normalize = Normalize([120.0, 110.0, 100.0], [60.0, 55.0, 50.0]).double()
    with torch.no_grad():
        return built.step_cosine(normalize(frames.permute(3, 0, 1, 2)[None]))[0]


def step_cosine(built: CausalRecogniser, frames: Tensor, frames_per_call: int) -> Tensor:
    """(scores, C) of the step form, call by call."""
    stepped = StatefulNetwork(
        built, Normalize([120.0, 110.0, 100.0], [60.0, 55.0, 50.0]), frames_per_call
    ).double()
    states, scores = stepped.initial_states(*frames.shape[1:3]), []
    for call in frames.split(frames_per_call):
        cosine, *states = stepped(call, *states)
        scores.append(cosine)
    return torch.cat(scores)


@pytest.mark.parametrize("model", [mobilenet(), lite0()], ids=["mobilenet", "lite0"])
@pytest.mark.parametrize("form", ["folded", "conv3d"])
def test_no_step_changes_when_later_frames_do(model: CausalConfig, form: str) -> None:
    built, frames = network(model, form), video(16)
    other = torch.cat([frames[:8], video(8, seed=1)])
    steps = 8 // built.frames_per_step
    one, two = clip_cosine(built, frames), clip_cosine(built, other)
    torch.testing.assert_close(one[:steps], two[:steps], rtol=0, atol=1e-12)
    assert (one[steps:] - two[steps:]).abs().max() > 1e-4
    torch.testing.assert_close(clip_cosine(built, frames[:8]), one[:steps], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("model", "frames_per_call", "num_frames"),
    [(mobilenet(), frames_per_call, 48) for frames_per_call in (1, 2, 3, 4, 6, 8)]
    + [(lite0(), 1, 8), (lite0(), 4, 16)],
    ids=lambda value: getattr(value, "type", None),
)
def test_the_step_form_is_the_clip_form(
    model: CausalConfig, frames_per_call: int, num_frames: int
) -> None:
    built, frames = network(model), video(num_frames)
    expected = clip_cosine(built, frames)
    got = step_cosine(built, frames, frames_per_call)
    every = len(got) // len(expected)  # where a call is no whole step, there are scores in between
    assert expected.std(0).max() > 1e-3  # the steps differ, so equal scores mean something
    torch.testing.assert_close(got[every - 1 :: every], expected, rtol=0, atol=1e-10)


def test_scores_between_steps_are_those_of_the_clip_form_begun_later() -> None:
    built = network(mobilenet())
    frames, reach = video(96), receptive_field_frames(network(mobilenet()))
    assert reach <= 60
    between = step_cosine(built, frames, 1)
    for start in (1, 2, 3):
        begun_later = clip_cosine(built, frames[start : start + 92])[-5:]
        torch.testing.assert_close(
            between[start + 75 : start + 92 : 4], begun_later, rtol=0, atol=1e-10
        )


def test_the_receptive_field_is_what_a_score_depends_on() -> None:
    built = network(mobilenet())
    reach = receptive_field_frames(built)
    frames = video(64)
    last = clip_cosine(built, frames)[-1]
    for back, changes in ((reach, True), (reach + 1, False)):
        other = frames.clone()
        other[64 - back] = 255 - other[64 - back]
        difference = (clip_cosine(built, other)[-1] - last).abs().max().item()
        assert (difference > 0.0) == changes, back


@pytest.mark.parametrize("form", ["folded", "conv3d"])
def test_the_clips_own_score_is_that_of_its_last_step(form: str) -> None:
    built, frames = network(mobilenet(), form), video(16)
    clip = Normalize([120.0, 110.0, 100.0], [60.0, 55.0, 50.0]).double()(
        frames.permute(3, 0, 1, 2)[None]
    )
    with torch.no_grad():
        torch.testing.assert_close(built(clip), built.step_cosine(clip)[:, -1], rtol=0, atol=1e-12)


def test_a_running_mean_covers_what_there_was() -> None:
    x = torch.tensor([1.0, 2.0, 6.0, 10.0]).view(1, 1, 4, 1, 1).expand(1, 1, 4, 2, 2)
    assert RunningAveragePool(3)(x).flatten().tolist() == [1.0, 1.5, 3.0, 6.0]
    assert RunningAveragePool(3).last(x).flatten().tolist() == [6.0]
    assert RunningAveragePool(9).last(x).flatten().tolist() == [4.75]


def test_states_lie_on_the_narrow_side_of_the_projections() -> None:
    stepped = StatefulNetwork(network(mobilenet()).float(), None, 4)
    shapes = [tuple(state.shape) for state in stepped.initial_states(SIZE, SIZE)]
    # Four of the first projection's taps and two of each other's, all of the projection's outputs;
    # attention over time; the pool's rows.
    expected = (
        [(1, 4, 16, 16)] * 4
        + [(1, 6, 8, 8)] * 2
        + [(1, 6, 1, 1)] * 2
        + [(1, 6, 8, 8)] * 2
        + [(2, 9)]
    )
    assert shapes == expected


def test_training_goes_through_the_causal_padding_in_both_forms() -> None:
    gradients = []
    for form in ("folded", "conv3d"):
        built = network(mobilenet(), form)
        clip = video(8).permute(3, 0, 1, 2)[None].double() / 255
        (built.step_cosine(clip) * torch.arange(6.0).view(2, 3)).sum().backward()  # type: ignore[no-untyped-call]
        gradients.append({name: parameter.grad for name, parameter in built.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-6, atol=1e-9, msg=name)


def test_only_kernels_over_time_are_padded_and_sizes_stay() -> None:
    built = network(mobilenet())
    kernels = [
        module.kernel_size[0] for module in built.modules() if isinstance(module, FactoredConv3d)
    ]
    assert sorted(set(kernels)) == [1, 3, 5]
    lengths = [clip_cosine(built, video(length)).shape[0] for length in (4, 8, 12)]
    assert [after - before for before, after in pairwise(lengths)] == [1, 1]
