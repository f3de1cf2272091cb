"""Who may ask a site of the studio, and how it answers: headers, and errors as sentences."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from aiohttp import web

from action_recognition.errors import UserError

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Refusal = Callable[[str, int], web.Response]


def as_json(text: str, status: int) -> web.Response:
    """Return an error for a page that reads JSON."""
    return web.json_response({"error": text}, status=status)


def as_text(text: str, status: int) -> web.Response:
    """Return an error for people."""
    return web.Response(text=f"{text}\n", status=status)


def guard(
    check: Callable[[web.Request], None],
    headers: Mapping[str, str] = HEADERS,
    refusal: Refusal = as_json,
) -> Any:
    """Return a middleware that checks each request, and turns every error into an answer."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request."""
        response: web.StreamResponse
        try:
            check(request)
            response = await handler(request)
        # Pages show these texts as they are.
        except UserError as error:
            response = refusal("; ".join(str(problem) for problem in error.problems), 422)
        except web.HTTPException as error:
            response = refusal(error.text or error.reason, error.status)
        except OSError as error:
            response = refusal(f"the disk refuses: {error.strerror or error}", 507)
        if not response.prepared:
            response.headers.update(headers)
        return response

    return guarded


def check_where_from(request: web.Request, hosts: Collection[str], scheme: str, whose: str) -> None:
    """Refuse other web pages, which come under another host name or origin."""
    if request.headers.get("Host", "") not in hosts:
        raise web.HTTPForbidden(text=f"this page is for {whose}")
    origin = request.headers.get("Origin")
    # A page may read by a plain address, but what changes something states its origin.
    needs_origin = request.method != "GET" or request.path == "/ws"
    own = f"{scheme}://{request.headers['Host']}"
    if (origin is None and needs_origin) or (origin is not None and origin != own):
        raise web.HTTPForbidden(text="asked by a page of another origin")
