"""Lines of annotation files that are wrong, and lines that only look so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.hostile.harness import Call, Case
from tests.hostile.stage import Stage, copy_of, write_classes

_CLIP: Final = "clip.mp4"
_RIGHT: Final[Mapping[str, bytes]] = {
    "six columns": b"clip.mp4 0 0 8 0 8 15.0\n",
    "two columns": b"clip.mp4 0\n",
    "no newline at the end": b"clip.mp4 0",
    "Windows newlines": b"clip.mp4 0\r\nclip.mp4 1\r\n",
    "a byte order mark": b"\xef\xbb\xbfclip.mp4 0\n",
    "empty lines": b"\n\nclip.mp4 0\n\n",
    "spaces around": b"  clip.mp4 0  \n",
    "tabs": b"clip.mp4\t0\n",
    "a rate with a comma's place": b"clip.mp4 0 0 8 0 8 15\n",
}
_WRONG: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "only newlines": b"\n\n\n",
    "a label alone": b"0\n",
    "a path alone": b"clip.mp4\n",
    "three columns": b"clip.mp4 0 0\n",
    "four columns": b"clip.mp4 0 0 8\n",
    "eight columns": b"clip.mp4 0 0 8 0 8 15 9\n",
    "a label beyond the classes": b"clip.mp4 3\n",
    "a negative label": b"clip.mp4 -1\n",
    "a label of many digits": b"clip.mp4 " + b"9" * 5000 + b"\n",
    "a label with a point": b"clip.mp4 1.0\n",
    "a label that is a word": b"clip.mp4 left\n",
    "an end before the start": b"clip.mp4 0 6 2 0 8 15\n",
    "an empty range": b"clip.mp4 0 4 4 0 8 15\n",
    "a start below zero": b"clip.mp4 0 -2 8 0 8 15\n",
    "an end beyond the video": b"clip.mp4 0 0 99 0 99 15\n",
    "frames of many digits": b"clip.mp4 0 0 " + b"9" * 400 + b" 0 8 15\n",
    "rate zero": b"clip.mp4 0 0 8 0 8 0\n",
    "rate nan": b"clip.mp4 0 0 8 0 8 nan\n",
    "rate infinite": b"clip.mp4 0 0 8 0 8 inf\n",
    "rate negative": b"clip.mp4 0 0 8 0 8 -15\n",
    "rate tiny": b"clip.mp4 0 0 8 0 8 1e-300\n",
    "rate huge": b"clip.mp4 0 0 8 0 8 1e300\n",
    "a missing video": b"nowhere.mp4 0\n",
    "a path to the parent": b"../../../../etc/hostname 0\n",
    "an absolute path": b"/etc/hostname 0\n",
    "the annotation file itself": b"list.txt 0\n",
    "a folder": b"empty 0\n",
    "a path that is no text": b"\xff\xfe.mp4 0\n",
    "a null byte": b"clip\0.mp4 0\n",
    "a bell": b"\x07.mp4 0\n",
    "a JSON file": b'[{"path": "clip.mp4", "label": 0}]\n',
    "a CSV head": b"path,label\nclip.mp4,0\n",
    "UTF-16": "clip.mp4 0\n".encode("utf-16"),
    "a long line": b"a" * 100_000 + b" 0\n",
    "a bar of 3 GB": b"clip.mp4 0 0 8 0 3000000000 15\n",
    "digits of another script": "clip.mp4 ٠\n".encode(),
    "underscores in numbers": b"clip.mp4 0 0 8 0 8 1_5\n",
}


def cases(stage: Stage) -> Iterator[Case]:
    """Check a file of annotations, count it, split it, and train on it."""
    for name, content in _RIGHT.items():
        yield _case(stage, "check", name, content, "worked")
        yield _case(stage, "stats", name, content, "worked")
    for name, content in _WRONG.items():
        # check.py ends with 1 where it found something.
        yield _case(stage, "check", name, content, "either")
        yield _case(stage, "stats", name, content, "either")
        yield _case(stage, "extract", name, content, "either")
        yield _case(stage, "train", name, content, "refused")


def _case(stage: Stage, command: str, name: str, content: bytes, expected: str) -> Case:
    def make(folder: Path) -> Call:
        copy_of(stage.clip, folder / _CLIP)
        (folder / "empty").mkdir()
        (folder / "list.txt").write_bytes(content)
        write_classes(folder / "classes.json")
        return _call(stage, command, folder)

    codes = (0, 1) if command in ("check", "stats", "extract") else (0,)
    if command == "train" and name in _TRAINS_WITHOUT:
        expected = "either"
    return Case("annotations", f"{command}: {name}", make, expected, codes)  # type: ignore[arg-type]


# A file that is no video is named and left out, or found only when it is opened.
_TRAINS_WITHOUT: Final = ("the annotation file itself", "an end beyond the video", "rate tiny")


def _call(stage: Stage, command: str, folder: Path) -> Call:
    data = ["--ann-files", folder / "list.txt", "--data-roots", folder]
    if command == "train":
        files = ["--train-ann-files", folder / "list.txt", "--train-data-roots", folder]
        work_dir = copy_of(stage.fresh_work_dir, folder / "work")
        flags = ["--num-workers", 0, "--epochs", 1]
        return Call(work_dir / "train.py", [*files, *stage.files("val"), *flags])
    if command == "extract":
        output = folder / "frames"
        return Call("tools/data/extract.py", [*data, "--output", output], [output])
    return Call(f"tools/data/{command}.py", data)
