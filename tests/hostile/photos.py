"""Photos whose suffix says something else, odd pictures, and files that are none."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.hostile.harness import Call, Case
from tests.hostile.stage import Stage

_SUFFIXES: Final = ("jpg", "png", "webp", "bmp", "jfif", "JPG", "heic", "tif")
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP")
# One entry of Exif: orientation 6.
_QUARTER_TURN: Final = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
_NO_PHOTOS: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "text": b"this is no photo",
    "only a head": b"\xff\xd8\xff\xe0",
    "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "a HEIC head": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64,
}


def cases(stage: Stage) -> Iterator[Case]:
    """Classify each photo."""
    for suffix in _SUFFIXES:
        for form in _FORMATS:
            write = partial(_photo, form=form)
            yield _case(stage, f"{form} called {suffix}", f"photo.{suffix}", write, "worked")
    for title, (form, options) in _odd_pictures().items():
        write = partial(_photo, form=form, **options)
        yield _case(stage, title, "photo.jpg", write, "worked")
    for share in (0.1, 0.5, 0.95):
        for form in _FORMATS:
            write = partial(_cut_off, form=form, share=share)
            yield _case(stage, f"{form} cut off at {share:.0%}", "photo.jpg", write, "either")
    for title, content in _NO_PHOTOS.items():
        write = partial(Path.write_bytes, data=content)
        yield _case(stage, title, "photo.jpg", write, "refused")


def _odd_pictures() -> Mapping[str, tuple[str, dict[str, Any]]]:
    return {
        "grey": ("JPEG", {"mode": "L"}),
        "CMYK": ("JPEG", {"mode": "CMYK"}),
        "palette": ("PNG", {"mode": "P"}),
        "black and white": ("PNG", {"mode": "1"}),
        "grey with alpha": ("PNG", {"mode": "LA"}),
        "alpha": ("PNG", {"mode": "RGBA"}),
        "16 bit": ("PNG", {"mode": "I;16"}),
        "one pixel": ("PNG", {"size": (1, 1)}),
        "a line": ("PNG", {"size": (500, 1)}),
        "a column": ("PNG", {"size": (1, 500)}),
        "progressive": ("JPEG", {"progressive": True}),
        "turned": (
            "JPEG",
            {"exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0"},
        ),
        "a comment": ("JPEG", {"comment": b"\xff\xfe no text"}),
    }


def _case(stage: Stage, title: str, name: str, write: Callable[[Path], Any], expected: str) -> Case:
    def make(folder: Path) -> Call:
        write(folder / name)
        words = [folder / name, "--model", stage.photos / "model.xml", "--csv", folder / "out.csv"]
        # The table names photos that cannot be read, so it is there after a refusal too.
        return Call("tools/workdir/predict.py", words)

    return Case("photos", title, make, expected)  # type: ignore[arg-type]


def _photo(
    path: Path, form: str, mode: str = "RGB", size: tuple[int, int] = (60, 40), **options: Any
) -> None:
    path.write_bytes(_encoded(form, mode, size, **options))


def _encoded(
    form: str, mode: str = "RGB", size: tuple[int, int] = (60, 40), **options: Any
) -> bytes:
    from PIL import Image

    picture = Image.new(mode, size, 90 if mode in ("L", "P", "I;16") else None)
    content = io.BytesIO()
    picture.save(content, form, **options)
    return content.getvalue()


def _cut_off(path: Path, form: str, share: float) -> None:
    content = _encoded(form, size=(120, 90))
    path.write_bytes(content[: int(len(content) * share)])
