"""Names of classes that are no printable text are refused wherever they are read."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from action_recognition.checkpoint import TrainedModel, describe_training, load_trained_model
from action_recognition.checkpoint.saving import save_atomically
from action_recognition.checkpoint.trained import TRAINED_MODEL_KEY
from action_recognition.class_names import fault_of_name
from action_recognition.commands.arguments import class_list
from action_recognition.data.labels import read_classes, training_labels
from action_recognition.dataset_tools.importing.found import Found, FoundClip
from action_recognition.dataset_tools.importing.import_dataset import ImportOptions, make_data_set
from action_recognition.deploy.metadata import example
from action_recognition.errors import UserError
from action_recognition.template import load_template_dir
from tests.tiny import tiny_template

GOOD = ["Größe", "a$b$", "你好", "नमस्ते", "مرحبا", "می‌خواهم", "👩‍🚀", "C++ <&> %s", "x" * 200]
BAD = {
    "": "is empty",
    "  ": "is empty",
    "a\x1b[2J": r"class name 'a\x1b[2J' has a control character (U+001B)",
    "a\nb": "a control character (U+000A)",
    "a\x00": "a control character (U+0000)",
    "a\ud800": "half of a character (a lone surrogate) (U+D800)",
    "\u202egnp.exe": "an invisible character (U+202E)",
    "a\u2066b": "an invisible character (U+2066)",
    "\ufeffwave": "an invisible character (U+FEFF)",
    "a\u2028b": "a line break (U+2028)",
    "a\ue000": "a character of private use (U+E000)",
    "a\uffff": "a code that is no character (U+FFFF)",
    "\u0301": "shows nothing",
    "\u200d": "shows nothing",
    " wave": "has blanks around it",
    "x" * 201: "has 201 characters",
}


@pytest.mark.parametrize("name", GOOD)
def test_text_of_any_script_is_a_name(name: str) -> None:
    assert fault_of_name(name) == ""


@pytest.mark.parametrize(("name", "fault"), BAD.items(), ids=ascii)
def test_other_text_is_none_and_the_message_is_printable(name: str, fault: str) -> None:
    assert fault in fault_of_name(name)
    assert fault_of_name(name).isprintable()


def test_every_place_that_reads_names_refuses_them(tmp_path: Path) -> None:
    bad = "wave\x1b"

    classes = tmp_path / "classes.json"
    classes.write_text(json.dumps(["stop", bad, "\ud83d"]))
    _refused(lambda: read_classes(classes), "classes.json", num_problems=2)

    lines = tmp_path / "data" / "train.txt"
    lines.parent.mkdir()
    lines.write_text(f"a.mp4 {bad}\n")
    _refused(lambda: training_labels([lines], None, (), [lines.parent]), "train.txt")

    _refused(lambda: replace(example(), labels=("No gesture", bad)), "labels")
    with pytest.raises(argparse.ArgumentTypeError, match="control character"):
        class_list(f"stop,{bad}")

    template = tiny_template(tmp_path / "tiny")
    template.write_text(template.read_text().replace("labels: []", 'labels: [stop, "wave\\e"]'))
    _refused(lambda: load_template_dir(template.parent), "template.yaml:")


def test_folders_of_classes_are_refused_before_a_clip_is_opened(tmp_path: Path) -> None:
    clips = [
        FoundClip(path=f"{name}/a.mp4", label=name, where=f"{name}/a.mp4")
        for name in ("stop", "wave\u202e")
    ]
    found = Found(tmp_path, clips)
    _refused(lambda: make_data_set(found, ImportOptions(), _never), str(tmp_path))


def test_a_checkpoint_is_refused(tiny: TrainedModel, tmp_path: Path) -> None:
    labels = ["wave\x9b", *tiny.labels[1:]]
    described = describe_training(labels, tiny.template, tiny.model, {"action_recognition": "1"})
    file = tmp_path / "model.pth"
    content = {"state_dict": dict(tiny.state_dict), TRAINED_MODEL_KEY: described}
    save_atomically(content, file)
    _refused(lambda: load_trained_model(file), "model.pth")


def _never(done: int, total: int) -> None:
    raise AssertionError("a clip was opened")


def _refused(call: Callable[[], object], where: str, num_problems: int = 1) -> None:
    with pytest.raises(UserError) as error:
        call()
    assert len(error.value.problems) == num_problems
    for problem in error.value.problems:
        assert where in problem.where
        assert (
            "has a control" in problem.found
            or "invisible" in problem.found
            or ("surrogate" in problem.found)
        )
