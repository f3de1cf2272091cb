"""Videos from the addresses of an annotation, one after the other, through yt-dlp where that is installed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from action_recognition.data.dataset_files import write_together
from action_recognition.dataset_tools.importing.media_walk import VIDEO_SUFFIXES
from action_recognition.dataset_tools.preparing.msasl_entries import safe_video_id
from action_recognition.errors import UserError, user_error

GONE_FILE = "download.json"
# No sound, so that nothing has to be merged.
_FORMAT = "bestvideo[ext=mp4][height<=720]/best[ext=mp4][height<=720]/best[height<=720]/best"
_GONE_WORDS = (
    "unavailable",
    "private video",
    "removed",
    "terminated",
    "does not exist",
    "not available",
    "copyright",
    "deleted",
    "404",
)
# One after the other, for reasons other than the video: the network is down or the server refuses.
_MAX_FAILURES = 5
_LONGEST_S = 1800


@dataclass(frozen=True)
class DownloadOptions:
    """`pause_s` before each video, `rate` of one as yt-dlp takes it (`4M` bytes a second)."""

    pause_s: float = 5.0
    rate: str = "4M"
    again: bool = False


def yt_dlp_command() -> list[str]:
    """How yt-dlp is started; a `UserError` says how to install it."""
    program = shutil.which("yt-dlp")
    if program is not None:
        return [program]
    if importlib.util.find_spec("yt_dlp") is not None:
        return [sys.executable, "-m", "yt_dlp"]
    raise user_error(
        "yt-dlp",
        "is not installed, and fetches the videos",
        fix="pip install yt-dlp, then the same command again",
    )


def addresses(urls: Iterable[str]) -> dict[str, str]:
    """Complete addresses by the id of their video, of those that lie on the web and whose id can be a file's name.

    >>> urls = ["www.youtube.com/watch?v=Pj7ONpWo7sg", "file:///etc/passwd", "https://youtu.be/Pj7ONpWo7sg"]
    >>> addresses(urls)
    {'Pj7ONpWo7sg': 'https://www.youtube.com/watch?v=Pj7ONpWo7sg'}
    """
    found: dict[str, str] = {}
    for url in urls:
        whole = url if "://" in url else f"https://{url}"
        name = safe_video_id(whole)
        try:
            parts = urlsplit(whole)
        except ValueError:
            continue
        if name is not None and parts.scheme in ("http", "https") and parts.hostname:
            found.setdefault(name, whole)
    return found


def download(
    urls: dict[str, str],
    folder: Path,
    options: DownloadOptions,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Counter[str]:
    """Fetch what is not there yet; how many videos are `there`, `fetched`, `gone` and `failed`.

    Those that are gone from their address are written down in download.json and not asked for again, unless `options.again`. A
    `UserError` says that yt-dlp is missing, or that several videos in a row failed for a reason that is not theirs.
    """
    command = yt_dlp_command()
    folder.mkdir(parents=True, exist_ok=True)
    gone = {} if options.again else _read_gone(folder / GONE_FILE)
    there = {file.stem for file in folder.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES}

    counts: Counter[str] = Counter()
    num_failures, reason = 0, ""
    for done, (name, url) in enumerate(urls.items(), start=1):
        if name in there or name in gone:
            outcome = "there" if name in there else "gone"
        else:
            reason = _fetch(command, name, url, folder, options)
            outcome = _outcome(reason)
            num_failures = num_failures + 1 if outcome == "failed" else 0
            if outcome == "gone":
                gone[name] = reason
                write_together(folder, {GONE_FILE: json.dumps(gone, indent=1) + "\n"})

        counts[outcome] += 1
        progress(done, len(urls))
        if num_failures == _MAX_FAILURES:
            raise _all_fail(reason)
    return counts


def _outcome(reason: str) -> str:
    """Return what became of a video: `fetched` without a reason, else `gone` or `failed`."""
    if not reason:
        return "fetched"
    return "gone" if any(word in reason.lower() for word in _GONE_WORDS) else "failed"


def _all_fail(reason: str) -> UserError:
    """Return the error that ends a download."""
    return user_error(
        "download",
        f"{_MAX_FAILURES} videos in a row failed, the last with: {reason}",
        fix="look at the network, wait, run it again",
    )


def _flags(name: str, url: str, folder: Path, options: DownloadOptions) -> list[str]:
    """Return the arguments of yt-dlp for one video. It resumes what it fetched of it before."""
    # In an output template, what follows a single % is a field.
    place = str(folder.absolute()).replace("%", "%%")
    return [
        *("--ignore-config", "--no-playlist", "--quiet", "--no-warnings", "--no-progress"),
        *("--continue", "--retries", "5"),
        *("--sleep-interval", f"{options.pause_s:g}", "--sleep-requests", "1"),
        *("--limit-rate", options.rate, "--format", _FORMAT),
        *("--output", f"{place}/{name}.%(ext)s", "--", url),
    ]


def _fetch(
    command: Sequence[str], name: str, url: str, folder: Path, options: DownloadOptions
) -> str:
    """An empty string, or why the video is not there; what was fetched of it is gone on with the next time."""
    words = [*command, *_flags(name, url, folder, options)]
    try:
        # The words are our own but for the address, which follows `--`.
        run = subprocess.run(  # noqa: S603
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"was not fetched in {_LONGEST_S // 60} minutes"
    except OSError as error:
        raise _cannot_start(command[0], error) from None
    files = [folder / f"{name}{suffix}" for suffix in VIDEO_SUFFIXES]
    if run.returncode == 0 and any(file.is_file() for file in files):
        return ""
    return _last_line(run) or f"yt-dlp ended with {run.returncode} and left no video"


def _cannot_start(program: str, error: OSError) -> UserError:
    """Return the error for a program that the system refuses to run."""
    return user_error(
        program,
        f"cannot be started ({error.strerror})",
        fix="pip install --force-reinstall yt-dlp",
    )


def _last_line(run: subprocess.CompletedProcess[bytes]) -> str:
    """Return the last line that a program wrote to stderr, without control characters, or ''."""
    lines = run.stderr.decode("utf-8", "replace").splitlines()
    written = [line.strip() for line in lines if line.strip()]
    if not written:
        return ""
    return "".join(letter if letter.isprintable() else "?" for letter in written[-1])[:300]


def _read_gone(file: Path) -> dict[str, str]:
    """Return the reasons of the videos that are gone, by their id."""
    if not file.is_file():
        return {}
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        document = None
    if isinstance(document, dict) and all(isinstance(text, str) for text in document.values()):
        return document
    raise user_error(
        str(file),
        "is no list of videos that are gone",
        fix="delete it; they are then asked for again",
    )
