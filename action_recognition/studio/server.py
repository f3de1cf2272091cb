"""The server of the studio, for this computer alone: it listens on 127.0.0.1.

Where the LAN is switched on, a site of its own takes the camera of a phone: `lan/site.py`.

It serves a fixed list of files, the clips of the project by their names, and one WebSocket for the
frames of the camera. Requests under another host name or of another origin are refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from action_recognition.console import say
from action_recognition.errors import user_error
from action_recognition.json_files import parse_json
from action_recognition.studio.answers import check_where_from, guard
from action_recognition.studio.lan.site import PhoneSite
from action_recognition.studio.page_socket import PageSocket
from action_recognition.studio.project import checked_person
from action_recognition.studio.recording import Take
from action_recognition.studio.studio import Studio

HOST: Final = "127.0.0.1"
MAX_UPLOAD_BYTES: Final = 200_000_000
_MAX_JSON_BYTES: Final = 100_000
_OPENING_S: Final = 2.0  # that a page has the computer to itself
_WEB: Final = Path(__file__).parent / "web"
_FILES: Final = {
    "": "index.html",
    "studio.css": "",
    "studio.js": "",
    "frames.js": "",
    "phone_dialog.js": "",
    "columns.js": "",
    "knows.js": "",
    "actions.js": "",
    "drawing.js": "",
}


class StudioServer:
    """The addresses of the page. `hosts` are the host names that a request may have.

    `lan` is an address of the local network, on which a phone gets a site of its own. Without it
    nothing listens there.
    """

    def __init__(self, studio: Studio, lan: str | None = None) -> None:
        self.studio = studio
        self.hosts: tuple[str, ...] = ()
        self._socket = PageSocket(studio)
        self.phone = None if lan is None else PhoneSite(self._socket, studio.project, lan)

    def application(self) -> web.Application:
        """Return the application of aiohttp."""
        app = web.Application(middlewares=[guard(self._check)], client_max_size=_MAX_JSON_BYTES)
        app.router.add_get("/ws", self._socket.serve)
        app.router.add_get("/api/project", self._project)
        app.router.add_get("/api/thumbnail", self._thumbnail)
        app.router.add_get("/api/clip", self._clip)
        app.router.add_post("/api/upload", self._upload)
        if self.phone is not None:
            app.router.add_post("/api/phone-code", self.phone.offer)
            app.router.add_post("/api/phone-disconnect", self.phone.disconnect)
        app.router.add_post("/api/{name}", self._change)
        app.router.add_get("/{name}", self._file)
        app.router.add_get("/", self._file)
        app.on_shutdown.append(self._socket.close)
        return app

    async def serve(self, port: int, ready: Callable[[str], None]) -> None:
        """Serve until cancelled. `ready` gets the address. Raises UserError: a port in use."""
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, port)
            try:
                await site.start()
            except (OSError, OverflowError) as error:
                allowed = "a free port from 1024 to 65535, or 0 for any"
                raise user_error("--port", f"{port} cannot be used ({error})", allowed) from None
            # With port 0 the system has chosen one.
            found = runner.addresses[0][1]
            self.hosts = (f"{HOST}:{found}", f"localhost:{found}")
            if self.phone is not None:
                await self.phone.start(found if port else 0)
            self.studio.start(self._socket.teller(asyncio.get_running_loop()))
            ready(f"http://{HOST}:{found}/")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            if self.phone is not None:
                await self.phone.close()
            self.studio.close()

    def _check(self, request: web.Request) -> None:
        check_where_from(request, self.hosts, "http", "this computer alone")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "")
        if not name:
            self.studio.learner.give_way(_OPENING_S)
        if name not in _FILES:
            raise web.HTTPNotFound(text="there is no such file")
        return web.FileResponse(_WEB / (_FILES[name] or name))

    async def _project(self, request: web.Request) -> web.StreamResponse:
        known = request.query.get("known", "")
        found = await self._socket.apart(partial(self.studio.plain, known))
        phone = None if self.phone is None else self.phone.plain()
        return web.json_response(found | {"phone": phone})

    async def _thumbnail(self, request: web.Request) -> web.StreamResponse:
        found = self.studio.learner.facts.get(request.query.get("file", ""))
        if found is None or not found.thumbnail.is_file():
            raise web.HTTPNotFound(text="there is no such thumbnail")
        return web.FileResponse(found.thumbnail, headers={"Content-Type": "image/jpeg"})

    async def _clip(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(self.studio.project.path_of(request.query.get("file", "")))

    async def _change(self, request: web.Request) -> web.StreamResponse:
        """Carry out a change that the page asks for, and answer with its result."""
        try:
            asked = await request.json(loads=parse_json)
        except ValueError:
            raise web.HTTPBadRequest(text="the request is no JSON") from None
        if not isinstance(asked, dict) or not all(isinstance(x, str) for x in asked.values()):
            raise web.HTTPBadRequest(text="the request is no JSON object of texts")
        result = await self._socket.apart(partial(self._changed, request.match_info["name"], asked))
        return web.json_response({"done": result})

    def _changed(self, name: str, asked: dict[str, str]) -> Any:
        """Carry out a change, by its name."""
        changes = self.studio.changes
        if name not in changes:
            raise web.HTTPNotFound(text="there is no such address")
        keys, change = changes[name]
        missing = [key for key in keys if key not in asked]
        if missing:
            raise web.HTTPBadRequest(text=f"{missing[0]} is missing")
        return change(*(asked[key] for key in keys))

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """Take a video file or a photo. It is whole before it becomes a clip."""
        query = request.query
        person, session = (checked_person(query.get(key, "")) for key in ("person", "session"))
        suffix = self.studio.checked_suffix(query.get("name", ""))
        label = self.studio.project.check_gesture(query.get("label", ""))
        # Refused by its stated length before a byte is taken, and by the bytes if it states none.
        if (request.content_length or 0) > MAX_UPLOAD_BYTES:
            raise _too_large()
        part = self.studio.upload_folder() / f"{secrets.token_hex(8)}{suffix}"
        try:
            with part.open("wb") as file:
                total = 0
                async for data in request.content.iter_chunked(1 << 18):
                    total += len(data)
                    if total > MAX_UPLOAD_BYTES:
                        raise _too_large()
                    file.write(data)
            # In a thread: it is decoded as a whole before it counts as a clip.
            take = Take(label, person, session)
            clip = await self._socket.apart(partial(self.studio.take_upload, part, take))
        finally:
            part.unlink(missing_ok=True)
        return web.json_response({"done": clip.file})


def _too_large() -> web.HTTPException:
    text = f"the file is too large: at most {MAX_UPLOAD_BYTES // 1_000_000} MB are taken"
    return web.HTTPRequestEntityTooLarge(MAX_UPLOAD_BYTES, MAX_UPLOAD_BYTES + 1, text=text)


def run(studio: Studio, port: int, opened: Callable[[str], None], lan: str | None = None) -> None:
    """Serve until Ctrl-C. `opened` gets the address once the page can be opened.

    `lan` is the address of the local network at which a phone can be the camera.
    """
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(StudioServer(studio, lan).serve(port, opened))
    say("ended")
