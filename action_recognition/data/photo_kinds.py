"""Kinds of photos by the first bytes of a file, whatever its name says.

Phones name HEIC files `.jpg`, and messengers WebP files. Source: the signatures of the formats,
github.com/file/file, magic/Magdir/images; for HEIF and AVIF the brands of ISO/IEC 23008-12.
"""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 64
# People have these kinds of videos, and FFmpeg reads them.
VIDEO_SUFFIXES: Final = frozenset(
    [
        *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv"),
        *(".3gp", ".ogv", ".ogg", ".mts", ".m2ts", ".ts", ".vob", ".asf", ".gif", ".apng"),
        *(".h264", ".264", ".h265", ".265", ".hevc", ".mjpeg", ".mjpg", ".ivf", ".y4m"),
    ]
)
# Names of Pillow's readers. That of JPEG reads MPO, a photo with others behind it, too.
READ_BY_PILLOW: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "AVIF")
HEIC: Final = "HEIC"
_SIGNATURES: Final = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"\x1aE\xdf\xa3": "video",
}
_HEIC_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# By content these are photos, read or not.
PHOTO_KINDS: Final = frozenset({*READ_BY_PILLOW, HEIC, "TIFF", "JPEG XL", "JPEG 2000"}) - {"GIF"}


def kind_of(head: bytes) -> str:
    r"""Return the kind of a file by its first `HEAD_BYTES` bytes, or an empty text.

    >>> kind_of(b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00mif1heic"), kind_of(b"hello")
    ('HEIC', '')
    """
    if head[4:8] == b"ftyp":
        # The main brand, a version, then the brands that it is compatible with.
        brands = [head[8:12], *(head[place : place + 4] for place in range(16, len(head), 4))]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        return HEIC if any(brand in _HEIC_BRANDS for brand in brands) else "video"
    if head[:4] == b"RIFF":
        return "WEBP" if head[8:12] == b"WEBP" else "video"
    return next((kind for start, kind in _SIGNATURES.items() if head.startswith(start)), "")
