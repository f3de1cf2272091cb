"""Schemas of template.yaml and model.yaml, the templates of the repository, and wrong files."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from action_recognition.errors import UserError
from action_recognition.template import load_model_config, load_template, load_template_dir
from tests.conftest import REPOSITORY, template_dir

ALL_TEMPLATES = sorted(
    path.parent for path in (REPOSITORY / "model_templates").rglob("template.yaml")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the Jester template to spoil."""
    copy = tmp_path / "template"
    shutil.copytree(template_dir("jester"), copy)
    return copy


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _line_of(path: Path, text: str) -> int:
    return next(
        number
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if text in line
    )


def _key_lines(node: yaml.Node) -> Iterator[int]:
    """Yield the 0-based line of each key that begins one, without list items and label pairs."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        return
    for key, value in node.value:
        yield key.start_mark.line
        if key.value != "label_swaps":
            yield from _key_lines(value)


def _messages(folder: Path) -> list[str]:
    with pytest.raises(UserError) as caught:
        load_template_dir(folder)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("path", ALL_TEMPLATES, ids=lambda path: path.name)
def test_every_template_of_the_repository_is_valid_and_named_as_its_folder(path: Path) -> None:
    template, _ = load_template_dir(path)
    assert template.name == path.name


@pytest.mark.parametrize("name", ["template.yaml", "model.yaml"])
@pytest.mark.parametrize("folder", ALL_TEMPLATES, ids=lambda path: path.name)
def test_every_key_carries_or_follows_a_comment(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    lines = ["", *text.splitlines()]  # the line above the first one
    keys = list(_key_lines(yaml.compose(text)))
    bare = [
        f"{folder / name}:{number + 1}: {lines[number + 1].strip()}"
        for number in keys
        if not re.search(r"\s# ", lines[number + 1]) and not re.match(r"\s*# ", lines[number])
    ]
    assert keys and bare == []


@pytest.mark.parametrize("path", ALL_TEMPLATES, ids=lambda path: path.name)
def test_the_head_of_a_template_shows_the_command_that_starts_with_it(path: Path) -> None:
    for name in ("template.yaml", "model.yaml"):
        head = (path / name).read_text(encoding="utf-8").split("\n\n", 1)[0]
        assert "python tools/instantiate_template.py" in head
        assert f"{path.relative_to(REPOSITORY)} my_model" in head


def test_there_are_the_two_published_templates() -> None:
    assert {path.name for path in ALL_TEMPLATES} >= {
        "s3d-rgb-mobilenet-v3-stream-msasl",
        "s3d-rgb-mobilenet-v3-stream-jester",
    }


@pytest.mark.parametrize(
    ("name", "figures", "gpu_num", "clip_len", "num_labels", "learning_rate"),
    [
        ("msasl", {"accuracy": 84.7, "complexity": 6.66, "size": 4.133}, 2, 16, 100, 0.01),
        ("jester", {"accuracy": 93.58, "complexity": 4.2269, "size": 4.1128}, 4, 8, 27, 0.001),
    ],
)
def test_published_figures(
    name: str,
    figures: dict[str, float],
    gpu_num: int,
    clip_len: int,
    num_labels: int,
    learning_rate: float,
) -> None:
    template, _ = load_template_dir(template_dir(name))
    assert {metric.key: metric.value for metric in template.metrics} == figures
    assert {metric.key: metric.unit for metric in template.metrics} == {
        "accuracy": "%",
        "complexity": "GFLOPs",
        "size": "Mp",
    }
    assert (template.gpu_num, template.input.clip_len, len(template.labels)) == (
        gpu_num,
        clip_len,
        num_labels,
    )
    basic = template.hyper_parameters.basic
    assert (basic.batch_size, basic.epochs, basic.base_learning_rate) == (14, 65, learning_rate)


@pytest.mark.parametrize(
    ("name", "size", "sha256"),
    [
        ("msasl", 43195590, "3bb05087cb405f83479a5ae83ec6a8ad49163047569e0309f78f81e9a337708c"),
        ("jester", 33272762, "387f42e4a71ca0955e174d4661f795989b35056993f0049f45df4c56f83273d4"),
    ],
)
def test_published_snapshots(name: str, size: int, sha256: str) -> None:
    snapshot = load_template(template_dir(name) / "template.yaml").snapshot()
    assert snapshot is not None
    assert (snapshot.size, snapshot.sha256) == (size, sha256)


def test_the_two_networks_differ_where_the_originals_do() -> None:
    msasl = load_model_config(template_dir("msasl") / "model.yaml").backbone
    jester = load_model_config(template_dir("jester") / "model.yaml").backbone
    assert [index for index, stride in enumerate(msasl.temporal_stride) if stride == 2] == [1, 10]
    assert [index for index, stride in enumerate(jester.temporal_stride) if stride == 2] == [1]
    assert [index for index, kind in enumerate(msasl.attention) if kind == "spatial_temporal"] == [
        9,
        12,
    ]
    assert [index for index, kind in enumerate(jester.attention) if kind == "spatial"] == [9, 12]
    same = {"temporal_stride", "attention"}
    assert msasl.model_dump(exclude=same) == jester.model_dump(exclude=same)


def test_jester_swaps_mirrored_labels() -> None:
    template = load_template(template_dir("jester") / "template.yaml")
    swaps = template.training.augmentation.flip.label_swaps
    pairs = {
        frozenset((template.labels.index(left), template.labels.index(right)))
        for left, right in swaps.items()
    }
    assert pairs == {frozenset((0, 1)), frozenset((6, 7)), frozenset((14, 15))}


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_one(folder: Path) -> None:
    path = folder / "template.yaml"
    _replace(path, "    epochs: 65", "    epochs: 65\n    epoch_size: 3")
    line = _line_of(path, "epoch_size")
    assert _messages(folder) == [
        f"{path}:{line}: hyper_parameters.basic.epoch_size: is not a known key, "
        "did you mean 'epochs'?; allowed: batch_size, base_learning_rate, epochs"
    ]


def test_an_unknown_key_inside_a_list_is_found_too(folder: Path) -> None:
    _replace(folder / "template.yaml", "    size: 33272762", "    sise: 33272762")
    (message,) = _messages(folder)
    assert "dependencies.0.sise: is not a known key, did you mean 'size'?" in message


def test_problems_of_both_files_are_reported_together(folder: Path) -> None:
    template, model = folder / "template.yaml", folder / "model.yaml"
    _replace(template, "clip_len: 8", "clip_len: eight")
    _replace(template, "gpu_num: 4", "gpu_num: -1")
    _replace(template, "      probability: 0.5", "      probability: 1.5")
    _replace(model, "embedding_size", "embeding_size")
    messages = _messages(folder)
    clip_len = f"{template}:{_line_of(template, 'clip_len')}: input.clip_len"
    gpu_num = f"{template}:{_line_of(template, 'gpu_num')}: gpu_num"
    assert f"{clip_len}: found 'eight'; allowed: a valid integer" in messages
    assert f"{gpu_num}: found -1; allowed: greater than or equal to 0" in messages
    assert any(
        "training.augmentation.rotate.probability: found 1.5" in message for message in messages
    )
    assert any(
        "head.embeding_size: is not a known key, did you mean 'embedding_size'?" in message
        for message in messages
    )
    assert any("head.embedding_size: is missing" in message for message in messages)
    assert len(messages) == 5


def test_missing_files_are_reported_together(tmp_path: Path) -> None:
    messages = _messages(tmp_path)
    assert len(messages) == 2
    assert messages[0].startswith(f"{tmp_path / 'template.yaml'}: there is no such file")
    assert messages[1].startswith(f"{tmp_path / 'model.yaml'}: there is no such file")


def test_a_key_that_stands_twice_is_refused(folder: Path) -> None:
    path = folder / "template.yaml"
    first = _line_of(path, "gpu_num: 4")
    _replace(path, "gpu_num: 4", "gpu_num: 4\ngpu_num: 2")
    assert _messages(folder) == [
        f"{path}:{first + 1}: gpu_num: stands already on line {first}; to repair: keep one of them"
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: [1, 2", ":1: is not YAML"),
        ("- a\n- b\n", "no mapping of keys to values"),
        ("", "no mapping of keys to values"),
        ("a: !!python/object/apply:os.system ['true']\n", "is not YAML"),
        ("[" * 5000, "is nested too deeply"),
    ],
)
def test_what_is_not_a_yaml_mapping_is_refused(folder: Path, content: str, said: str) -> None:
    (folder / "template.yaml").write_text(content, encoding="utf-8")
    (message,) = _messages(folder)
    assert said in message


def test_a_binary_file_is_refused(folder: Path) -> None:
    (folder / "template.yaml").write_bytes(b"\x80\x04\xff")
    assert "is not a text file in UTF-8" in _messages(folder)[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "Swiping Left: Swiping Right",
            "Swiping Left: Swiping Rihgt",
            "'Swiping Rihgt' is not among labels, did you mean 'Swiping Right'?",
        ),
        ("Swiping Left: Swiping Right", "Swipe: Swiping Right", "'Swipe' is not among labels"),
        (
            "negative_label: No gesture",
            "negative_label: no gestures",
            "negative_label: 'no gestures' is not among labels, did you mean 'No gesture'?",
        ),
        ('"Thumb Up", "Thumb Down"', '"Thumb Up", "Thumb Up"', "'Thumb Up' appears twice"),
        ("crop_size: 224", "crop_size: 0", "input.crop_size"),
        ("step_epochs: [30, 50]", "step_epochs: [50, 30]", "[50, 30] is not ascending"),
        (
            "scale_power: 1.2",
            "scale_power: 1.0",
            "training.loss.scale_power: found 1.0; allowed: greater than 0, but not 1",
        ),
        (
            "destination: snapshot.pth",
            "destination: ../snapshot.pth",
            "is not a relative path inside the work dir",
        ),
        (
            "destination: snapshot.pth",
            "destination: /tmp/snapshot.pth",
            "is not a relative path inside the work dir",
        ),
        ("gpu_num: 4", 'gpu_num: "4"', "gpu_num: found '4'"),
        ("sha256: 387f", "sha256: 387g", "dependencies.0.sha256"),
        (
            "mean_values: [123.675, 116.28, 103.53]",
            "mean_values: [123.675, 116.28]",
            "input.mean_values",
        ),
        ("label_swaps:\n", "swaps:\n", "training.augmentation.flip.label_swaps: is missing"),
    ],
)
def test_values_that_cannot_be(folder: Path, old: str, new: str, said: str) -> None:
    _replace(folder / "template.yaml", old, new)
    assert any(said in message for message in _messages(folder))


def test_rows_of_the_block_table_have_equal_length(folder: Path) -> None:
    path = folder / "model.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["backbone"]["out_channels"].pop()
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    (message,) = _messages(folder)
    assert "out_channels has 14 entries, kernel_size has 15: one per block" in message


def test_validation_is_quick() -> None:
    start = time.perf_counter()
    load_template_dir(template_dir("msasl"))
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        (
            "template.yaml",
            "kind: landmarks ",
            "kind: landmark ",
            r"template\.yaml:17: input\.kind: found 'landmark', did you mean 'landmarks'",
        ),
        (
            "template.yaml",
            "tracking_rate_fps: 10.0",
            "tracking_rate: 10.0",
            r"input\.tracking_rate: is not a known key, did you mean 'tracking_rate_fps'",
        ),
        (
            "template.yaml",
            "mix: null",
            "mix: {type: mixup, alpha: 0.4, probability: 0.5}",
            "training.mix blends pixels; set it to null for landmarks",
        ),
        (
            "model.yaml",
            "features_version: 1",
            "features_version: 2",
            "features_version: found 2; allowed: 1",
        ),
    ],
)
def test_a_template_over_landmarks_says_what_is_wrong(
    tmp_path: Path, file: str, right: str, wrong: str, said: str
) -> None:
    folder = tmp_path / "template"
    shutil.copytree(REPOSITORY / "model_templates/hand_landmarks/hand-landmarks-clips", folder)
    text = (folder / file).read_text()
    assert right in text
    (folder / file).write_text(text.replace(right, wrong, 1))
    with pytest.raises(UserError, match=said):
        load_template_dir(folder)


def test_a_network_over_landmarks_takes_no_frames(tmp_path: Path) -> None:
    folder = tmp_path / "template"
    shutil.copytree(template_dir("jester"), folder)
    landmarks = REPOSITORY / "model_templates/hand_landmarks/hand-landmarks-clips/model.yaml"
    shutil.copy(landmarks, folder / "model.yaml")
    with pytest.raises(UserError, match=r"input\.kind: found 'frames'; allowed: landmarks"):
        load_template_dir(folder)
