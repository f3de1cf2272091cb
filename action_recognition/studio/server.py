"""The server of the studio, for this computer alone: it listens on 127.0.0.1.

It serves a fixed list of files, the clips of the project by their names, and one WebSocket for the
frames of the camera. Requests under another host name or of another origin are refused.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import WSMsgType, web

from action_recognition.console import say
from action_recognition.errors import UserError, user_error
from action_recognition.studio.camera_session import MAX_FRAME_BYTES, CameraSession
from action_recognition.studio.project import NO_GESTURE, Clip, checked_person
from action_recognition.studio.recording import Take
from action_recognition.studio.studio import Studio

HOST: Final = "127.0.0.1"
MAX_UPLOAD_BYTES: Final = 200_000_000
_MAX_JSON_BYTES: Final = 100_000
_WEB: Final = Path(__file__).parent / "web"
_FILES: Final = {"": "index.html", "studio.css": "", "studio.js": "", "drawing.js": ""}
_HEADERS: Final = {
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


class StudioServer:
    """The addresses of the page. `hosts` are the host names that a request may have."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.hosts: tuple[str, ...] = ()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._page: web.WebSocketResponse | None = None
        # One frame at a time, and beside it whatever else takes long.
        self._frames = concurrent.futures.ThreadPoolExecutor(1, "frames")
        self._others = concurrent.futures.ThreadPoolExecutor(2, "requests")

    def application(self) -> web.Application:
        """Return the application of aiohttp."""
        app = web.Application(middlewares=[self._guard], client_max_size=_MAX_JSON_BYTES)
        app.router.add_get("/ws", self._socket)
        app.router.add_get("/api/project", self._project)
        app.router.add_get("/api/thumbnail", self._thumbnail)
        app.router.add_get("/api/clip", self._clip)
        app.router.add_post("/api/upload", self._upload)
        app.router.add_post("/api/{name}", self._change)
        app.router.add_get("/{name}", self._file)
        app.router.add_get("/", self._file)
        app.on_shutdown.append(self._shut_down)
        return app

    async def serve(self, port: int, ready: Callable[[str], None]) -> None:
        """Serve until cancelled. `ready` gets the address. Raises UserError: a port in use."""
        self._loop = asyncio.get_running_loop()
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, port)
            try:
                await site.start()
            except (OSError, OverflowError) as error:
                allowed = "a free port from 1024 to 65535, or 0 for any"
                raise user_error("--port", f"{port} cannot be used ({error})", allowed) from None
            found = runner.addresses[0][1]
            self.hosts = (f"{HOST}:{found}", f"localhost:{found}")
            self.studio.start(self._tell)
            ready(f"http://{HOST}:{found}/")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            self.studio.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check where a request comes from, and turn every error into an answer."""
        try:
            self._check_where_from(request)
            response = await handler(request)
        except UserError as error:
            text = "; ".join(str(problem) for problem in error.problems)
            response = web.json_response({"error": text}, status=422)
        except web.HTTPException as error:
            text = error.text or error.reason
            response = web.json_response({"error": text}, status=error.status)
        except OSError as error:
            text = f"the disk refuses: {error.strerror or error}"
            response = web.json_response({"error": text}, status=507)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def _check_where_from(self, request: web.Request) -> None:
        """Refuse other web pages, which come under another host name or origin."""
        if request.headers.get("Host", "") not in self.hosts:
            raise web.HTTPForbidden(text="this page is for this computer alone")
        origin = request.headers.get("Origin")
        # A page may read by a plain address, but what changes something states its origin.
        needs_origin = request.method != "GET" or request.path == "/ws"
        own = f"http://{request.headers['Host']}"
        if (origin is None and needs_origin) or (origin is not None and origin != own):
            raise web.HTTPForbidden(text="asked by a page of another origin")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "")
        if name not in _FILES:
            raise web.HTTPNotFound(text="there is no such file")
        return web.FileResponse(_WEB / (_FILES[name] or name))

    async def _project(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._apart(self.studio.plain))

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
            asked = await request.json()
        except ValueError:
            raise web.HTTPBadRequest(text="the request is no JSON") from None
        if not isinstance(asked, dict) or not all(isinstance(x, str) for x in asked.values()):
            raise web.HTTPBadRequest(text="the request is no JSON object of texts")
        result = await self._apart(partial(self._changed, request.match_info["name"], asked))
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
            take = Take(label, person, session)
            clip = await self._apart(partial(self.studio.take_upload, part, take))
        finally:
            part.unlink(missing_ok=True)
        return web.json_response({"done": clip.file})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        """Keep the connection of one page. A second page takes the camera over."""
        page = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES + 16, compress=False)
        await page.prepare(request)
        before, self._page = self._page, page
        if before is not None and not before.closed:
            with contextlib.suppress(ConnectionError):
                await before.send_json({"type": "replaced"})
                await before.close()

        session = self.studio.session
        await self._apart(partial(session.try_model, None))
        waiting: asyncio.Queue[bytes] = asyncio.Queue(maxsize=2)
        worker = asyncio.create_task(self._work(page, session, waiting))
        try:
            # This loop only receives. A frame that finds no place pushes out the oldest.
            async for message in page:
                if message.type == WSMsgType.BINARY:
                    if waiting.full():
                        waiting.get_nowait()
                    waiting.put_nowait(message.data)
                elif message.type == WSMsgType.TEXT:
                    await self._told(page, session, message.data)
        finally:
            worker.cancel()
            # Without a page nothing is recognised. One that took over says what it wants.
            if self._page is page:
                await self._apart(partial(session.try_model, None))
            # What was recorded when the page went away is kept.
            with contextlib.suppress(UserError, OSError):
                await self._finish(session)
            if self._page is page:
                self._page = None
        return page

    async def _work(
        self, page: web.WebSocketResponse, session: CameraSession, waiting: asyncio.Queue[bytes]
    ) -> None:
        """Process frames one by one, and answer each."""
        loop = asyncio.get_running_loop()
        while True:
            data = await waiting.get()
            answer: dict[str, Any]
            try:
                answer = await loop.run_in_executor(self._frames, session.frame, data)
            except (UserError, OSError) as error:
                answer = {"type": "error", "text": str(error), "frame": True}
            with contextlib.suppress(ConnectionError):
                await page.send_json(answer)
                if answer.get("recorded", {}).get("done"):
                    await self._recorded(page, session)

    async def _told(self, page: web.WebSocketResponse, session: CameraSession, text: str) -> None:
        """Do what the page says by text."""
        try:
            asked = json.loads(text[:10_000])
            kind = asked["type"]
            if kind == "record":
                take = _take(asked)
                await self._apart(partial(session.begin, take, float(asked["seconds"])))
            elif kind == "stop":
                await self._recorded(page, session)
            elif kind == "cancel":
                await self._apart(session.cancel)
            elif kind == "try":
                learned = self.studio.learner.learned if asked["on"] is True else None
                await self._apart(partial(session.try_model, learned))
            elif kind == "wrong":
                clip = await self._apart(partial(session.wrong, _take(asked)))
                self.studio.added(clip)
                await page.send_json({"type": "clip", "file": clip.file})
        except (ValueError, KeyError, TypeError):
            await page.send_json({"type": "error", "text": "the page sent what is no message"})
        except (UserError, OSError) as error:
            await page.send_json({"type": "error", "text": str(error)})

    async def _recorded(self, page: web.WebSocketResponse, session: CameraSession) -> None:
        try:
            clip = await self._finish(session)
            if clip is not None:
                await page.send_json({"type": "clip", "file": clip.file})
        except (UserError, OSError) as error:
            await page.send_json({"type": "error", "text": str(error)})

    async def _finish(self, session: CameraSession) -> Clip | None:
        clip: Clip | None = await self._apart(session.stop)
        if clip is not None:
            self.studio.added(clip)
        return clip

    async def _apart(self, call: Callable[[], Any]) -> Any:
        """Call something that may take long, without holding up the frames."""
        return await asyncio.get_running_loop().run_in_executor(self._others, call)

    def _tell(self) -> None:
        """Tell the page that something has changed. Any thread may call it."""
        if self._loop is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._send_changed)

    def _send_changed(self) -> None:
        page = self._page
        if page is not None and not page.closed:
            if self.studio.session.is_trying:
                self.studio.session.try_model(self.studio.learner.learned)
            task = asyncio.ensure_future(page.send_json({"type": "changed"}))
            # A page that went away meanwhile misses nothing.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _shut_down(self, app: web.Application) -> None:
        if self._page is not None:
            await self._page.close()


def _take(asked: dict[str, Any]) -> Take:
    """Return what is recorded, and by whom. Raises UserError: a name that cannot be."""
    person, session = (checked_person(str(asked[key])) for key in ("person", "session"))
    return Take(str(asked.get("label", NO_GESTURE)), person, session)


def _too_large() -> web.HTTPException:
    text = f"the file is too large: at most {MAX_UPLOAD_BYTES // 1_000_000} MB are taken"
    return web.HTTPRequestEntityTooLarge(MAX_UPLOAD_BYTES, MAX_UPLOAD_BYTES + 1, text=text)


def run(studio: Studio, port: int, opened: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. `opened` gets the address once the page can be opened."""
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(StudioServer(studio).serve(port, opened))
    say("ended")
