"""The meaning of colour tags, and what is read instead where a tag cannot be believed.

A video states the matrix that made YUV of its colours, their transfer (SDR, HLG, PQ) and their
primaries. Without a matrix BT.601 is meant, as FFmpeg and OpenCV read it, whatever the size.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from av.video.format import VideoFormat

# Codes of matrices, transfers and primaries. Source: ITU-T H.273, tables 2 to 4.
RGB, UNSPECIFIED, BT709, BT601 = 0, 2, 1, 5
_YCGCO, _BT2020, _BT2020_CONSTANT, _ICTCP = 8, 9, 10, 14
_PQ, _HLG = 16, 18
_P3_D65 = 12
# The matrices that FFmpeg converts.
_CONVERTED: Final = frozenset({BT709, UNSPECIFIED, 4, BT601, 6, 7, _BT2020})
_NAMES: Final = {
    RGB: "RGB",
    BT709: "BT.709",
    BT601: "BT.601",
    _YCGCO: "YCgCo",
    _BT2020: "BT.2020",
    _BT2020_CONSTANT: "BT.2020 constant luminance",
    11: "SMPTE 2085",
    12: "a matrix of its primaries",
    13: "a matrix of its primaries, constant luminance",
    _ICTCP: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
_HDR_NAMES: Final = {_PQ: "PQ", _HLG: "HLG"}
# Primaries of SDR. A video that states them is none in HDR.
_SDR_PRIMARIES: Final = frozenset({BT709, 4, 5, 6, 7, 22})


class Tagged(Protocol):
    """A decoded frame, or the decoder of a stream: what states colour tags."""

    @property
    def format(self) -> VideoFormat | None:
        """Pixel format, None before the first frame."""

    @property
    def colorspace(self) -> int:
        """Matrix, as FFmpeg numbers it."""

    @property
    def color_trc(self) -> int:
        """Transfer characteristic, as FFmpeg numbers it."""

    @property
    def color_primaries(self) -> int:
        """Primaries, as FFmpeg numbers them."""


class Colours(NamedTuple):
    """The colours that are read: a matrix that FFmpeg converts, and HDR with its primaries.

    `hdr` is "HLG", "PQ" or empty.
    """

    matrix: int
    hdr: str
    is_p3: bool


def colours_of(tagged: Tagged) -> Colours:
    """Return how the pixels of a frame or stream are read."""
    is_sdr = tagged.color_primaries in _SDR_PRIMARIES
    hdr = "" if is_sdr else _HDR_NAMES.get(tagged.color_trc, "")
    return Colours(_matrix(tagged, hdr), hdr, tagged.color_primaries == _P3_D65)


def colour_note(tagged: Tagged) -> str:
    """Describe tags that are not read as they stand, and HDR. Empty where nothing is to be said."""
    notes = []
    colours, matrix = colours_of(tagged), tagged.colorspace
    if matrix not in (colours.matrix, UNSPECIFIED):
        name = _NAMES.get(matrix, f"the unknown matrix {matrix}")
        why = "with pixels in YUV" if matrix == RGB else "which FFmpeg does not convert"
        notes.append(f"is tagged {name}, {why}; read as {_NAMES[colours.matrix]}")

    if colours.hdr:
        notes.append(f"is HDR ({colours.hdr}); mapped to SDR BT.709")
    elif hdr := _HDR_NAMES.get(tagged.color_trc):
        notes.append(f"is tagged HDR ({hdr}), but with the primaries of SDR; read as SDR")
    return "; ".join(notes)


def _matrix(tagged: Tagged, hdr: str) -> int:
    """Return the stated matrix, or the one that is read instead."""
    # Pixels in RGB or grey need none.
    pixels = tagged.format
    if pixels is None or pixels.is_rgb or len(pixels.components) < 3:
        return tagged.colorspace
    if tagged.colorspace == UNSPECIFIED and hdr:
        return _BT2020
    if tagged.colorspace in _CONVERTED:
        return tagged.colorspace
    # Encoders that write a wrong matrix usually write the right primaries.
    if tagged.color_primaries == _BT2020 or hdr:
        return _BT2020
    return BT709 if tagged.color_primaries == BT709 and tagged.colorspace != RGB else BT601
