"""A photo out of a file or an upload: upright RGB from every usual kind of file.

Any file that is no photo becomes an error of one sentence.
"""

from __future__ import annotations

import importlib.util
import io
import warnings
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.photo_kinds import (
    HEAD_BYTES,
    HEIC,
    PHOTO_KINDS,
    READ_BY_PILLOW,
    kind_of,
)
from action_recognition.errors import UserError, user_error
from action_recognition.files import check_plain_file

PHOTO_SUFFIXES: Final = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".gif"),
        *(".avif", ".heic", ".heif", ".hif"),
    }
)
MAX_PIXELS: Final = 100_000_000
"""More is refused before anything is decoded: 300 MB of RGB, more than cameras of phones give."""
_MAX_PIXELS_SAID: Final = f"up to {MAX_PIXELS // 1_000_000} million pixels"
_FORMATS_SAID: Final = "a JPEG, PNG, WebP, AVIF, HEIC, BMP or GIF file"
_CONVERT: Final = "save it as JPEG; phones and picture viewers can"
_SIXTEEN_BIT: Final = ("I", "I;16", "I;16B", "I;16L", "I;16N")

Photo = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""


def read_photo(file: MediaPath) -> Photo:
    """Read the photo of a file, (H, W, 3) uint8 RGB.

    Raises UserError: as `decode_photo`, or the file cannot be opened.
    """
    if isinstance(file, Path):
        check_plain_file(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise user_error(str(file), f"cannot be read ({error.strerror})") from None
    return decode_photo(data, str(file))


def encoded_picture(picture_rgb: Photo, suffix: str, jpeg_quality: int | None = None) -> bytes:
    """Encode a picture (H, W, 3) uint8 RGB in the format of a suffix such as `.png`.

    Write the bytes with Python: OpenCV's own writing to a full disk says nothing.
    Raises UserError: no encoder of this format, or a size that it does not take.
    """
    # PNG takes no quality.
    is_jpeg = jpeg_quality is not None and suffix.lower() in (".jpg", ".jpeg")
    parameters = [cv2.IMWRITE_JPEG_QUALITY, int(jpeg_quality or 0)] if is_jpeg else []
    try:
        done, data = cv2.imencode(suffix, picture_rgb[..., ::-1], parameters)
    except cv2.error:
        done = False
    if not done:
        height, width = picture_rgb.shape[:2]
        raise user_error(suffix, f"does not take a picture of {width}x{height}")
    return data.tobytes()


def decode_photo(data: bytes, name: str) -> Photo:
    """Decode the bytes of an image file, (H, W, 3) uint8 RGB. Errors give `name` as their place.

    The rotation that EXIF states is applied. Transparent pixels become white, 16 bits become 8,
    CMYK becomes RGB, and an animation becomes its first picture.

    Raises UserError: the data is no image, is cut short, or has more than `MAX_PIXELS`.
    """
    try:
        return _decoded(data, name)
    except Image.DecompressionBombError:
        raise user_error(name, "is larger than any photo", _MAX_PIXELS_SAID) from None
    except UserError:
        raise
    # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and others for damage.
    except Exception as error:
        found = f"cannot be read as an image ({_reason(error)})"
        raise user_error(name, found, _FORMATS_SAID, "save or copy it again") from None


def _decoded(data: bytes, name: str) -> Photo:
    """Decode with the errors of Pillow as they are."""
    with warnings.catch_warnings():
        # Our own limit is the one that counts.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        picture = Image.open(io.BytesIO(data), formats=_formats(data, name))
        _check_size(picture.size, name)
        picture.load()
        return _to_rgb(ImageOps.exif_transpose(picture))


def _formats(data: bytes, name: str) -> tuple[str, ...]:
    """Return the formats to try for the bytes of a file, whatever its name says.

    Raises UserError: they are of a kind that is not read, or HEIC without `pillow-heif`.
    """
    kind = kind_of(data[:HEAD_BYTES])
    if kind == HEIC:
        return (_heic_format(name),)
    if kind and kind not in READ_BY_PILLOW:
        raise user_error(name, f"is a {kind} file by its content", _FORMATS_SAID, _CONVERT)
    return READ_BY_PILLOW


def _heic_format(name: str) -> str:
    """Return Pillow's name of HEIC once the package that reads it has been added to Pillow."""
    if importlib.util.find_spec("pillow_heif") is None:
        found = "is a HEIC photo, which needs the package pillow-heif"
        fix = f"pip install -e .[heic], or {_CONVERT} (iPhone: Camera, Formats, Most Compatible)"
        raise user_error(name, found, fix=fix)

    import pillow_heif

    pillow_heif.register_heif_opener()
    return "HEIF"


def is_photo_file(file: Path) -> bool:
    """Return True for a file that is a photo by its content, or says so by its name."""
    return file.suffix.lower() in PHOTO_SUFFIXES or photo_kind(file) != ""


def photo_kind(path: MediaPath) -> str:
    """Return the kind of photo that a file is by its content, or an empty text."""
    try:
        kind = kind_of(_head(path))
    except (OSError, ValueError, UserError):
        return ""
    return kind if kind in PHOTO_KINDS else ""


def _head(path: MediaPath) -> bytes:
    """Return the first bytes of a file, or of one in a shard. Folders and pipes have none."""
    if not isinstance(path, Path):
        return b"" if path.is_dir() else path.read_bytes()[:HEAD_BYTES]
    if not path.is_file():
        return b""
    with path.open("rb") as opened:
        return opened.read(HEAD_BYTES)


def _check_size(size: tuple[int, int], name: str) -> None:
    """Check the size in the header. Raises UserError: it has more than `MAX_PIXELS`."""
    width, height = size
    if width * height > MAX_PIXELS:
        raise user_error(name, f"is {width}x{height}", _MAX_PIXELS_SAID, "make it smaller")


def _to_rgb(picture: Image.Image) -> Photo:
    if picture.mode in _SIXTEEN_BIT:
        # Pillow converts 16 bits by clipping, not by scaling.
        grey = np.asarray(picture).astype(np.int64) >> 8
        return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)

    if picture.has_transparency_data:
        # Transparent pixels lie on white.
        coloured = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
    return np.array(picture.convert("RGB"), np.uint8)


def _reason(error: Exception) -> str:
    """Return the first line of an error's text, at most 120 characters, or that no format fits."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "none that is known" if isinstance(error, UnidentifiedImageError) else text[:120]
