"""Types of command-line values that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from action_recognition.download import StartKeyword


def path_list(text: str) -> list[Path]:
    """`a,b` as two paths; a path that itself holds commas is taken whole where it exists."""
    if text and Path(text).exists():
        return [Path(text)]
    return [Path(part.strip()) for part in text.split(",") if part.strip()]


def class_list(text: str) -> list[str]:
    """`cat,dog` as two names, each once."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    if len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(f"a name stands twice in {text!r}")
    return names


def start_weights(text: str) -> Path | str:
    """A keyword as it is, anything else as a path; `./imagenet` is a file.

    >>> start_weights("imagenet"), start_weights("./imagenet")
    ('imagenet', PosixPath('imagenet'))
    """
    return text if text in get_args(StartKeyword) else Path(text)


def clip_counts(text: str) -> list[int | None]:
    """`3,5,all` as numbers above 0, each once; None stands for all.

    >>> clip_counts("3, 10,all")
    [3, 10, None]
    """
    counts = [
        None if part.strip() == "all" else positive_int(part.strip())
        for part in text.split(",")
        if part.strip()
    ]
    if not counts or len(set(counts)) != len(counts):
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: different numbers above 0 and 'all', separated by commas"
        )
    return counts


def frame_counts(text: str) -> tuple[int, ...]:
    """`1,4` as numbers above 0, each once.

    >>> frame_counts("1, 4")
    (1, 4)
    """
    counts = tuple(positive_int(part.strip()) for part in text.split(",") if part.strip())
    if not counts or len(set(counts)) != len(counts):
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: different numbers above 0, separated by commas"
        )
    return counts


def whole_number(text: str) -> int:
    """0 or more."""
    return _number(text, minimum=0)


def positive_int(text: str) -> int:
    """1 or more."""
    return _number(text, minimum=1)


def positive_float(text: str) -> float:
    """More than 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: a number above 0")
    return value


def points(text: str) -> float:
    """0 to 100, for a difference of percentages.

    >>> points("0.5")
    0.5
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 100.0:
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: points of accuracy, 0 to 100")
    return value


def minutes(text: str) -> float:
    """0 or more."""
    return 0.0 if text.strip() in ("0", "0.0") else positive_float(text)


def _number(text: str, minimum: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: a whole number of {minimum} or more"
        )
    return value
