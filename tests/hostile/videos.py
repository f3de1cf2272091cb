"""Films as cameras, phones and tools write them, cut off, and with tags that say something else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.hostile.harness import Call, Case
from tests.hostile.stage import Stage, small_frames, write_classes

_NUM_FRAMES: Final = 20
_COMMANDS: Final = ("check", "stats", "extract", "demo")


def cases(stage: Stage) -> Iterator[Case]:
    """Check, count, extract and recognise each film."""
    for title, (name, write) in _films().items():
        for command in _COMMANDS:
            yield _case(stage, command, title, name, write, "worked")
    for share in (0.0, 0.05, 0.4, 0.9, 0.99):
        for suffix in ("mp4", "webm", "avi", "mkv"):
            write = partial(_cut_off, share=share)
            for command in _COMMANDS:
                title = f"{suffix} cut off at {share:.0%}"
                yield _case(stage, command, title, f"clip.{suffix}", write, "either")
    for title, content in _NO_FILMS.items():
        for command in _COMMANDS:
            write = partial(_other, content=content)
            yield _case(stage, command, title, "clip.mp4", write, "either")


_NO_FILMS: Final[Mapping[str, bytes]] = {
    "text": b"this is no film\n" * 50,
    "null bytes": b"\0" * 4096,
    "a page": b"<!DOCTYPE html><html><body>404</body></html>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "a list of a playlist": b"#EXTM3U\n#EXTINF:1,\nnowhere.ts\n",
}


def _case(
    stage: Stage, command: str, title: str, name: str, write: Callable[[Path], Any], expected: str
) -> Case:
    def make(folder: Path) -> Call:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        return _call(stage, command, folder, path, expected == "worked")

    codes = (0, 1) if expected == "either" and command != "demo" else (0,)
    return Case("videos", f"{command}: {title}", make, expected, codes)  # type: ignore[arg-type]


def _call(stage: Stage, command: str, folder: Path, film: Path, is_right: bool) -> Call:
    if command == "demo":
        table = folder / "scores.csv"
        model = ["--model", stage.export / "model.xml", "--input", film, "--no-show"]
        check = partial(_has_scores, table) if is_right else lambda text: ""
        return Call(stage.work_dir / "demo.py", [*model, "--csv", table], [table], check)

    (folder / "list.txt").write_text(f"{film.name} 0\n")
    write_classes(folder / "classes.json")
    data = ["--ann-files", folder / "list.txt", "--data-roots", folder]
    if command == "extract":
        output = folder / "frames"
        check = partial(_all_frames, output) if is_right else lambda text: ""
        return Call("tools/data/extract.py", [*data, "--output", output], [output], check)
    found = folder / "found.json"
    return Call(f"tools/data/{command}.py", [*data, "--json", found], [], partial(_is_json, found))


def _has_scores(table: Path, text: str) -> str:
    return "" if len(table.read_text().splitlines()) > 1 else "no score"


def _all_frames(output: Path, text: str) -> str:
    found = len([path for path in output.rglob("*") if path.suffix in (".jpg", ".png")])
    return "" if found == _NUM_FRAMES else f"{found} of {_NUM_FRAMES} frames"


def _is_json(found: Path, text: str) -> str:
    json.loads(found.read_text())
    return ""


def _films() -> Mapping[str, tuple[str, Callable[[Path], Any]]]:
    """Return the name and the writer of each film, all of 20 frames."""
    containers = {
        **{f"H.264 in {suffix}": (f"clip.{suffix}", "libx264") for suffix in ("mp4", "mov", "mkv")},
        "H.264 in ts": ("clip.ts", "libx264"),
        "H.264 in flv": ("clip.flv", "libx264"),
        "MPEG-4 in avi": ("clip.avi", "mpeg4"),
        "Motion JPEG in avi": ("clip.avi", "mjpeg"),
        "VP8": ("clip.webm", "libvpx"),
        "VP9": ("clip.webm", "libvpx-vp9"),
        "FFV1": ("clip.mkv", "ffv1"),
        "a name with a colon": ("12:30:45.mp4", "libx264"),
        "a name with per cent": ("100%d.mp4", "libx264"),
        "a name with brackets": ("clip [1] {2}.mp4", "libx264"),
        "a name with a quote": ('it\'s "x".mp4', "libx264"),
        "a name in Hindi": ("हाथ.mp4", "libx264"),
        "a name with a newline's letter": ("a\\nb.mp4", "libx264"),
        "a name like a flag": ("-y.mp4", "libx264"),
        "capitals in the suffix": ("CLIP.MP4", "libx264"),
    }
    films: dict[str, tuple[str, Callable[[Path], Any]]] = {
        title: (name, partial(_film, codec=codec)) for title, (name, codec) in containers.items()
    }
    for rate in (Fraction(5), Fraction(30000, 1001), Fraction(240)):
        films[f"{float(rate):.4g} frames a second"] = ("clip.mp4", partial(_film, rate=rate))
    for size in ((16, 16), (64, 46), (46, 64), (320, 18)):
        films[f"{size[0]} x {size[1]}"] = ("clip.mkv", partial(_film, size=size, codec="ffv1"))
    for pixels in ("yuv444p", "yuv422p", "yuv420p10le", "gray", "bgr0", "yuvj420p"):
        codec = "mjpeg" if pixels == "yuvj420p" else "ffv1"
        films[f"pixels {pixels}"] = ("clip.mkv", partial(_film, codec=codec, pixels=pixels))
    for space in (1, 5, 6, 7, 8, 9, 10):
        films[f"colour matrix {space}"] = ("clip.mp4", partial(_film, matrix=space))
    films["tags that are no UTF-8"] = ("clip.mkv", partial(_film, title=True))
    films["irregular times"] = ("clip.mkv", partial(_film, irregular=True))
    return films


def _film(
    path: Path,
    codec: str = "libx264",
    rate: Fraction = Fraction(15),
    size: tuple[int, int] = (48, 40),
    pixels: str = "yuv420p",
    matrix: int | None = None,
    title: bool = False,
    irregular: bool = False,
) -> None:
    """Write a film of 20 frames."""
    import av

    with av.open(f"file:{path}", "w") as container:
        if title:
            container.metadata["title"] = "Geste"
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else pixels
        if matrix is not None:
            stream.codec_context.colorspace = matrix
        for number, picture in enumerate(small_frames(_NUM_FRAMES, size[1], size[0])):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = 1 / rate
            frame.pts = number + (3 * (number // 5) if irregular else 0)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if title:
        # A letter of Latin-1 instead of one of UTF-8, of the same length.
        path.write_bytes(path.read_bytes().replace(b"Geste", b"G\xe9ste"))


def _cut_off(path: Path, share: float) -> None:
    codec = {".webm": "libvpx", ".avi": "mpeg4"}.get(path.suffix, "libx264")
    _film(path, codec)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def _other(path: Path, content: bytes) -> None:
    path.write_bytes(content)
