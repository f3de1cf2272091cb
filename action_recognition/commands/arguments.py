"""Types of command-line values that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from action_recognition.bounds import MAX_COUNT, MAX_NUMBER, MAX_PROCESSES, MAX_SEED
from action_recognition.class_names import ALLOWED, fault_of_name


def path_list(text: str) -> list[Path]:
    """Return the paths of a list separated by commas.

    A path that holds commas itself is taken as one path where it exists.
    """
    if text and Path(text).exists():
        return [Path(text)]
    return [Path(part) for part in _parts(text)]


def class_list(text: str) -> list[str]:
    """Return the class names of a list separated by commas, each allowed once.

    >>> class_list("cat, dog")
    ['cat', 'dog']
    """
    names = _parts(text)
    if len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(f"a name appears twice in {text!r}")
    faults = [fault for fault in map(fault_of_name, names) if fault]
    if faults:
        raise argparse.ArgumentTypeError(f"{'; '.join(faults)}; allowed: {ALLOWED}")
    return names


def start_weights(text: str) -> Path | str:
    """Return a keyword as it is and anything else as a path, so that `./imagenet` is a file.

    >>> start_weights("imagenet"), start_weights("./imagenet")
    ('imagenet', PosixPath('imagenet'))
    """
    # Its package brings urllib, which commands without this flag do without.
    from action_recognition.download import StartKeyword

    return text if text in get_args(StartKeyword) else Path(text)


def count_or_all(text: str) -> int | None:
    """Return a number above 0, or None for `all`."""
    return None if text.strip() == "all" else positive_int(text.strip())


def clip_counts(text: str) -> list[int | None]:
    """Return different numbers above 0 of a list separated by commas. None stands for `all`.

    >>> clip_counts("3, 10,all")
    [3, 10, None]
    """
    counts = [count_or_all(part) for part in _parts(text)]
    if not counts or len(set(counts)) != len(counts):
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: different numbers above 0 and 'all', separated by commas"
        )
    return counts


def frame_counts(text: str) -> tuple[int, ...]:
    """Return different numbers above 0 of a list separated by commas.

    >>> frame_counts("1, 4")
    (1, 4)
    """
    counts = tuple(positive_int(part) for part in _parts(text))
    if not counts or len(set(counts)) != len(counts):
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: different numbers above 0, separated by commas"
        )
    return counts


def part_of(text: str) -> tuple[int, int]:
    """Return the number of a part, from 1, and the number of parts.

    >>> part_of("2/3")
    (2, 3)
    """
    number, slash, count = text.partition("/")
    if not slash:
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: I/N, as in 1/4")
    part, parts = positive_int(number), positive_int(count)
    if part > parts:
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: I/N with I up to N")
    return part, parts


def whole_number(text: str) -> int:
    """Return a whole number of 0 or more, such as a seed."""
    return _number(text, minimum=0, maximum=MAX_SEED)


def positive_int(text: str) -> int:
    """Return a whole number of 1 or more."""
    return _number(text, minimum=1, maximum=MAX_COUNT)


def workers(text: str) -> int:
    """Return a number of processes, 0 for none beside the own one."""
    return _number(text, minimum=0, maximum=MAX_PROCESSES)


def jobs(text: str) -> int:
    """Return a number of processes or threads, 1 or more."""
    return _number(text, minimum=1, maximum=MAX_PROCESSES)


def positive_float(text: str) -> float:
    """Return a number above 0, up to `MAX_NUMBER`."""
    value = _float(text, otherwise=0.0)
    if not 1e-12 <= value <= MAX_NUMBER:
        allowed = f"a number above 0, up to {MAX_NUMBER:g}"
        raise argparse.ArgumentTypeError(f"found {text[:80]!r}; allowed: {allowed}")
    return value


def share(text: str) -> float:
    """Return a share above 0, up to 1.

    >>> share("1")
    1.0
    """
    value = positive_float(text)
    if value > 1.0:
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: above 0, up to 1")
    return value


def share_between(text: str) -> float:
    """Return a share between 0 and 1, both excluded.

    >>> share_between("0.05")
    0.05
    """
    value = _float(text, otherwise=0.0)
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: a number between 0 and 1, such as 0.01"
        )
    return value


def points(text: str) -> float:
    """Return points of accuracy, 0 to 100: a difference of two percentages.

    >>> points("0.5")
    0.5
    """
    value = _float(text, otherwise=-1.0)
    if not 0.0 <= value <= 100.0:
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: points of accuracy, 0 to 100")
    return value


def minutes(text: str) -> float:
    """Return minutes, 0 or more."""
    # 0 is allowed beside positive numbers: it switches something off.
    return 0.0 if text.strip() in ("0", "0.0") else positive_float(text)


def _parts(text: str) -> list[str]:
    """Return the parts between commas, without spaces around them. Empty parts are left out."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _float(text: str, otherwise: float) -> float:
    """Return the number that a text holds, or `otherwise` (a value the caller refuses)."""
    try:
        return float(text)
    except ValueError:
        return otherwise


def _number(text: str, minimum: int, maximum: int) -> int:
    try:
        value = int(text)
    except ValueError:
        # No number, or one of thousands of digits: refused below, as too small.
        value = minimum - 1
    if value < minimum:
        raise argparse.ArgumentTypeError(
            f"found {text[:80]!r}; allowed: a whole number of {minimum} or more"
        )
    if value > maximum:
        raise argparse.ArgumentTypeError(f"found {text[:80]}; allowed: {minimum} to {maximum}")
    return value
