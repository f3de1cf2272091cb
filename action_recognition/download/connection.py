"""Connections to servers: requests, redirects, errors, and pages that ask for a confirmation."""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from action_recognition.download.confirm_page import confirm_link
from action_recognition.errors import UserError, user_error

_TIMEOUT_SECONDS = 30.0
_TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)
_RANGE_NOT_SATISFIABLE = 416
_MAX_PAGE_BYTES = 1 << 20


class InterruptedFetch(Exception):
    """The connection failed in a way that another attempt may mend."""


@contextlib.contextmanager
def network_errors(url: str, part: Path) -> Iterator[None]:
    """Turn urllib's errors into another attempt or a user error. Errors of the disk pass through.

    Raises InterruptedFetch: another attempt may help. `part` is removed if it cannot be resumed.
    """
    try:
        yield
    except urllib.error.HTTPError as error:
        raise _status_error(url, part, error) from None
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise InterruptedFetch(f"no connection ({reason})") from None
    except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
        reason = error or type(error).__name__
        raise InterruptedFetch(f"the connection broke ({reason})") from None
    except ValueError as error:
        # http.client and urllib raise it for malformed addresses.
        raise user_error(url, f"is not an address that can be fetched: {error}") from None


def _status_error(
    url: str, part: Path, error: urllib.error.HTTPError
) -> InterruptedFetch | UserError:
    if error.code == _RANGE_NOT_SATISFIABLE:
        part.unlink(missing_ok=True)
        return InterruptedFetch("the server cannot resume there")

    answer = f"the server answered {error.code} {error.reason}"
    if error.code in _TRANSIENT_STATUS:
        return InterruptedFetch(answer)
    return user_error(url, f"cannot be fetched: {answer}")


def open_url(url: str, have: int) -> http.client.HTTPResponse:
    """Return the answer to a GET for the bytes from `have` on.

    A page on which a file store asks to confirm a large download is confirmed.
    Raises UserError: the answer is another web page.
    """
    # One opener for both requests: the store recognises the second one by its cookie.
    opener = _opener()
    response = _get(opener, url, have)
    if not _is_html(response):
        return response

    page = response.read(_MAX_PAGE_BYTES).decode("utf-8", "replace")
    confirmed = confirm_link(response.geturl(), page)
    response.close()
    if confirmed is None:
        raise _web_page(url)
    response = _get(opener, confirmed, have)
    if _is_html(response):
        response.close()
        raise _web_page(url)
    return response


def _opener() -> urllib.request.OpenerDirector:
    # urllib's build_opener also opens file: and ftp: after a redirect.
    opener = urllib.request.OpenerDirector()
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

    # The scheme was checked, and the opener knows http and https only.
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    response = opener.open(request, timeout=_TIMEOUT_SECONDS)
    assert isinstance(response, http.client.HTTPResponse)
    return response


def _is_html(response: http.client.HTTPResponse) -> bool:
    return response.headers.get_content_type() in ("text/html", "application/xhtml+xml")


def _web_page(url: str) -> UserError:
    reason = "moved, or it asks for a login or is over its quota"
    return user_error(url, f"the answer is a web page (HTML), not weights: {reason}")
