"""The site for a phone: its page, the names of the gestures, and the frames of its camera.

It has no other address than these, so a phone cannot ask for what the computer's page may do.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from action_recognition.errors import user_error
from action_recognition.studio.answers import HEADERS, as_text, check_where_from, guard
from action_recognition.studio.lan.address import url_host
from action_recognition.studio.lan.certificate import Certificate, make_certificate
from action_recognition.studio.lan.libraries import picture_of_code
from action_recognition.studio.lan.pairing import VALID_S, Pairing
from action_recognition.studio.page_socket import PageSocket
from action_recognition.studio.project import NO_GESTURE, Project

# A cookie of that name is taken only over TLS, for the whole site, and for no other host.
COOKIE: Final = "__Host-phone"
_WEB: Final = Path(__file__).parents[1] / "web"
_PAGE: Final = "phone.html"
_FILES: Final = {"": _PAGE} | {
    name: name for name in ("studio.css", "phone.js", "frames.js", "drawing.js")
}
_NOT_PAIRED: Final = (
    "This phone is not connected. On the computer, choose Use a phone, and scan the code there."
)
_NO_CODE: Final = (
    "This code is not valid, or not any more. On the computer, ask for a new one, and scan it."
)


class PhoneSite:
    """The site of one address. Only the thread of the server calls its methods."""

    def __init__(self, socket: PageSocket, project: Project, address: str) -> None:
        self.socket, self.project, self.address = socket, project, address
        self.pairing = Pairing()
        self.host = ""
        self._certificate: Certificate | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> None:
        """Begin to listen, on any port for 0. Raises UserError: the address cannot be used."""
        self._certificate = make_certificate(self.address)
        runner = self._runner = web.AppRunner(self._application(port), access_log=None)
        await runner.setup()
        context = self._certificate.context
        site = web.TCPSite(runner, self.address, port, ssl_context=context)
        try:
            await site.start()
        except OSError as error:
            found = f"{self.address}, port {port}, cannot be used ({error.strerror or error})"
            allowed = "an address of this computer, on which that port is free"
            raise user_error("--lan", found, allowed, "state --lan ADDRESS or --port N") from None
        self.host = f"{url_host(self.address)}:{runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop listening."""
        self.pairing.end()
        if self._runner is not None:
            await self._runner.cleanup()

    async def offer(self, _: web.Request) -> web.StreamResponse:
        """Answer with a new code. Raises UserError: a phone is connected."""
        if self._certificate is None:
            raise web.HTTPServiceUnavailable(text="the site for a phone is not there yet")
        address = f"https://{self.host}/pair?code={self.pairing.offer()}"
        offered = {
            "address": address,
            "picture": picture_of_code(address),
            "fingerprint": self._certificate.fingerprint.upper(),
            "seconds": VALID_S,
        }
        # The code is for whoever looks at the screen now.
        return web.json_response({"done": offered})

    async def disconnect(self, _: web.Request) -> web.StreamResponse:
        """End the session of the phone, and any code."""
        self.pairing.end()
        await self.socket.end_phone()
        return web.json_response({"done": None})

    def plain(self) -> dict[str, Any]:
        """Return what the computer's page shows."""
        return {"paired": self.pairing.is_paired, "waiting": self.pairing.is_open}

    def _application(self, port: int) -> web.Application:
        """Return the application, which takes no body."""
        # Not every browser counts its socket to the page itself.
        sockets = f"connect-src 'self' wss://{url_host(self.address)}:{port or '*'}"
        policy = HEADERS["Content-Security-Policy"].replace("connect-src 'self'", sockets)
        headers = HEADERS | {"Content-Security-Policy": policy}
        app = web.Application(
            middlewares=[guard(self._check, headers, as_text)], client_max_size=1_000
        )
        app.router.add_get("/pair", self._pair, allow_head=False)
        app.router.add_get("/ws", self._frames, allow_head=False)
        app.router.add_get("/api/gestures", self._gestures)
        app.router.add_get("/{name}", self._file)
        app.router.add_get("/", self._file)
        app.on_shutdown.append(self.socket.close)
        return app

    def _check(self, request: web.Request) -> None:
        """Refuse whoever comes from elsewhere, and without a session all but the way to one."""
        check_where_from(request, (self.host,), "https", "the phone that scanned the code")
        if request.path != "/pair" and not self._has_session(request):
            raise web.HTTPForbidden(text=_NOT_PAIRED)

    def _has_session(self, request: web.Request) -> bool:
        return self.pairing.knows(request.cookies.get(COOKIE, ""))

    async def _pair(self, request: web.Request) -> web.StreamResponse:
        """Answer the first visit with the page and a session. Its token is used up by that."""
        page = web.FileResponse(_WEB / _PAGE)
        # The phone that is connected may load its page again.
        if not self._has_session(request):
            session = self.pairing.redeem(request.query.get("code", ""))
            if not session:
                raise web.HTTPForbidden(text=_NO_CODE)
            page.set_cookie(
                COOKIE, session, path="/", secure=True, httponly=True, samesite="Strict"
            )
        return page

    async def _frames(self, request: web.Request) -> web.StreamResponse:
        """Take frames for as long as this session is the phone's."""
        session = request.cookies.get(COOKIE, "")
        return await self.socket.serve(request, partial(self.pairing.knows, session))

    async def _gestures(self, _: web.Request) -> web.StreamResponse:
        """Answer with the names of the gestures, and how many clips each has."""
        return web.json_response(await self.socket.apart(self._counts))

    def _counts(self) -> dict[str, Any]:
        names = self.project.gestures
        clips = {name: len(self.project.clips(name)) for name in names}
        return {"gestures": names, "clips": clips, "no_gesture": NO_GESTURE}

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "")
        if name not in _FILES:
            raise web.HTTPNotFound(text="There is no such page.")
        return web.FileResponse(_WEB / _FILES[name])
