"""The class that means no gesture goes from the data set's description into the checkpoint and the
exported model's metadata.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from action_recognition.checkpoint import load_trained_model
from action_recognition.data.listed_clips import listed_clips
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.errors import UserError
from action_recognition.template import load_template_dir
from action_recognition.training.options import TrainOptions
from action_recognition.training.run import train
from action_recognition.training.studies.subsets import write_annotations
from action_recognition.training.template_flags import with_negative_label
from tests.tiny import LABELS, tiny_data, tiny_template


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tiny_data(tmp_path / "data", clips_per_class=2)
    state(folder, LABELS[2])
    return folder


def state(data: Path, name: str | None) -> None:
    (data / "dataset.json").write_text(json.dumps({"negative_label": name}), encoding="utf-8")


def options(data: Path) -> TrainOptions:
    return TrainOptions(
        train_ann_files=[data / "train.txt"],
        train_data_roots=[data],
        val_ann_files=[data / "val.txt"],
        val_data_roots=[data],
        save_checkpoints_to=data.parent / "out",
        gpu_num=0,
        epochs=1,
    )


def test_it_reaches_checkpoint_and_metadata(data: Path, tmp_path: Path) -> None:
    trained = load_trained_model(train(tiny_template(tmp_path / "work").parent, options(data)))
    assert trained.template.negative_label == LABELS[2]
    assert from_trained(trained, "0" * 64).negative_label == LABELS[2]


def test_what_the_template_says_stays_where_the_data_set_says_nothing(
    data: Path, tmp_path: Path
) -> None:
    template, _ = load_template_dir(tiny_template(tmp_path / "work").parent)
    template = template.model_copy(update={"labels": [*LABELS], "negative_label": LABELS[0]})
    assert with_negative_label(template, data / "train.txt", LABELS).negative_label == LABELS[2]
    state(data, None)
    assert with_negative_label(template, data / "train.txt", LABELS) is template
    (data / "dataset.json").unlink()
    assert with_negative_label(template, data / "train.txt", LABELS) is template


def test_a_template_of_other_labels_gives_way(data: Path, tmp_path: Path) -> None:
    template, _ = load_template_dir(tiny_template(tmp_path / "work").parent)
    changed = with_negative_label(
        template.model_copy(update={"labels": ["a", "b"]}), data / "train.txt", LABELS
    )
    assert (changed.negative_label, changed.labels) == (LABELS[2], [])


@pytest.mark.parametrize(
    "text",
    ['{"negative_label": "no gestur"}', '{"negative_label": 3}', '{"negativ": "no gesture"}', "["],
)
def test_a_wrong_description_is_named(data: Path, tmp_path: Path, text: str) -> None:
    (data / "dataset.json").write_text(text, encoding="utf-8")
    template, _ = load_template_dir(tiny_template(tmp_path / "work").parent)
    with pytest.raises(UserError, match=r"dataset.json"):
        with_negative_label(template, data / "train.txt", LABELS)


def test_parts_of_a_data_set_keep_its_description(data: Path, tmp_path: Path) -> None:
    write_annotations(
        listed_clips([data / "train.txt"], [data], LABELS)[0], tmp_path / "fold_1", "train"
    )
    assert json.loads((tmp_path / "fold_1" / "dataset.json").read_text(encoding="utf-8")) == {
        "negative_label": LABELS[2]
    }
