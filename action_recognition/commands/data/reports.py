"""Output that the commands of `tools/data/` share: a progress bar, lists of a new data root."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from action_recognition.program import typed

LeftOut = Sequence[tuple[str, str]]
"""Lines of annotation files that were left out, each with its reason."""


@contextmanager
def shown_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with an end time on stderr, only where that is a terminal.

    Yields the function to call with (done, total).
    """
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    # Nobody watches a bar in a file or a pipe.
    console = Console(stderr=True)
    is_hidden = not console.is_terminal
    with progress.Progress(*columns, console=console, transient=True, disable=is_hidden) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_left_out(left_out: LeftOut) -> None:
    """Print on stderr the lines that were left out."""
    for line, reason in left_out:
        print(f"left out: {line}: {reason}", file=sys.stderr)


def list_texts(lines: Mapping[str, Sequence[str]]) -> dict[str, str]:
    r"""Return the content of each annotation file from its lines.

    >>> list_texts({"val.txt": ["a.mp4 0", "b.mp4 1"]})
    {'val.txt': 'a.mp4 0\nb.mp4 1\n'}
    """
    return {name: "".join(f"{line}\n" for line in found) for name, found in lines.items()}


def write_new_root(
    output: Path,
    texts: Mapping[str, str],
    labels: Sequence[str],
    sources: tuple[Sequence[Path], Sequence[Path]],
) -> None:
    """Write annotation files with their classes.json and dataset.json into a new data root.

    `sources` are the annotation files and data roots that the clips come from.
    """
    from action_recognition.data.dataset_files import (
        DATASET_FILE,
        classes_text,
        described,
        write_together,
    )
    from action_recognition.data.labels import CLASSES_FILE

    # Beside the lists: names and the negative class, as of the sources.
    others = {CLASSES_FILE: classes_text(labels), DATASET_FILE: described(*sources)}
    write_together(output, {**texts, **others})


def print_training_flags(lists: Sequence[tuple[Path, str]], data_root: Path) -> None:
    """Print the flags of train.py and eval.py that take these lists.

    Each list is a folder and the suffix of its file names. Without test clips, val is the test.
    """
    for folder, suffix in lists:
        print(f"flags for training and evaluation, of {folder}:")
        for split in ("train", "val", "test"):
            file = folder / f"{split}{suffix}.txt"
            if split == "test" and not file.is_file():
                file = folder / f"val{suffix}.txt"
            if file.is_file():
                print_split_flags(split, file, data_root)


def print_next_steps(folder: Path, splits: Sequence[str], data_root: Path) -> None:
    """Print the commands and flags that come after an import of these parts.

    A part that the source lacks is taken by another: val by test, test by val.
    """
    files = ",".join(str(folder / f"{split}.txt") for split in splits)
    start = typed("tools/data/check.py").split()
    words = [*start, "--ann-files", files, "--data-roots", str(data_root)]
    print("look for faults in the clips:")
    print(f"    {shlex.join([*words, '--metadata', str(folder / 'metadata.csv')])}")

    stand_in = {"train": "train", "val": "test", "test": "val"}
    print("flags for training and evaluation:")
    for split in ("train", "val", "test"):
        source = split if split in splits else stand_in[split]
        if source in splits and (source == split or "train" in splits):
            print_split_flags(split, folder / f"{source}.txt", data_root)
            if source != split:
                print(f"    ({source} stands in: there is no {split} part; --resplit makes all)")


def print_split_flags(split: str, file: Path, data_root: Path) -> None:
    """Print the flags that take one annotation file, quoted for a shell."""
    file_word, root_word = (shlex.quote(str(path)) for path in (file, data_root))
    print(f"    --{split}-ann-files {file_word} --{split}-data-roots {root_word}")


def print_prepared(lines: Sequence[str], num_left_out: int, report: Path) -> None:
    """Print the lines of a report before its table, and how many clips were left out."""
    print("\n".join(lines[: lines.index("")]))
    print(f"left out: {num_left_out}; all of them, and what is left of each class: {report}")
