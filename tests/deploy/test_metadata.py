"""The round trip of what a model says about itself."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import openvino as ov
import pytest
from openvino import opset13

from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.metadata import (
    DeployMetadata,
    Resize,
    example,
    from_strings,
    read_openvino,
    to_strings,
    write_openvino,
)
from action_recognition.errors import UserError
from action_recognition.openvino_core import openvino_core
from tests.tiny_export import LABELS, tiny_trained

KEYS_OF_THE_DESIGN = (
    "model_type labels clip_len frame_rate_fps frame_step_policy resize mean_values "
    "scale_values color_order output_kind score_scale "
    "temperature thresholds negative_label label_swaps template package_version weights_sha256"
)


def random_metadata(rng: random.Random) -> DeployMetadata:
    alphabet = "ab _-\"'<>&\\{}[],:;%$äß你😀"
    names = {"".join(rng.choices(alphabet, k=rng.randint(1, 9))) for _ in range(rng.randint(1, 30))}
    labels = tuple({name.strip() or "a" for name in names})
    short_side = rng.choice([None, rng.randint(1, 500)])
    return DeployMetadata(
        labels=labels,
        clip_len=rng.randint(1, 64),
        frame_rate_fps=rng.choice([15.0, 30000 / 1001, 1e-3, 1 / 3]),
        resize=Resize(
            short_side, rng.randint(1, 2 * (short_side or 100))
        ),  # a crop may be larger: it repeats edges
        mean_values=tuple(rng.uniform(-300, 300) for _ in range(3)),
        scale_values=tuple(rng.uniform(1e-6, 300) for _ in range(3)),
        score_scale=rng.uniform(0.1, 30),
        template=rng.choice(["a", "s3d-rgb.v1"]),
        weights_sha256="".join(rng.choices("0123456789abcdef", k=64)),
        color_order=rng.choice(["RGB", "BGR"]),
        normalization=rng.choice(["embedded", "external"]),
        output_kind=rng.choice(["cosine", "logits"]),
        temperature=rng.uniform(0.1, 10),
        thresholds={label: rng.uniform(-1, 1) for label in labels[:3]},
        spread_threshold=rng.uniform(0, 1),
        negative_label=rng.choice([None, labels[-1]]),
        crop=rng.choice(["", "hand"]),
        label_swaps={labels[0]: labels[-1]},
    )


@pytest.mark.parametrize("seed", range(40))
def test_strings_come_back_as_they_were(seed: int) -> None:
    metadata = random_metadata(random.Random(seed))
    assert from_strings(to_strings(metadata), "m") == metadata


@pytest.mark.parametrize("seed", range(8))
def test_an_ir_file_brings_everything_back(seed: int, tmp_path) -> None:
    metadata = random_metadata(random.Random(100 + seed))
    parameter = opset13.parameter([1, 3], np.float32)
    model = ov.Model([opset13.relu(parameter)], [parameter], "m")
    write_openvino(model, metadata)
    ov.save_model(model, tmp_path / "m.xml")
    assert read_openvino(openvino_core().read_model(tmp_path / "m.xml"), "m.xml") == metadata


def test_every_key_of_the_contract_is_written_as_text() -> None:
    strings = to_strings(example())
    assert set(KEYS_OF_THE_DESIGN.split()) <= set(strings)
    assert all(isinstance(text, str) for text in strings.values())


def test_other_readers_can_split_labels_at_blanks() -> None:
    metadata = from_trained(tiny_trained(), "0" * 64)
    words = to_strings(metadata)["labels"].split(" ")
    assert len(words) == len(LABELS) and words[:3] == ["Thumb_up", "thumb_up", "No_gesture"]
    assert from_strings(to_strings(metadata), "m").labels == LABELS


def test_trained_model_gives_its_own_facts() -> None:
    metadata = from_trained(tiny_trained(), "12" * 32)
    assert (metadata.clip_len, metadata.frame_rate_fps, metadata.resize) == (
        4,
        15.0,
        Resize(36, 32),
    )
    assert (metadata.negative_label, metadata.score_scale, metadata.weights_sha256) == (
        "No gesture",
        5.0,
        "12" * 32,
    )
    assert metadata.label_swaps == {}  # the template's swaps name classes that these weights lack


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("clip_len", "sixteen"),
        ("clip_len", "0"),
        ("frame_rate_fps", "nan"),
        ("frame_rate_fps", "-15"),
        ("labels_json", '["a", 3]'),
        ("labels_json", '["a", "a"]'),
        ("labels_json", "[]"),
        ("labels_json", '["a'),
        ("resize", '{"short_side": 256}'),
        ("resize", '{"short_side": 0, "crop_size": 224}'),
        ("resize", '{"short_side": 256, "crop_size": -1}'),
        ("mean_values", "1 2"),
        ("scale_values", "1 0 1"),
        ("color_order", "GBR"),
        ("normalization", "no"),
        ("output_kind", "softmax"),
        ("thresholds", '{"Thumb up": "high"}'),
        ("thresholds", '{"Thumb": 0.5}'),
        ("spread_threshold", "-0.1"),
        ("stream", "[1, 2]"),
        ("stream", "4 frames"),
        ("negative_label", "no gesture"),
        ("label_swaps", '["Thumb up"]'),
        ("weights_sha256", "abc"),
        ("format_version", "1.5"),
        ("format_version", "2"),
    ],
)
def test_an_invalid_value_is_named_with_its_key(key: str, text: str) -> None:
    with pytest.raises(UserError) as error:
        from_strings(to_strings(example()) | {key: text}, "model.xml")
    expected = key.removesuffix("_json")
    assert any(
        problem.where.startswith(f"model.xml: model_info/{expected}")
        for problem in error.value.problems
    )


@pytest.mark.parametrize(
    "key",
    [
        key
        for key in to_strings(example())
        if key not in ("labels", "spread_threshold", "crop", "stream")
    ],
)
def test_a_missing_key_is_named(key: str) -> None:
    strings = to_strings(example())
    del strings[key]
    with pytest.raises(UserError, match=f"model_info/{key}: is missing"):
        from_strings(strings, "model.xml")


def test_a_key_that_older_files_lack_has_its_default() -> None:
    strings = to_strings(replace(example(), spread_threshold=0.25))
    assert from_strings(strings, "m").spread_threshold == 0.25
    del strings["spread_threshold"]
    assert from_strings(strings, "m").spread_threshold == 0.0


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        from_strings(to_strings(example()) | {"clip_len": "x", "temperature": "y"}, "m")
    assert len(error.value.problems) == 2


def test_a_model_without_metadata_is_refused(tmp_path) -> None:
    parameter = opset13.parameter([1, 3], np.float32)
    with pytest.raises(UserError, match="carries no metadata"):
        read_openvino(ov.Model([opset13.relu(parameter)], [parameter], "m"), "model.xml")


def test_unusable_metadata_cannot_be_made() -> None:
    with pytest.raises(UserError, match="negative_label"):
        replace(example(), negative_label="Thumb")
