"""Fetch one file over the network: resumed, retried, checked by size and sha256, kept in a cache; imports nothing heavy."""

from __future__ import annotations

import contextlib
import hashlib
import html.parser
import http.client
import http.cookiejar
import json
import os
import shutil
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from action_recognition.errors import UserError, user_error

ALLOWED_SCHEMES = ("https", "http", "file")
_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 30.0
_PAUSES_SECONDS = (1.0, 3.0)  # between three attempts
_TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206
CACHE_VARIABLE = "ACTION_RECOGNITION_CACHE"

Say = Callable[[str], None]
StartKeyword = Literal["imagenet", "kinetics700"]  # start weights that are asked for by name


@dataclass(frozen=True)
class FileFacts:
    """What identifies a file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Expected:
    """What the publisher says about a file, None where nothing was published; or what was `recorded` when it was first fetched."""

    size: int | None = None
    sha256: str | None = None
    known_as: Literal["published", "recorded"] = "published"

    def mismatch(self, found: FileFacts) -> str:
        """What differs, as a sentence, or an empty string.

        >>> Expected(size=3).mismatch(FileFacts(4, "ab"))
        'size 4 bytes, published are 3'
        """
        if self.size is not None and found.size != self.size:
            return f"size {found.size} bytes, {self.known_as} are {self.size}"
        if self.sha256 is not None and found.sha256 != self.sha256:
            return f"sha256 {found.sha256}, {self.known_as} is {self.sha256}"
        return ""


class _Interrupted(Exception):
    """The connection failed in a way that another attempt may mend."""


def file_facts(path: Path) -> FileFacts:
    """Size and sha256 of a file on disk, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return FileFacts(path.stat().st_size, digest.hexdigest())


def part_file(target: Path) -> Path:
    """Where an unfinished download of `target` waits to be resumed."""
    return target.with_name(target.name + ".part")


def fetch(source: str, target: Path, expected: Expected, say: Say = print) -> FileFacts:
    """Download `source` to `target`, which appears only when it is complete and verified.

    An interrupted download stays beside it as `.part` and is resumed by the next call when a sha256 tells right from wrong.
    Errors: another scheme, no network, an HTTP error, a web page instead of a file, another size or sha256 than published.
    """
    url = _checked_url(source)
    part = part_file(target)
    if expected.sha256 is None:
        part.unlink(missing_ok=True)  # nothing could tell a resumed file from a mixture of two
    resumed = part.exists()
    mismatch, facts = _download_and_check(url, part, expected, say)
    if mismatch and resumed:
        say(
            f"the resumed download is not the {expected.known_as} file ({mismatch}); starting again"
        )
        mismatch, facts = _download_and_check(url, part, expected, say)
    if mismatch:
        raise user_error(source, f"what arrived is not the {expected.known_as} file: {mismatch}")
    part.replace(target)
    return facts


def cache_folder() -> Path:
    """Where fetched files are kept: $ACTION_RECOGNITION_CACHE, or action_recognition in $XDG_CACHE_HOME or ~/.cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "action_recognition"


def fetch_recorded(
    source: str, target: Path, check: Callable[[Path], object], say: Say = print
) -> FileFacts:
    """A file of which nothing was published: size and sha256 are written beside it at the first fetch and hold from then on.

    `check` gets the file before it is recorded and raises when it is not what it should be. `target` is fetched only where it is not.
    Errors: as of `fetch`; a file, on disk or fetched again, of another size or sha256 than recorded.
    """
    expected = _recorded(target)
    if target.exists():
        facts = file_facts(target)
        if mismatch := expected.mismatch(facts):
            fix = f"delete it to fetch it again (and {record_file(target).name} beside it to trust another file)"
            raise user_error(
                str(target), f"is not the file that was fetched first: {mismatch}", fix=fix
            )
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        say(f"fetching {source} to {target}")
        facts = fetch(source, target, expected, say)
    if expected.sha256 is None:
        _check_and_record(source, target, facts, check)
    return facts


def record_file(target: Path) -> Path:
    """Where size and sha256 of a fetched `target` stand."""
    return target.with_name(target.name + ".json")


def _recorded(target: Path) -> Expected:
    record = record_file(target)
    if not record.exists():
        return Expected()
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        return Expected(int(content["size"]), str(content["sha256"]), "recorded")
    except (ValueError, KeyError, TypeError):
        raise user_error(
            str(record),
            "is damaged",
            "size and sha256 of the file beside it",
            f"delete it and {target.name}",
        ) from None


def _check_and_record(
    source: str, target: Path, facts: FileFacts, check: Callable[[Path], object]
) -> None:
    try:
        check(target)
    except UserError:
        target.unlink()  # so that the next run fetches again
        raise
    part = part_file(record_file(target))
    part.write_text(
        json.dumps({"source": source} | asdict(facts), indent=1) + "\n", encoding="utf-8"
    )
    part.replace(record_file(target))


def _checked_url(source: str) -> str:
    try:
        scheme = urllib.parse.urlsplit(source).scheme.lower()
    except ValueError as error:
        raise user_error(source, f"is not an address: {error}") from None
    if scheme not in ALLOWED_SCHEMES:
        raise user_error(
            source,
            f"scheme {scheme!r} is not fetched",
            ", ".join(f"{name}://" for name in ALLOWED_SCHEMES),
        )
    return source


def _download_and_check(
    url: str, part: Path, expected: Expected, say: Say
) -> tuple[str, FileFacts]:
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
    for pause in (*_PAUSES_SECONDS, None):
        try:
            return _download_once(url, part, expected, say)
        except _Interrupted as error:
            if pause is None:
                raise user_error(url, f"cannot be fetched: {error}") from None
            say(f"{error}; trying again in {pause:.0f} s")
            time.sleep(pause)


def _download_once(url: str, part: Path, expected: Expected, say: Say) -> None:
    have = part.stat().st_size if part.exists() else 0
    if expected.size is not None and have == expected.size:
        return
    if expected.size is not None and have > expected.size:
        part.unlink()
        have = 0
    with _network_errors(url, part), _open(url, have) as response:
        start = (
            have if response.status == _PARTIAL_CONTENT and _range_start(response) == have else 0
        )
        if response.status == _PARTIAL_CONTENT and start != have:
            part.unlink(missing_ok=True)
            raise _Interrupted("the server resumed at another place")
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else expected.size
        _check_announced(url, part, expected, total if length else None, start)
        if start:
            say(f"resuming at {start / 1e6:.1f} MB")
        _write_stream(response, part, start, total)


def _range_start(response: http.client.HTTPResponse) -> int | None:
    unit, _, span = response.headers.get("Content-Range", "").partition(" ")
    first = span.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdigit() else None


def _check_announced(
    url: str, part: Path, expected: Expected, total: int | None, start: int
) -> None:
    if total is not None and expected.size is not None and total != expected.size:
        raise user_error(
            url, f"the server offers {total} bytes, {expected.known_as} are {expected.size}"
        )
    missing = (total or expected.size or 0) - start
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        raise user_error(
            str(part.parent),
            f"{free / 1e6:.0f} MB are free, {missing / 1e6:.0f} MB are needed",
            fix="free space",
        )


def _write_stream(
    response: http.client.HTTPResponse, part: Path, start: int, total: int | None
) -> None:
    done = start
    with (
        part.open("r+b" if start else "wb") as stream,
        _progress(part.name.removesuffix(".part"), total, start) as advance,
    ):
        stream.seek(start)
        while chunk := response.read(_CHUNK_BYTES):
            stream.write(chunk)
            done += len(chunk)
            advance(len(chunk))
    if total is not None and done < total:
        raise _Interrupted(f"the connection broke at {done / 1e6:.1f} of {total / 1e6:.1f} MB")


@contextlib.contextmanager
def _progress(name: str, total: int | None, start: int) -> Iterator[Callable[[int], None]]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task(name, total=total, completed=start)
        yield lambda count: bar.advance(task, count)


@contextlib.contextmanager
def _network_errors(url: str, part: Path) -> Iterator[None]:
    """Turn what urllib raises into another attempt or into a user error; errors of the disk pass through."""
    try:
        yield
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise _Interrupted("the server cannot resume there") from None
        if error.code in _TRANSIENT_STATUS:
            raise _Interrupted(f"the server answered {error.code} {error.reason}") from None
        raise user_error(
            url, f"cannot be fetched: the server answered {error.code} {error.reason}"
        ) from None
    except urllib.error.URLError as error:
        raise _Interrupted(
            f"no connection ({getattr(error.reason, 'strerror', None) or error.reason})"
        ) from None
    except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
        raise _Interrupted(f"the connection broke ({error or type(error).__name__})") from None
    except ValueError as error:  # http.client and urllib raise it for addresses that cannot be
        raise user_error(url, f"is not an address that can be fetched: {error}") from None


def _open(url: str, have: int) -> http.client.HTTPResponse:
    """The answer to a GET, past the page on which a file store asks to confirm a large download."""
    opener = _opener()
    response = _get(opener, url, have)
    if _is_html(response):
        confirmed = _confirm_link(
            response.geturl(), response.read(1 << 20).decode("utf-8", "replace")
        )
        response.close()
        if confirmed is None:
            raise _web_page(url)
        response = _get(opener, confirmed, have)
        if _is_html(response):
            response.close()
            raise _web_page(url)
    return response


def _web_page(url: str) -> UserError:
    return user_error(
        url,
        "the answer is a web page (HTML), not weights: moved, or it asks for a login or is over its quota",
    )


def _opener() -> urllib.request.OpenerDirector:
    opener = (
        urllib.request.OpenerDirector()
    )  # not build_opener: that one also opens file: and ftp: after a redirect
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
    ):
        opener.add_handler(handler)
    return opener


def _get(opener: urllib.request.OpenerDirector, url: str, have: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "action-recognition", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked, and the opener knows http and https only
    response = opener.open(request, timeout=_TIMEOUT_SECONDS)
    assert isinstance(response, http.client.HTTPResponse)
    return response


def _is_html(response: http.client.HTTPResponse) -> bool:
    return response.headers.get_content_type() in ("text/html", "application/xhtml+xml")


class _ConfirmPage(html.parser.HTMLParser):
    """Finds the form or the link with which a download is confirmed."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and (
            "download" in values.get("id", "") or "confirm=" in values.get("action", "")
        ):
            self.action = values.get("action", "")
        elif tag == "input" and self.action is not None and values.get("type") == "hidden":
            self.fields[values.get("name", "")] = values.get("value", "")
        elif tag == "a" and "confirm=" in values.get("href", ""):
            self.link = values["href"]


def _confirm_link(page_url: str, page: str) -> str | None:
    """The address that confirms a download, or None when the page offers none."""
    parser = _ConfirmPage()
    parser.feed(page)
    if parser.action is not None:
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(page_url, parser.action))
        query = urllib.parse.urlencode(
            {**dict(urllib.parse.parse_qsl(parts.query)), **parser.fields}
        )
        found = urllib.parse.urlunsplit(parts._replace(query=query))
    elif parser.link is not None:
        found = urllib.parse.urljoin(page_url, parser.link)
    else:
        return None
    return found if urllib.parse.urlsplit(found).scheme in ("http", "https") else None
