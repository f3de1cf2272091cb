"""Photos as people have them: every kind of file becomes upright RGB, or one sentence."""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from action_recognition.data.photo import MAX_PIXELS, decode_photo, read_photo
from action_recognition.errors import UserError


def halves(height: int = 24, width: int = 40) -> np.ndarray:
    """Red on the left, blue on the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 0] = 250
    picture[:, width // 2 :, 2] = 250
    return picture


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return a picture as the bytes of a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_each_format_gives_its_pixels_in_rgb(kind: str, tmp_path: Path) -> None:
    """Four formats give red and blue, whatever the suffix is."""
    (tmp_path / "photo").write_bytes(encoded(Image.fromarray(halves()), kind))
    found = read_photo(tmp_path / "photo")
    assert found.dtype == np.uint8 and found.shape == (24, 40, 3)
    assert np.abs(found[12, 4].astype(int) - (250, 0, 0)).max() < 12
    assert np.abs(found[12, 36].astype(int) - (0, 0, 250)).max() < 12


def test_exif_rotation_is_applied() -> None:
    """A photo that is to be turned is upright."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    found = decode_photo(encoded(Image.fromarray(halves()), "JPEG", exif=exif, quality=95), "photo")
    assert found.shape == (40, 24, 3) and found[4, 12, 0] > 200 and found[36, 12, 2] > 200


def test_transparent_is_white_and_what_is_opaque_stays() -> None:
    """Transparent pixels lie on white."""
    picture = np.dstack([halves(), np.full((24, 40), 255, np.uint8)])
    picture[:12, :, 3] = 0
    found = decode_photo(encoded(Image.fromarray(picture)), "photo")
    assert found[2, 4].tolist() == [255, 255, 255] and found[20, 4].tolist() == [250, 0, 0]


def test_sixteen_bits_become_eight() -> None:
    """The upper byte of each level is kept."""
    grey = np.linspace(0, 65535, 40).astype(np.uint16)[None].repeat(24, 0)
    found = decode_photo(encoded(Image.fromarray(grey)), "photo")
    assert np.array_equal(found[0, :, 1], grey[0] >> 8)


def test_cmyk_becomes_rgb_and_an_animation_its_first_picture() -> None:
    """Both give the red half."""
    found = decode_photo(
        encoded(Image.fromarray(halves()).convert("CMYK"), "JPEG", quality=95), "photo"
    )

    assert found[12, 4, 0] > 200 and found[12, 4, 2] < 40
    black = Image.new("RGB", (40, 24))
    moving = encoded(Image.fromarray(halves()), "GIF", save_all=True, append_images=[black, black])
    assert decode_photo(moving, "photo")[12, 4, 0] > 200


def bomb(side: int) -> bytes:
    """A PNG of a hundred bytes that says it is `side` pixels square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        """Return one chunk of a PNG file."""
        length, checksum = (struct.pack(">I", n) for n in (len(data), zlib.crc32(kind + data)))
        return length + kind + data + checksum

    # Eight bits per channel, RGB.
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [50_000, 10_001])
def test_a_bomb_is_refused_by_its_header(side: int) -> None:
    """The claimed size is refused before anything is decoded."""
    assert side**2 > MAX_PIXELS
    with pytest.raises(UserError, match="up to 100 million pixels"):
        decode_photo(bomb(side), "bomb.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_file_that_is_cut_short_is_named(kind: str) -> None:
    """Half a file of noise is an error, not half a photo."""
    # Noise does not compress, so that half of the file lacks half of the picture.
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    with pytest.raises(UserError, match=r"half\.jpg: cannot be read as an image"):
        decode_photo(whole[: len(whole) // 2], "half.jpg")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"\xff\xd8\xff",
    ],
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    """Empty files, texts, SVG and PostScript get one message."""
    with pytest.raises(UserError, match="a JPEG, PNG, WebP, AVIF, HEIC, BMP or GIF file"):
        decode_photo(data, "letter.txt")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    """Errors of the file system become user errors."""
    for path in (tmp_path / "nothing.jpg", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            read_photo(path)


def test_heic_is_read_where_a_library_reads_it_else_the_message_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As phones begin such a file. Its name may be any.
    head = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
    (tmp_path / "IMG_1.jpg").write_bytes(head)
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UserError, match=r"IMG_1\.jpg: is a HEIC photo.*\[heic\].*as JPEG"):
            read_photo(tmp_path / "IMG_1.jpg")

    # .ci/run installs it.
    heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = (200, 60, 20)
    # Written without adding the format to Pillow, which is what read_photo has to do.
    heif.from_pillow(Image.fromarray(picture)).save(tmp_path / "IMG_2.heic", quality=95)
    (tmp_path / "IMG_2.heic").rename(tmp_path / "IMG_2.jpg")
    found = read_photo(tmp_path / "IMG_2.jpg")
    assert found.shape == picture.shape
    assert np.abs(found.astype(int) - picture).mean() < 4


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"II*\x00" + bytes(60), "TIFF"),
        (b"\xff\x0a" + bytes(60), "JPEG XL"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42", "video"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_other_kinds_are_named_by_their_content(data: bytes, kind: str) -> None:
    with pytest.raises(UserError, match=rf"x\.jpg: is a {kind} file by its content.*as JPEG"):
        decode_photo(data, "x.jpg")
