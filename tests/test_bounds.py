"""Sizes in template, metadata and flags are bounded: no value hangs or takes all memory."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from action_recognition.commands import arguments
from action_recognition.deploy.metadata import example, from_strings, to_strings
from action_recognition.errors import UserError
from action_recognition.template import load_template_dir
from tests.tiny import tiny_template


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("template", "input.clip_len", 10**12),
        ("template", "input.crop_size", 10**9),
        ("template", "input.resize_short_side", 10**6),
        ("template", "input.frame_rate_fps", 1e-300),
        ("template", "input.frame_rate_fps", 1e9),
        ("template", "input.frame_rate_fps", float("inf")),
        ("template", "input.mean_values", [0.0, float("nan"), 0.0]),
        ("template", "training.num_workers", 10**6),
        ("template", "training.clips_per_video", 10**8),
        ("template", "training.optimizer.weight_decay", float("inf")),
        ("template", "hyper_parameters.basic.epochs", 10**30),
        ("template", "hyper_parameters.basic.base_learning_rate", 1e300),
        ("template", "gpu_num", 10**9),
        ("model", "head.embedding_size", 10**9),
        ("model", "backbone.out_channels", [10**9, 16]),
        ("model", "backbone.last_channels", 10**12),
    ],
)
def test_an_absurd_value_of_a_template_is_named(
    file: str, key: str, value: Any, tmp_path: Path
) -> None:
    tiny_template(tmp_path)
    path = tmp_path / f"{file}.yaml"
    document = yaml.safe_load(path.read_text())
    *sections, name = key.split(".")
    section = document
    for part in sections:
        section = section[part]
    section[name] = value
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(UserError, match=rf"{file}\.yaml:\d+: {key}"):
        load_template_dir(tmp_path)


def test_a_clip_that_no_memory_holds_is_named(tmp_path: Path) -> None:
    path = tiny_template(tmp_path)
    document = yaml.safe_load(path.read_text())
    document["input"] |= {"clip_len": 10_000, "crop_size": 8192}
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(UserError, match="10000 frames of 8192x8192 are 2013 GB for each clip"):
        load_template_dir(tmp_path)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("clip_len", "1000000000000"),
        ("clip_len", "0"),
        ("clip_len", "9" * 5000),
        ("frame_rate_fps", "1e-300"),
        ("frame_rate_fps", "nan"),
        ("frame_rate_fps", "inf"),
        ("score_scale", "0"),
        ("temperature", "-1"),
        ("temperature", "1e400"),
        ("mean_values", "0 nan 0"),
        ("scale_values", "1 1 inf"),
        ("resize", '{"short_side": 256, "crop_size": 100000000}'),
        ("resize", '{"short_side": -1, "crop_size": 224}'),
        ("thresholds", '{"a": NaN}'),
        ("label_swaps", "[" * 100_000),
    ],
)
def test_an_absurd_value_of_a_model_is_named(key: str, text: str) -> None:
    strings = to_strings(example()) | {key: text}
    with pytest.raises(UserError, match=rf"m\.xml: model_info/{key}: found"):
        from_strings(strings, "m.xml")


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        (arguments.workers, ["-1", "1025", "1e3", "9" * 5000, "²"]),
        (arguments.jobs, ["0", "1025", "9" * 5000]),
        (arguments.positive_int, ["0", "1000000001", "9" * 5000, "nan"]),
        (arguments.whole_number, ["-1", str(2**32)]),
        (arguments.positive_float, ["0", "1e-300", "inf", "nan", "1e10", "-1"]),
    ],
)
def test_an_absurd_value_of_a_flag_is_refused(
    read: Callable[[str], float], texts: list[str]
) -> None:
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError, match="allowed: "):
            read(text)
    assert read("5") == 5
