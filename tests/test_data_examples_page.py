"""docs/data_examples.md: its imports run as they stand on the real sets.

The commands after them run on a few of the clips, with small pictures.

`python tests/dataset_tools/real_sets.py` runs the whole page on all clips.
"""

from __future__ import annotations

import importlib
import itertools
import re
from pathlib import Path

import pytest

from tests.dataset_tools.real_sets import PAGE, SETS, SPLITS, compare_with_own_lists, page_commands

_CLASSES_KEPT, _CLIPS_KEPT = 2, 2
_RUN_ONCE = (
    "check",
    "stats",
    "show",
    "eval",
)  # with the first set; those of the second differ in its name only
_SMALL = {"resize_short_side": 48, "crop_size": 64}


def keep_a_few(folder: Path) -> None:
    """Leave the first clips of the first classes in each list."""
    for split in SPLITS:
        file = folder / f"{split}.txt"
        lines = sorted(
            file.read_text(encoding="utf-8").splitlines(keepends=True),
            key=lambda line: int(line.split()[1]),
        )
        by_class = itertools.groupby(lines, key=lambda line: line.split()[1])
        kept = [
            line
            for _, of_class in itertools.islice(by_class, _CLASSES_KEPT)
            for line in itertools.islice(of_class, _CLIPS_KEPT)
        ]
        file.write_text("".join(kept), encoding="utf-8")


def make_small(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    for key, value in _SMALL.items():
        text, count = re.subn(rf"^( +{key}:) \d+", rf"\1 {value}", text, flags=re.MULTILINE)
        assert count == 1, key
    template.write_text(text, encoding="utf-8")


def run(words: list[str], folder: Path) -> None:
    """Run a command of the page in this process, made small where it computes."""
    script, *flags = words
    name = Path(script).stem
    if script.startswith("tools/data/"):
        jobs = [] if name == "import_clips" else ["--jobs", "1"]
        code = importlib.import_module(f"action_recognition.commands.data.{name}").main(
            [*flags, *jobs]
        )
        assert code == 0 or (code == 1 and name == "check"), words
    elif name == "instantiate_template":
        flags[0] = str(PAGE.parents[1] / flags[0])
        assert importlib.import_module("action_recognition.commands.instantiate").main(flags) == 0
        make_small(folder / flags[1] / "template.yaml")
    else:
        small = ["--num-workers", "0", *(["--epochs", "1"] if name == "train" else [])]
        assert importlib.import_module(f"action_recognition.commands.{name}").main(
            folder, [*flags, *small]
        ) in (0, None)


@pytest.mark.parametrize("imported", ["smarthome", "asl", "jester20"])
def test_the_page(
    imported: str, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for folder, words in page_commands(real_data):
        if imported not in " ".join(words) and not folder.startswith(imported):
            continue
        if imported == "asl" and Path(words[0]).stem in _RUN_ONCE:
            continue
        monkeypatch.chdir(tmp_path / folder)
        run(words, tmp_path / folder)
        seen.append(Path(words[0]).stem)
        for real_set in SETS:
            if seen == ["import_clips"] and real_set.imported == imported:
                compare_with_own_lists(real_set, real_data.resolve(), tmp_path)
                keep_a_few(tmp_path / imported)
    data, model = (
        ["import_clips", "check", "stats", "show"],
        ["instantiate_template", "train", "eval"],
    )
    expected = {
        "smarthome": [*data, *model],
        "asl": ["import_clips", *model[:2]],
        "jester20": ["import_clips", "show"],
    }
    assert seen == expected[imported]
    if imported != "asl":
        assert (tmp_path / f"{imported}.html").stat().st_size > 10_000
    if imported == "jester20":
        assert (
            len((tmp_path / "jester20" / "test.txt").read_text(encoding="utf-8").splitlines()) == 20
        )
    else:
        assert (tmp_path / f"{imported}_model" / "outputs" / "latest.pth").is_file()


def test_the_commands_of_both_sets_are_the_same(tmp_path: Path) -> None:
    names = {real_set.imported: real_set.name for real_set in SETS}
    said: dict[str, list[str]] = {imported: [] for imported in names}
    for folder, words in page_commands(tmp_path):
        text = " ".join([folder, *words])
        for imported, name in names.items():
            if name in text or f"{imported}_model" in text:
                text = re.sub(r"/\((p|signer)\\d\+\)_", "PERSON", text.replace(name, "SET"))
                said[imported].append(re.sub(rf"\b{imported}(?=[/_. ]|$)", "DATA", text))
    first, second = said.values()
    assert first == second and len(first) == 7
