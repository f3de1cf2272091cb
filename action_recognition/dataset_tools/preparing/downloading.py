"""Download of the videos that an annotation names, one after another, with yt-dlp."""

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
from action_recognition.data.photo_kinds import VIDEO_SUFFIXES
from action_recognition.dataset_tools.preparing.msasl_entries import safe_video_id
from action_recognition.errors import UserError, user_error
from action_recognition.json_files import parse_json

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
    """Options of a download.

    `pause_s` is the pause before each video. `rate` limits the speed in the form of yt-dlp, where
    `4M` is 4 MiB a second. `again` asks for the videos again that were gone before.
    """

    pause_s: float = 5.0
    rate: str = "4M"
    again: bool = False


def yt_dlp_command() -> list[str]:
    """Return the words that start yt-dlp.

    Raises UserError: it is not installed.
    """
    program = shutil.which("yt-dlp")
    if program is not None:
        return [program]
    if importlib.util.find_spec("yt_dlp") is not None:
        return [sys.executable, "-m", "yt_dlp"]
    raise user_error(
        "yt-dlp",
        "is needed to fetch the videos and is not installed",
        fix="pip install yt-dlp, then repeat the command",
    )


def addresses(urls: Iterable[str]) -> dict[str, str]:
    """Return complete addresses by the id of their video.

    Addresses that are not on the web are left out, and those whose id cannot be a file name.

    >>> addresses(["www.youtube.com/watch?v=Pj7ONpWo7sg", "https://youtu.be/Pj7ONpWo7sg"])
    {'Pj7ONpWo7sg': 'https://www.youtube.com/watch?v=Pj7ONpWo7sg'}
    >>> addresses(["file:///etc/passwd"])
    {}
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
    """Fetch the missing videos. Count the videos that are `there`, `fetched`, `gone` and `failed`.

    Videos that are gone from their address are listed in download.json. They are not requested
    again, unless `options.again` is set.
    Raises UserError: yt-dlp is missing, or several videos in a row failed for other reasons.
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
            # Written at once, since a download may be interrupted.
            if outcome == "gone":
                gone[name] = reason
                write_together(folder, {GONE_FILE: json.dumps(gone, indent=1) + "\n"})

        counts[outcome] += 1
        progress(done, len(urls))
        if num_failures == _MAX_FAILURES:
            raise _all_fail(reason)
    return counts


def _outcome(reason: str) -> str:
    """Return `fetched`, `gone` for a video that no longer exists, or else `failed`.

    An empty reason means that the video was fetched.
    """
    if not reason:
        return "fetched"
    return "gone" if any(word in reason.lower() for word in _GONE_WORDS) else "failed"


def _all_fail(reason: str) -> UserError:
    """Return the error that ends a download whose last videos all failed."""
    return user_error(
        "download",
        f"{_MAX_FAILURES} videos in a row failed, the last with: {reason}",
        fix="check the network, wait, then repeat the command",
    )


def _flags(name: str, url: str, folder: Path, options: DownloadOptions) -> list[str]:
    """Return the arguments of yt-dlp for one video. They resume a download that was interrupted."""
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
    """Fetch a video. Return why it is not there, or an empty string."""
    words = [*command, *_flags(name, url, folder, options)]
    try:
        # The words are our own, except the address, which follows `--`.
        run = subprocess.run(  # noqa: S603
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"was not fetched in {_LONGEST_S // 60} minutes"
    except OSError as error:
        raise _cannot_start(command[0], error) from None

    # yt-dlp chooses the suffix, and may report success without a file.
    files = [folder / f"{name}{suffix}" for suffix in VIDEO_SUFFIXES]
    if run.returncode == 0 and any(file.is_file() for file in files):
        return ""
    return _last_line(run) or f"yt-dlp ended with code {run.returncode} and left no video"


def _cannot_start(program: str, error: OSError) -> UserError:
    """Return the error for a program that the system refuses to run."""
    return user_error(
        program,
        f"cannot be started ({error.strerror})",
        fix="pip install --force-reinstall yt-dlp",
    )


def _last_line(run: subprocess.CompletedProcess[bytes]) -> str:
    """Return the last line that a program wrote to stderr, at most 300 characters.

    Control characters are replaced. Without any line, the result is empty.
    """
    lines = run.stderr.decode("utf-8", "replace").splitlines()
    written = [line.strip() for line in lines if line.strip()]
    if not written:
        return ""

    return "".join(letter if letter.isprintable() else "?" for letter in written[-1])[:300]


def _read_gone(file: Path) -> dict[str, str]:
    """Return by id the reasons of the videos that are gone."""
    if not file.is_file():
        return {}
    try:
        document = parse_json(file.read_text(encoding="utf-8"))
    except ValueError:
        document = None
    if isinstance(document, dict) and all(isinstance(text, str) for text in document.values()):
        return document
    raise user_error(
        str(file),
        "is not a list of videos that are gone",
        fix="delete it, and the videos are requested again",
    )
