"""Folders as people unpack and sort them, and names that they give to classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.hostile.harness import Call, Case
from tests.hostile.stage import Stage, copy_of

_GOOD_NAMES: Final = (
    "wave",
    "$5",
    "a b",
    "ok 👌",
    "здравствуйте",
    "你好",
    "مرحبا",
    "100%",
    "{x}",
    "a;b",
)
_BAD_NAMES: Final = ("a\nb", "a\tb", "\x1b[31mred", "\x07", "a\u202eb")
_LAYOUTS: Final[Mapping[str, Sequence[str]]] = {
    "empty": (),
    "one class": ("wave/{}.mp4",),
    "films beside each other": ("{}.mp4",),
    "a hidden class": (".git/{}.mp4", "wave/{}.mp4", "ok/{}.mp4"),
    "one film a class": ("wave/0.mp4", "ok/0.mp4"),
    "other files beside": ("wave/{}.mp4", "ok/{}.mp4", "README.txt", "wave/notes.txt"),
    "an empty class": ("wave/{}.mp4", "ok/{}.mp4", "none/"),
    "a class in a class": ("wave/{}.mp4", "ok/left/{}.mp4", "ok/right/{}.mp4"),
    "splits": ("train/wave/{}.mp4", "train/ok/{}.mp4", "val/wave/{}.mp4", "val/ok/{}.mp4"),
    "splits below": ("set/videos/train/wave/{}.mp4", "set/videos/val/wave/{}.mp4"),
    "a top folder": ("gestures/wave/{}.mp4", "gestures/ok/{}.mp4"),
    "modalities": ("rgb/{}.mp4", "depth/{}.mp4", "flow/{}.mp4"),
    "a Mac's archive": ("wave/{}.mp4", "ok/{}.mp4", "__MACOSX/wave/._{}.mp4", ".DS_Store"),
    "a camera's names": ("wave/VID_2024051{}_101536.mp4", "ok/VID_2024052{}_101536.mp4"),
    "a person in the name": ("wave/anna_{}.mp4", "wave/ben_{}.mp4", "ok/anna_{}.mp4"),
    "the class in the name": ("wave/wave_{}.mp4", "ok/ok_{}.mp4"),
    "lists beside": ("videos/{}.mp4", "trainlist01.txt", "classInd.txt"),
    "a CSV beside": ("videos/{}.mp4", "labels.csv"),
    "labels.json beside": ("videos/{}.webm", "labels.json", "train.json"),
    "photos and films": ("wave/{}.mp4", "ok/{}.jpg"),
}


def cases(stage: Stage) -> Iterator[Case]:
    """Import each folder, by itself and with flags."""
    for title, files in _LAYOUTS.items():
        for flags in ([], ["--resplit"], ["--person-regex", "(.)"], ["--fractions", "1,0,0"]):
            yield _case(stage, " ".join([title, *flags]), files, flags, "either")
    for name in _GOOD_NAMES:
        files = (f"{name}/{{}}.mp4", "ok/{}.mp4")
        yield _case(stage, f"a class {name!r}", files, [], "worked")
    for name in _BAD_NAMES:
        files = (f"{name}/{{}}.mp4", "ok/{}.mp4")
        yield _case(stage, f"a class {name!r}", files, [], "refused")


def _case(
    stage: Stage, title: str, files: Sequence[str], flags: Sequence[str], expected: str
) -> Case:
    def make(folder: Path) -> Call:
        source, output = folder / "set", folder / "output"
        source.mkdir()
        for name in files:
            _fill(stage, source, name)
        return Call("tools/data/import_clips.py", [source, "--output", output, *flags], [output])

    return Case("folders", title, make, expected)  # type: ignore[arg-type]


def _fill(stage: Stage, source: Path, name: str) -> None:
    """Write a file of a layout, or four of them for a name with {}."""
    if name.endswith("/"):
        (source / name).mkdir(parents=True)
        return
    is_many = "{}" in name
    for number in range(4 if is_many else 1):
        path = source / (name.replace("{}", str(number)) if is_many else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".mp4", ".webm"):
            copy_of(stage.clip, path)
        else:
            path.write_text("1 wave\n2 ok\n" if path.suffix == ".txt" else "{}")
