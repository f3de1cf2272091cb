"""A photo in the place of a video: a clip of one frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from action_recognition.data.media.film import Film
from action_recognition.data.video import (
    container_frame_rate,
    count_frames,
    is_photo,
    probe,
    read_frames,
)
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


@pytest.mark.parametrize("name", ["photo", "photo.jpg_large", "photo.0001"])
def test_a_photo_without_a_known_suffix_is_known_by_its_content(name: str, tmp_path: Path) -> None:
    """It stands as its Exif says, as a file with the right suffix does."""
    picture = Image.new("RGB", (40, 24), (200, 30, 30))
    exif = picture.getexif()
    exif[0x0112] = 6  # a quarter turn
    picture.save(tmp_path / name, "JPEG", exif=exif)
    assert is_photo(tmp_path / name) and count_frames(tmp_path / name) == 1
    assert read_frames(tmp_path / name, [0]).shape == (1, 40, 24, 3)


@pytest.mark.parametrize("name", ["photo.mp4", "photo.gif", "photo.mov"])
def test_a_photo_with_the_name_of_a_video_is_refused(name: str, tmp_path: Path) -> None:
    """FFmpeg would read it, without the turn of its Exif."""
    Image.new("RGB", (40, 24)).save(tmp_path / name, "JPEG")
    for read in (count_frames, Film):
        with pytest.raises(UserError, match="is a photo, not a video; to repair: give its name"):
            read(tmp_path / name)


def test_a_tiff_is_named_as_what_it_is(tmp_path: Path) -> None:
    """It is a photo by its content, of a kind that is not read."""
    Image.new("RGB", (40, 24)).save(tmp_path / "photo.tif")
    with pytest.raises(UserError, match="is a TIFF file by its content"):
        read_frames(tmp_path / "photo.tif", [0])
