"""The feature cache: what it gives back, what it refuses, what a feature depends on."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.frame_source import FileFrames
from action_recognition.errors import UserError
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Recogniser
from action_recognition.template import Template, load_template_dir
from action_recognition.training.few_clips.feature_cache import FeatureCache
from action_recognition.training.few_clips.features import FeatureExtractor, View
from tests.tiny import LABELS, tiny_data, tiny_template

KEY = "ab" * 32


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=2)


@pytest.fixture(scope="module")
def template_and_network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Template, Recogniser]:
    template, model = load_template_dir(tiny_template(tmp_path_factory.mktemp("work")).parent)
    torch.manual_seed(0)
    return template, build_recogniser(model, len(LABELS))


def extractor(
    template_and_network: tuple[Template, Recogniser], folder: Path, **changes: Any
) -> FeatureExtractor:
    template, network = template_and_network
    given: dict[str, Any] = {
        "network": network,
        "template": template,
        "label_swaps": {0: 1, 1: 0},
        "seed": 0,
    }
    return FeatureExtractor(**(given | {"cache": FeatureCache(folder)} | changes))


class UpperHalf(FileFrames):
    """A source that cuts something out, as `HandCrops` does."""

    def read(self, record: ClipRecord, frame_indices: Sequence[int]) -> np.ndarray:
        frames = super().read(record, frame_indices)
        return frames[:, : frames.shape[1] // 2]


def test_features_are_of_what_the_source_cuts_out(
    template_and_network: tuple[Template, Recogniser], data: Path, tmp_path: Path
) -> None:
    records = read_annotations([data / "train.txt"], [data], LABELS)[:3]
    whole = extractor(template_and_network, tmp_path).table(records, 1)
    cut = extractor(template_and_network, tmp_path, source=UpperHalf(), source_key="half").table(
        records, 1
    )
    assert cut.num_cached == 0
    assert not torch.allclose(whole.features, cut.features)
    assert (
        extractor(template_and_network, tmp_path, source=UpperHalf(), source_key="half")
        .table(records, 1)
        .num_cached
        == 6
    )


def test_what_was_written_is_read(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    assert cache.read(KEY) is None
    cache.write(KEY, np.arange(5, dtype=np.float32), -1)
    found = cache.read(KEY)
    assert found is not None
    assert (found[0].tolist(), found[1]) == ([0, 1, 2, 3, 4], -1)
    assert [path.suffix for path in (tmp_path / "ab").iterdir()] == [".features"]


@pytest.mark.parametrize("damage", ["empty", "cut off", "changed", "longer"])
def test_a_damaged_file_is_not_there(tmp_path: Path, damage: str) -> None:
    cache = FeatureCache(tmp_path)
    cache.write(KEY, np.ones(5, dtype=np.float32), 1)
    content = cache.path(KEY).read_bytes()
    changed = bytearray(content)
    changed[-2] ^= 1
    cache.path(KEY).write_bytes(
        {
            "empty": b"",
            "cut off": content[:-4],
            "changed": bytes(changed),
            "longer": content + b"1234",
        }[damage]
    )
    assert cache.read(KEY) is None


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    keys = [f"{number:02x}" * 32 for number in range(4)]
    cache = FeatureCache(tmp_path)
    for age, key in enumerate(keys):
        cache.write(key, np.zeros(8, dtype=np.float32), 0)
        os.utime(cache.path(key), (1000 + age, 1000 + age))
    size = cache.path(keys[0]).stat().st_size
    assert cache.read(keys[0]) is not None  # used just now
    assert FeatureCache(tmp_path, limit_bytes=4 * size).trim() == 0
    assert FeatureCache(tmp_path, limit_bytes=2 * size).trim() == 2
    assert [cache.read(key) is not None for key in keys] == [True, False, False, True]


def test_the_centre_view_is_what_evaluation_sees(
    data: Path, template_and_network: tuple[Template, Recogniser], tmp_path: Path
) -> None:
    from action_recognition.data.batches import Sample
    from action_recognition.data.datasets import ClipDataset

    template, network = template_and_network
    records = read_annotations([data / "val.txt"], [data], LABELS)
    extract = extractor(template_and_network, tmp_path)
    table = extract.table(records, 0)
    sample = ClipDataset(records, template.input)[3]
    assert isinstance(sample, Sample)
    network.eval()
    with torch.inference_mode():
        expected = network.features(extract.normalize(sample.clip.unsqueeze(0)))[0]
    torch.testing.assert_close(table.features[3], expected, rtol=1e-4, atol=1e-5)
    assert table.labels.tolist() == [record.label for record in records]


def test_a_second_time_all_comes_from_the_cache_and_a_damaged_one_is_computed_again(
    data: Path, template_and_network: tuple[Template, Recogniser], tmp_path: Path
) -> None:
    records = read_annotations([data / "train.txt"], [data], LABELS)
    extract = extractor(template_and_network, tmp_path)
    first = extract.table(records, 2)
    assert (len(first.labels), first.num_cached) == (18, 0)
    again = extract.table(records, 2)
    assert again.num_cached == 18
    assert torch.equal(again.features, first.features)
    extract.cache.path(extract.key(View(records[1], 1))).write_bytes(b"broken")
    repaired = extract.table(records, 2)
    assert repaired.num_cached == 17
    torch.testing.assert_close(repaired.features, first.features, rtol=1e-4, atol=1e-5)


def test_a_view_does_not_depend_on_the_other_clips(
    data: Path, template_and_network: tuple[Template, Recogniser], tmp_path: Path
) -> None:
    records = read_annotations([data / "train.txt"], [data], LABELS)
    whole = extractor(template_and_network, tmp_path / "a").table(records, 2)
    alone = extractor(template_and_network, tmp_path / "b").table(records[4:5], 2)
    torch.testing.assert_close(alone.features, whole.features[12:15], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(alone.features[0], alone.features[1])
    assert not torch.allclose(alone.features[1], alone.features[2])


def test_the_key_follows_all_that_features_depend_on(
    data: Path, template_and_network: tuple[Template, Recogniser], tmp_path: Path
) -> None:
    template, network = template_and_network
    record = read_annotations([data / "train.txt"], [data], LABELS)[0]
    base = extractor(template_and_network, tmp_path)
    centre, augmented = base.key(View(record, 0)), base.key(View(record, 1))
    _, model = load_template_dir(tiny_template(tmp_path / "work").parent)
    other_weights = extractor(template_and_network, tmp_path, network=build_recogniser(model, 3))
    smaller = template.model_copy(
        update={"input": template.input.model_copy(update={"crop_size": 16})}
    )
    changes = [
        other_weights.key(View(record, 0)),
        extractor(template_and_network, tmp_path, template=smaller).key(View(record, 0)),
        base.key(View(dataclasses.replace(record, clip_end=7), 0)),
        base.key(View(dataclasses.replace(record, label=2), 0)),
        augmented,
        base.key(View(record, 2)),
        extractor(template_and_network, tmp_path, seed=1).key(View(record, 1)),
        extractor(template_and_network, tmp_path, label_swaps={}).key(View(record, 1)),
    ]
    assert len({centre, *changes}) == 9
    assert extractor(template_and_network, tmp_path, seed=1).key(View(record, 0)) == centre
    network.head.reset_parameters()
    assert extractor(template_and_network, tmp_path).key(View(record, 0)) == centre
    os.utime(record.path, (1, 1))
    assert base.key(View(record, 0)) != centre


def test_damaged_clips_are_named_once_and_left_out(
    template_and_network: tuple[Template, Recogniser],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tiny_data(tmp_path / "data", clips_per_class=2)
    (data / "videos" / "train 1-1.mp4").write_bytes(b"no video")
    records = read_annotations([data / "train.txt"], [data], LABELS)
    table = extractor(template_and_network, tmp_path / "cache").table(records, 1)
    assert len(table.labels) == 10
    assert len(table.damaged) == 1
    assert capsys.readouterr().err.count("train 1-1.mp4") == 1
    with pytest.raises(UserError, match=r"train 1-1\.mp4"):
        extractor(template_and_network, tmp_path / "cache").table(records, 1, strict=True)
