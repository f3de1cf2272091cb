"""Download one file: resumed, retried, and checked before it appears under its name."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from action_recognition import console
from action_recognition.download.connection import InterruptedFetch, network_errors, open_url
from action_recognition.download.identity import Expected, FileFacts, Say, file_facts, part_file
from action_recognition.errors import UserError, user_error

ALLOWED_SCHEMES = ("https", "http", "file")
_CHUNK_BYTES = 1 << 18
# Between three attempts.
_PAUSES_SECONDS = (1.0, 3.0)
_PARTIAL_CONTENT = 206
# Of a number of bytes. Python refuses to read thousands of digits.
_MAX_DIGITS = 18


def fetch(source: str, target: Path, expected: Expected, say: Say = console.say) -> FileFacts:
    """Download `source` to `target`, which appears only once it is complete and verified.

    An interrupted download stays beside it as `.part`. The next call resumes it if a sha256 tells
    right from wrong.
    Raises UserError: another scheme, no network, an HTTP error, a web page instead of a file, or
    another size or sha256 than expected.
    """
    url = _checked_url(source)
    part = part_file(target)
    if expected.sha256 is None:
        # Without a sha256, a resumed file cannot be told from a mixture of two.
        part.unlink(missing_ok=True)

    resumed = part.exists()
    mismatch, facts = _download_and_check(url, part, expected, say)
    # The part may be of an older file, so one fresh attempt follows.
    if mismatch and resumed:
        found = f"the resumed download is not the {expected.known_as} file ({mismatch})"
        say(f"{found}; starting again")
        mismatch, facts = _download_and_check(url, part, expected, say)

    if mismatch:
        raise user_error(source, f"what arrived is not the {expected.known_as} file: {mismatch}")
    part.replace(target)
    return facts


def _checked_url(source: str) -> str:
    try:
        scheme = urllib.parse.urlsplit(source).scheme.lower()
    except ValueError as error:
        raise user_error(source, f"is not an address: {error}") from None

    if scheme not in ALLOWED_SCHEMES:
        allowed = ", ".join(f"{name}://" for name in ALLOWED_SCHEMES)
        raise user_error(source, f"scheme {scheme!r} is not fetched", allowed)
    return source


def _download_and_check(
    url: str, part: Path, expected: Expected, say: Say
) -> tuple[str, FileFacts]:
    """Download to `part`, which is deleted if it is wrong. Return the mismatch and the facts."""
    if urllib.parse.urlsplit(url).scheme.lower() == "file":
        _copy_local(url, part)
    else:
        _download_with_retries(url, part, expected, say)

    facts = file_facts(part)
    mismatch = expected.mismatch(facts)
    if mismatch:
        part.unlink()
    return mismatch, facts


def _copy_local(url: str, part: Path) -> None:
    path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(url).path))
    if not path.is_file():
        raise user_error(url, "there is no such file")
    shutil.copyfile(path, part)


def _download_with_retries(url: str, part: Path, expected: Expected, say: Say) -> None:
    # No pause follows the last attempt.
    for pause in (*_PAUSES_SECONDS, None):
        try:
            return _download_once(url, part, expected, say)
        except InterruptedFetch as error:
            if pause is None:
                raise user_error(url, f"cannot be fetched: {error}") from None
            say(f"{error}; trying again in {pause:.0f} s")
            time.sleep(pause)


def _download_once(url: str, part: Path, expected: Expected, say: Say) -> None:
    """Download the bytes that `part` still lacks."""
    have = part.stat().st_size if part.exists() else 0
    if expected.size is not None and have == expected.size:
        return
    # Too many bytes cannot be a part of the file.
    if expected.size is not None and have > expected.size:
        part.unlink()
        have = 0

    with network_errors(url, part), open_url(url, have) as response:
        start = _start_of(response, have, part)
        # Content-Length counts the bytes from the start on.
        length = _stated_length(response)
        total = expected.size if length is None else start + length
        _check_size(url, expected, None if length is None else total)
        _check_space(part.parent, (total or expected.size or 0) - start)
        if start:
            say(f"resuming at {start / 1e6:.1f} MB")
        _write_stream(response, part, start, total)


def _stated_length(response: http.client.HTTPResponse) -> int | None:
    """Return the number of bytes that the server states, None where it states none."""
    text = response.headers.get("Content-Length", "")
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if is_number else None


def _start_of(response: http.client.HTTPResponse, have: int, part: Path) -> int:
    """Return the place of the answer's first byte: `have`, or 0 if the server sends all again."""
    if response.status != _PARTIAL_CONTENT:
        return 0
    if have and _range_start(response) != have:
        part.unlink(missing_ok=True)
        raise InterruptedFetch("the server resumed at another place")
    return have


def _range_start(response: http.client.HTTPResponse) -> int | None:
    unit, _, span = response.headers.get("Content-Range", "").partition(" ")
    first = span.partition("-")[0]
    is_number = first.isascii() and first.isdigit() and len(first) <= _MAX_DIGITS
    return int(first) if unit == "bytes" and is_number else None


def _check_size(url: str, expected: Expected, total: int | None) -> None:
    """Check the size that the server states, before the download."""
    if total is not None and expected.size is not None and total != expected.size:
        offer = f"the server offers {total} bytes"
        raise user_error(url, f"{offer}, {expected.known_as} are {expected.size}")


def _check_space(folder: Path, missing: int) -> None:
    """Check that the folder has room for the missing bytes."""
    free = shutil.disk_usage(folder).free
    if missing > free:
        found = f"{free / 1e6:.0f} MB are free, {missing / 1e6:.0f} MB are needed"
        raise user_error(str(folder), found, fix="free space")


def _write_stream(
    response: http.client.HTTPResponse, part: Path, start: int, total: int | None
) -> None:
    done = start
    # A server that states no length may send without end. It must not fill the disk.
    limit = total if total is not None else shutil.disk_usage(part.parent).free * 9 // 10
    with (
        part.open("r+b" if start else "wb") as stream,
        _progress(part.name.removesuffix(".part"), total, start) as advance,
    ):
        stream.seek(start)
        while chunk := response.read(_CHUNK_BYTES):
            done += len(chunk)
            if done > limit:
                raise _endless(response.url, part, total)
            stream.write(chunk)
            advance(len(chunk))

    # A connection that ends early looks like the end of the file.
    if total is not None and done < total:
        place = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"
        raise InterruptedFetch(f"the connection broke at {place}")


def _endless(url: str, part: Path, total: int | None) -> UserError:
    """Remove what arrived, and return the error for a server that sends more than it should."""
    part.unlink(missing_ok=True)
    if total is None:
        return user_error(url, "sends more than the disk has room for", fix="free space")
    found = f"sends more than the {total} bytes of the file"
    return user_error(url, found, fix="the file has changed there; look for it elsewhere")


@contextlib.contextmanager
def _progress(name: str, total: int | None, start: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, and yield the function that moves it by a number of bytes."""
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns) as bar:
        task = bar.add_task(name, total=total, completed=start)
        yield lambda count: bar.advance(task, count)
