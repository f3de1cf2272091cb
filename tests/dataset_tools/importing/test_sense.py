"""A project of SenseStudio.

Source: tools/sense_studio/{project_utils,annotation}.py and docs of github.com/TwentyBN/sense:
project_config.json holds name, date_created, classes {class: [tag, tag]}, use_gpu, temporal,
assisted_tagging, video_recording; recordings are videos_train/CLASS/*.mp4 and
videos_valid/CLASS/*.mp4; tags_train/CLASS/VIDEO.json holds file, fps, time_annotation.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from action_recognition.errors import UserError
from tests.dataset_tools.importing.made import found_in, imported, make_video, reasons

CONFIG = {
    "name": "My Project",
    "date_created": "2021-03-01",
    "classes": {
        "wave": ["wave_tag1", "wave_tag2"],
        "background": ["background_tag1", "background_tag2"],
        "never": ["", ""],
    },
    "use_gpu": False,
    "temporal": False,
    "assisted_tagging": False,
    "video_recording": {"countdown": 3, "recording": 5},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project_config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    make_video(tmp_path / "videos_train" / "wave" / "a.mp4", num_frames=40)
    make_video(tmp_path / "videos_train" / "background" / "b.mp4", num_frames=20)
    make_video(tmp_path / "videos_valid" / "wave" / "c.mp4", num_frames=40)
    make_video(tmp_path / "videos_train" / "removed" / "d.mp4")
    (tmp_path / "videos_valid" / "background").mkdir()
    return tmp_path


def tag(project: Path, text: str) -> None:
    folder = project / "tags_train" / "wave"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(text, encoding="utf-8")


def test_a_project(project: Path) -> None:
    tag(
        project,
        json.dumps(
            {"file": "a.mp4", "fps": 16.0, "time_annotation": [0, 0, 1, 1, 2, 0, 0, 0, 0, 0]}
        ),
    )
    data_set = imported(project, negative_label="background")
    assert data_set.classes == ["wave", "background", "never"]
    assert {split: [line for _, line in clips] for split, clips in data_set.clips.items()} == {
        "train": [
            "videos_train/background/b.mp4 1 0 20 0 20 30",
            "videos_train/wave/a.mp4 0 8 20 0 40 30",
        ],
        "val": ["videos_valid/wave/c.mp4 0 0 40 0 40 30"],
        "test": [],
    }
    assert "removed from the project" in reasons(data_set.left_out)["videos_train/removed"]


@pytest.mark.parametrize(
    "text", ['{"file": "a.mp4"}', "[", '{"file": "a.mp4", "fps": 16, "time_annotation": []}']
)
def test_tags_that_cannot_be_read_are_said(project: Path, text: str) -> None:
    tag(project, text)
    data_set = imported(project)
    assert "tags are not used" in data_set.changed[0].reason
    assert "videos_train/wave/a.mp4 0 0 40 0 40 30" in [line for _, line in data_set.clips["train"]]


def test_tags_of_background_only_change_nothing(project: Path) -> None:
    tag(project, json.dumps({"file": "a.mp4", "fps": 16.0, "time_annotation": [0] * 10}))
    assert "videos_train/wave/a.mp4 0 0 40 0 40 30" in [
        line for _, line in imported(project).clips["train"]
    ]


def test_a_config_of_another_schema(project: Path) -> None:
    (project / "project_config.json").write_text(
        '{"name": "x", "classes": ["wave"]}', encoding="utf-8"
    )
    with pytest.raises(UserError, match=r"project_config.json.*classes"):
        found_in(project)
