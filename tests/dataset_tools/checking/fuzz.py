"""Mutated annotation lines and video files: nothing crashes, hangs or takes ever more memory, and
the check is never milder than training.

python tests/dataset_tools/checking/fuzz.py [--lines N] [--videos N] [--seed S]    the full run: a
million lines, 2,000 files, a few minutes
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(
    0, str(Path(__file__).resolve().parents[3])
)  # `python tests/dataset_tools/checking/fuzz.py` without an installed package

from action_recognition.data.annotations import read_annotations
from action_recognition.data.video import count_frames, read_frames
from action_recognition.dataset_tools.checking.findings import Findings, Place
from action_recognition.dataset_tools.checking.kinds import NOTE
from action_recognition.dataset_tools.checking.media_reading import inspect_media
from action_recognition.dataset_tools.checking.single_line import LineChecker
from action_recognition.errors import UserError
from action_recognition.worker_pool import map_apart
from tests.dataset_tools.checking.made import CLASSES, moving_frames
from tests.synthetic import write_video

MAX_SECONDS = 20.0
"""For one small file; it takes milliseconds."""
MAX_GROWTH_MB = 30.0
"""From the middle of a full run to its end."""
_PATHS = ("videos/a.mp4", "videos/b c.mp4", "Größe.mp4", "frames", "videos/gone.mp4")
_WORDS = (
    *(
        "",
        " ",
        "\t",
        "0",
        "-1",
        "1",
        "9" * 30,
        "9" * 5000,
        "1e5",
        "nan",
        "inf",
        "-inf",
        "0x10",
        "1_0",
        "٣",
        "²",
        "1.0",
        "30",
        "29.97",
        "#",
    ),
    *(
        "..",
        "/",
        "//",
        "\\",
        "./",
        "~",
        "*",
        "%s",
        "{}",
        "$(id)",
        "'",
        '"',
        ",",
        ";",
        ":",
        "\0",
        "\r",
        "\x1c",
        "\x85",
        "\u2028",
        "\ufeff",
    ),
    *(
        "\u200b",
        "\udc80",
        "🤟",
        "e\u0301",
        "null",
        "None",
        "../..",
        "/etc/passwd",
        "a" * 300,
        *CLASSES,
        *_PATHS,
    ),
)
_FORMATS = ("mp4", "mkv", "avi", "mov", "ts", "webm", "mpg")


def mutated_line(rng: np.random.Generator) -> str:
    """A right line with up to four changes: a character, a column or a word put in, taken out,
    doubled, or exchanged.
    """
    numbers = " ".join(str(int(number)) for number in np.sort(rng.integers(0, 50, 4))[[1, 2, 0, 3]])
    line = f"{_PATHS[rng.integers(len(_PATHS))]} {[*CLASSES, '0', '2', '3'][rng.integers(6)]}"
    line += f" {numbers} 30" if rng.random() < 0.8 else ""
    for _ in range(rng.integers(0, 5)):
        place, word = int(rng.integers(len(line) + 1)), _WORDS[rng.integers(len(_WORDS))]
        columns = line.split(" ")
        i, j = rng.integers(len(columns), size=2)
        match rng.integers(6):
            case 0:
                line = line[:place] + word + line[place:]
            case 1:
                line = line[:place] + line[place + int(rng.integers(1, 4)) :]
            case 2:
                columns[i] = word
                line = " ".join(columns)
            case 3:
                columns[i], columns[j] = columns[j], columns[i]
                line = " ".join(columns)
            case 4:
                line = " ".join([*columns[:i], word, *columns[i:]])
            case _:
                line = line[:place] + chr(int(rng.integers(1, 0x3000))) + line[place:]
    return line


def make_root(root: Path) -> Path:
    for path in _PATHS[:3]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    (root / "frames").mkdir()
    return root


def training_takes(line: str, root: Path) -> bool:
    """Whether a training run reads the line."""
    file = root / "line.txt"
    file.write_text(line + "\n", encoding="utf-8", errors="surrogateescape", newline="\n")
    try:
        return bool(read_annotations([file], [root], CLASSES))
    except UserError:
        return False


def fuzz_lines(root: Path, number: int, seed: int, compared_every: int) -> Counter[str]:
    """Check mutated lines; how often each kind was found. Of every n-th the check must have found
    something where training refuses it.
    """
    rng = np.random.default_rng(seed)
    findings = Findings(["fuzz.txt"])
    checker = LineChecker(root, CLASSES, findings)
    for i in range(number):
        # a file's lines are cut at line ends, stripped, and left out where empty or a comment,
        # before anything looks at them
        line = mutated_line(rng).splitlines()[0:1]
        text = line[0].strip() if line else ""
        if not text or text.startswith("#"):
            continue
        before = findings.num_problems
        checker.check(Place(0, i + 1), text)
        if (
            i % compared_every == 0
            and findings.num_problems == before
            and not training_takes(text, root)
        ):
            raise AssertionError(f"training refuses {text!r}, the check finds nothing")
    findings.as_json()
    return findings.counts


def memory_in_use_mb() -> float:
    """Memory of this process that is in use now."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        return (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        )  # at most so far: other systems do not say


class Seen(NamedTuple):
    """What became of a file: whether it can be read, the kinds of its faults, seconds, and the
    memory of the process after it in MB.
    """

    readable: bool
    kinds: tuple[str, ...]
    seconds: float
    memory_mb: float


def look_at_file(path: Path) -> Seen:
    """Read a file as the check does and as training does; what training reads of a file without a
    fault must come.
    """
    start = time.monotonic()
    report = inspect_media(path)
    kinds = tuple(fault.kind for fault in report.faults)
    try:
        total = count_frames(path)
        frames = read_frames(path, [0, total // 2, total - 1])
        assert frames.shape[0] == 3
        refusal = ""
    except UserError as error:
        refusal = str(error)
    found = [kind for kind in kinds if not kind.startswith(NOTE)]
    assert found or not refusal, (
        f"training refuses {path.name} ({refusal}), the check finds nothing"
    )
    return Seen(report.is_readable, kinds, time.monotonic() - start, memory_in_use_mb())


def crashed(path: Path) -> Seen:
    return Seen(False, ("CRASH",), 0.0, 0.0)


def mutated_files(folder: Path, number: int, seed: int) -> Iterator[Path]:
    """Small files of several containers with bytes changed, taken out, doubled or zeroed, or cut
    off.
    """
    codecs = {"webm": "libvpx", "mpg": "mpeg1video", "avi": "mpeg4"}
    sources = []
    for suffix in _FORMATS:
        codec = codecs.get(suffix, "libx264")
        sources.append(
            (
                suffix,
                write_video(
                    folder / f"source.{suffix}", moving_frames(1, 12), 25, codec=codec, options={}
                ).read_bytes(),
            )
        )
    for i in range(number):
        rng = np.random.default_rng([seed, i])
        suffix, data = sources[i % len(sources)]
        path = folder / f"{i}.{suffix}"
        path.write_bytes(_mutated(bytearray(data), rng))
        yield path


def _mutated(data: bytearray, rng: np.random.Generator) -> bytearray:
    for _ in range(rng.integers(1, 9)):
        # half of the changes fall upon the first kilobyte or the last: headers and indices
        reach = min(len(data), 1024)
        first = (
            int(rng.integers(max(1, len(data))))
            if rng.random() < 0.5
            else int(rng.integers(max(1, reach)))
        )
        first = max(0, len(data) - 1 - first) if rng.random() < 0.3 else first
        size = int(rng.integers(1, 33))
        match rng.integers(6):
            case 0:
                data[first : first + size] = rng.bytes(size)
            case 1:
                data[first : first + 1] = bytes([int(rng.integers(256))])
            case 2:
                del data[first : first + size]
            case 3:
                data[first:first] = data[first : first + size]
            case 4:
                data[first : first + size] = (b"\0", b"\xff")[rng.integers(2)] * size
            case _:
                if rng.random() < 0.3:
                    del data[first:]
    return data


def fuzz_videos(folder: Path, number: int, seed: int, jobs: int) -> list[Seen]:
    """Read mutated files; fails at one that crashes or takes long."""
    seen = []
    for path, result in map_apart(
        look_at_file, list(mutated_files(folder, number, seed)), jobs, crashed
    ):
        assert result.kinds != ("CRASH",), f"{path.name} of seed {seed} ends the process"
        assert result.seconds < MAX_SECONDS, (
            f"{path.name} of seed {seed} takes {result.seconds:.1f} s"
        )
        seen.append(result)
    return seen


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Mutated annotation lines and video files through check and training."
    )
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        start, root = time.monotonic(), make_root(Path(name))
        tenth, memory_mb = arguments.lines // 10, []
        kinds: Counter[str] = Counter()
        for part in range(10):
            kinds += fuzz_lines(root, tenth, arguments.seed * 10 + part, compared_every=100)
            memory_mb.append(memory_in_use_mb())
        print(
            f"{10 * tenth} lines, {time.monotonic() - start:.0f} s, {len(kinds)} kinds; MB "
            f"after each tenth: {_rounded(memory_mb)}",
            flush=True,
        )
        start = time.monotonic()
        seen = fuzz_videos(root, arguments.videos, arguments.seed, jobs=1)
    places = range(len(seen) // 10 - 1, len(seen), max(1, len(seen) // 10))
    files_mb = [seen[i].memory_mb for i in places]
    print(
        f"{len(seen)} files, {time.monotonic() - start:.0f} s, "
        f"{sum(item.readable for item in seen)} readable, the slowest "
        f"{max(item.seconds for item in seen):.2f} s; MB after each tenth: {_rounded(files_mb)}"
    )
    print(Counter(kind for item in seen for kind in item.kinds).most_common())
    grown_mb = max(values[-1] - values[len(values) // 2] for values in (memory_mb, files_mb))
    if grown_mb > MAX_GROWTH_MB:
        print(f"memory grew by {grown_mb:.0f} MB in the second half")
    return int(grown_mb > MAX_GROWTH_MB)


def _rounded(values: Sequence[float]) -> str:
    return " ".join(f"{value:.0f}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
