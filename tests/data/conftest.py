"""Small synthetic clips, and the input and recipe of a template for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.template import (
    Augmentation,
    ClipInput,
    load_template_dir,
)
from tests.conftest import template_dir
from tests.synthetic import (
    numbered_frames,
    write_frame_folder,
    write_video,
)


@pytest.fixture(scope="module")
def clip_input() -> ClipInput:
    """Jester's input at 48 pixels."""
    return load_template_dir(template_dir("jester"))[0].input.model_copy(
        update={"resize_short_side": 48, "crop_size": 48}
    )


@pytest.fixture(scope="module")
def augmentation() -> Augmentation:
    """Jester's own recipe."""
    return load_template_dir(template_dir("jester"))[0].training.augmentation


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with two videos, a frame folder and a file that is no video."""
    folder = tmp_path_factory.mktemp("clips")
    write_video(folder / "a.mp4", numbered_frames(40, 48, 48))
    write_video(folder / "b.mp4", numbered_frames(30, 48, 48, first=100))
    write_frame_folder(folder / "frames", numbered_frames(20, 48, 48, first=200))
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder
