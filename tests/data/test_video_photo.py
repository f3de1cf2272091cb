"""A photo in the place of a video: a clip of one frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from action_recognition.data.video import container_frame_rate, count_frames, probe, read_frames
from action_recognition.errors import UserError


def test_a_photo_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    """Every function of `video` takes it."""
    path = tmp_path / "a.png"
    picture = np.random.default_rng(0).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    Image.fromarray(picture).save(path)

    assert count_frames(path) == 1 and container_frame_rate(path) is None
    info = probe(path)
    assert (info.num_frames, info.frame_rate_fps, info.width, info.height) == (1, None, 40, 24)
    np.testing.assert_array_equal(read_frames(path, [0, 0]), np.stack([picture, picture]))
    with pytest.raises(UserError, match="there is no frame 1"):
        read_frames(path, [1])
