"""Contact sheets: every clip's frames, in order, under its caption."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from action_recognition.training.reporting.contact_sheet import contact_sheet


def coloured_clips(number: int, frames: int, side: int = 56) -> torch.Tensor:
    """Red is 40 * clip, green is 10 * frame, blue 200."""
    clips = torch.full((number, 3, frames, side, side), 200, dtype=torch.uint8)
    clips[:, 0] = 40 * torch.arange(number, dtype=torch.uint8).view(-1, 1, 1, 1)
    clips[:, 1] = 10 * torch.arange(frames, dtype=torch.uint8).view(1, -1, 1, 1)
    return clips


@pytest.mark.parametrize(("num_frames", "side"), [(3, 56), (16, 56), (4, 224)])
def test_frames_stand_in_order_under_their_caption(num_frames: int, side: int) -> None:
    sheet = contact_sheet(coloured_clips(3, num_frames, side), ["a", "b", "c"], columns=1)
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
    row_height = (sheet.shape[0] - 4) // 3
    shown = min(num_frames, 8)
    for clip in range(3):
        line = sheet[clip * row_height + row_height // 2, 8 : shown * 116 : 116].tolist()
        assert [pixel[0] for pixel in line] == [40 * clip] * shown and {
            pixel[2] for pixel in line
        } == {200}
        greens = [pixel[1] for pixel in line]
        assert (
            greens == sorted(set(greens)) and greens[0] == 0 and greens[-1] == 10 * (num_frames - 1)
        )


def test_captions_are_drawn_in_any_script_above_the_frames() -> None:
    plain, captioned, other = (
        contact_sheet(coloured_clips(1, 4), [caption]) for caption in ("", "Größe", "你好")
    )
    changed = (plain != captioned).any(2)
    assert changed.any() and not changed[24:].any()
    assert (captioned != other).any()


def test_columns_stand_side_by_side_and_the_rest_stays_blank() -> None:
    one, two = (
        contact_sheet(coloured_clips(3, 4), ["", "", ""], columns=columns) for columns in (1, 2)
    )
    width, height = one.shape[1] - 4, (one.shape[0] - 4) // 3
    np.testing.assert_array_equal(two[:height, width : 2 * width], one[height : 2 * height, :width])
    assert (two[height:, width:] == 255).all()


def test_a_caption_for_each_clip() -> None:
    with pytest.raises(ValueError, match="zip"):
        contact_sheet(coloured_clips(2, 4), ["a"])
    with pytest.raises(ValueError, match="no clips"):
        contact_sheet(coloured_clips(0, 4), [])
