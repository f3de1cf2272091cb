"""The configuration for Open Model Zoo's accuracy checker, and that its converter chooses the
frames that evaluation chooses.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from action_recognition.data.sampling import FrameRange, centre_frame_indices
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.metadata import Resize, example
from action_recognition.export.accuracy_checker import configuration, is_possible


def indices_of_the_converter(clip: FrameRange, out_fps: float, clip_length: int) -> list[int]:
    """The frames' numbers, from 1, by the rule of open_model_zoo's
    `continuous_clip_action_recognition` converter, in words of our own.
    """
    step = max(1, round(clip.frame_rate_fps / out_fps))
    window, num_frames = step * clip_length, clip.video_end - clip.video_start
    if num_frames < window:
        found = [1 + step * i for i in range(num_frames // step)]
        rest = clip_length - len(found)
        return [found[0]] * (rest // 2) + found + [found[-1]] * (rest - rest // 2)
    if clip.clip_end - clip.clip_start < window:
        first = min(clip.video_end - window + 1, clip.clip_start + 1) - 1
    else:
        first = (clip.clip_start + clip.clip_end - window + 1) // 2
    return [first + step * i + 1 for i in range(clip_length)]


def test_the_converter_takes_our_centre_window_of_clips_that_are_long_enough() -> None:
    rng, same = np.random.default_rng(0), []
    for _ in range(300):
        length, rate = int(rng.integers(60, 300)), float(rng.choice([15.0, 25.0, 30.0]))
        clip = FrameRange(
            clip_start=0, clip_end=length, video_start=0, video_end=length, frame_rate_fps=rate
        )
        ours = [index + 1 for index in centre_frame_indices(clip, 16, 15.0)]
        same.append(ours == indices_of_the_converter(clip, 15.0, 16))
    assert all(same)


def test_the_file_says_what_the_metadata_say(exported: Path) -> None:
    metadata = load_backend(exported / "model.xml").metadata
    (model,) = yaml.safe_load((exported / "accuracy-check.yml").read_text())["models"]
    (launcher,), (dataset,) = model["launchers"], model["datasets"]
    assert (launcher["model"], launcher["inputs"][0]["layout"]) == ("model.xml", "NCDHW")
    assert [step["type"] for step in dataset["preprocessing"]] == ["resize", "crop", "bgr_to_rgb"]
    conversion = dataset["annotation_conversion"]
    assert (conversion["out_fps"], conversion["clip_length"]) == (
        metadata.frame_rate_fps,
        metadata.clip_len,
    )
    assert [metric["top_k"] for metric in dataset["metrics"]] == [1]
    assert "bgr_to_rgb" not in configuration(replace(metadata, color_order="BGR"))


@pytest.mark.parametrize(
    ("changes", "possible"),
    [
        ({}, True),
        ({"resize": Resize(108, 144)}, False),
        ({"normalization": "external"}, False),
        ({"resize": Resize(None, 64)}, False),
    ],
)
def test_it_is_written_where_that_program_can_do_it(
    changes: dict[str, object], possible: bool
) -> None:
    assert is_possible(replace(example(), **changes)) is possible  # type: ignore[arg-type]
