"""Upright RGB pictures of decoded frames, the same for training and for live recognition."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from action_recognition.data.media.colours import Colours, colours_of
from action_recognition.data.media.hdr import to_sdr
from action_recognition.data.media.orientation import (
    Orientation,
    orientation_of,
    shown,
)


class PictureMaker:
    """Conversion of frames to RGB. One for all frames of a stream keeps its tables.

    The matrix that a frame states is used, see `colours`. HDR becomes SDR BT.709, see `hdr`. The
    picture stands as a player shows it, see `orientation`. Pixels that are not square stay as they
    are, and transparency is left out.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def picture(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Return a frame as (H, W, 3) uint8 RGB."""
        colours = self._correct(frame)
        # One thread: to start more takes longer than the work.
        rgb = self._reformatter.reformat(frame, format="rgb24", threads=1)
        return _finished(rgb, colours, orientation_of(frame))

    def squeezed(self, frame: av.VideoFrame, side: int) -> NDArray[np.uint8]:
        """Return a frame as (side, side, 3) uint8 RGB, whatever its shape."""
        colours = self._correct(frame)
        rgb = self._reformatter.reformat(
            frame, width=side, height=side, format="rgb24", interpolation="AREA", threads=1
        )
        return _finished(rgb, colours, orientation_of(frame))

    @staticmethod
    def _correct(frame: av.VideoFrame) -> Colours:
        """Give a frame the matrix that is read. Return its colours."""
        colours = colours_of(frame)
        if frame.colorspace != colours.matrix:
            frame.colorspace = colours.matrix
        return colours


def _finished(rgb: av.VideoFrame, colours: Colours, orientation: Orientation) -> NDArray[np.uint8]:
    """Map HDR and put the picture upright."""
    picture = rgb.to_ndarray()
    if colours.hdr:
        picture = to_sdr(picture, colours.hdr, colours.is_p3)
    return shown(picture, orientation)
