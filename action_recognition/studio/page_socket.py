"""The WebSocket of the page: frames of its camera, what it says, and what it is told."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from aiohttp import WSMsgType, web

from action_recognition.errors import UserError, user_error
from action_recognition.json_files import parse_json
from action_recognition.studio.camera_session import MAX_FRAME_BYTES, CameraSession
from action_recognition.studio.project import NO_GESTURE, Clip, checked_person
from action_recognition.studio.recording import Take
from action_recognition.studio.studio import Studio

_TELL_AFTER_S: Final = 0.05
_OF_A_PHONE: Final = frozenset({"record", "stop", "cancel"})
"""What the page of a phone may say. Its frames are recorded, and nothing is tried with them."""

IsWelcome = Callable[[], bool]


class PageSocket:
    """The connection of one page at a time, and the threads that work for it."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.session = studio, studio.session
        self._page: web.WebSocketResponse | None = None
        self._is_phone = False
        self._tasks: set[asyncio.Future[None]] = set()
        self._is_telling = False
        # One frame at a time, and beside it whatever else takes long.
        self._frames = concurrent.futures.ThreadPoolExecutor(1, "frames")
        self._others = concurrent.futures.ThreadPoolExecutor(2, "requests")

    async def serve(
        self, request: web.Request, is_welcome: IsWelcome | None = None
    ) -> web.StreamResponse:
        """Keep the connection of one page. A second page takes the camera over.

        `is_welcome` is stated for a phone, which may say less, and only while that is true.
        """
        page = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES + 16, compress=False)
        await page.prepare(request)
        before, self._page = self._page, page
        self._is_phone = is_welcome is not None
        if before is not None and not before.closed:
            with contextlib.suppress(ConnectionError):
                await before.send_json({"type": "replaced", "by_phone": self._is_phone})
                await before.close()

        session = self.session
        await self.apart(partial(session.try_model, None))
        waiting: asyncio.Queue[bytes] = asyncio.Queue(maxsize=2)
        worker = asyncio.create_task(self._work(page, session, waiting))
        try:
            # This loop only receives. A frame that finds no place pushes out the oldest.
            async for message in page:
                if is_welcome is not None and not is_welcome():
                    break
                if message.type == WSMsgType.BINARY:
                    if waiting.full():
                        waiting.get_nowait()
                    waiting.put_nowait(message.data)
                elif message.type == WSMsgType.TEXT:
                    await self._told(page, session, message.data, is_welcome is not None)
        finally:
            worker.cancel()
            # Without a page nothing is recognised. One that took over says what it wants.
            if self._page is page:
                await self.apart(partial(session.try_model, None))
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

    async def _told(
        self, page: web.WebSocketResponse, session: CameraSession, text: str, is_phone: bool
    ) -> None:
        """Do what the page says by text."""
        try:
            asked = parse_json(text[:10_000])
            kind = asked["type"]
            if is_phone and kind not in _OF_A_PHONE:
                raise user_error("phone", "may not ask for this", "recording clips")
            if kind == "record":
                # Without a length it ends when the hands rest.
                seconds = float(asked["seconds"]) if "seconds" in asked else None
                await self.apart(partial(session.begin, _take(asked), seconds))
            elif kind == "hold":
                await self.apart(session.hold)
            elif kind == "stop":
                await self._recorded(page, session)
            elif kind == "cancel":
                await self.apart(session.cancel)
            # Frames that come later are recognised, or not any more.
            elif kind == "try":
                learned = self.studio.learner.learned if asked["on"] is True else None
                await self.apart(partial(session.try_model, learned))
            elif kind == "wrong":
                clip = await self.apart(partial(session.wrong, _take(asked)))
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
        clip: Clip | None = await self.apart(session.stop)
        if clip is not None:
            self.studio.added(clip)
        return clip

    async def apart(self, call: Callable[[], Any]) -> Any:
        """Call something that may take long, without holding up the frames."""
        return await asyncio.get_running_loop().run_in_executor(self._others, call)

    def teller(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Return what tells the page that something has changed. Any thread may call it."""

        def soon() -> None:
            """Tell it once of all that changes at about the same time."""
            if not self._is_telling:
                self._is_telling = True
                loop.call_later(_TELL_AFTER_S, self._send_changed)

        def tell() -> None:
            # A loop that has ended has no page.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(soon)

        return tell

    def _send_changed(self) -> None:
        self._is_telling = False
        page = self._page
        if page is not None and not page.closed:
            task = asyncio.ensure_future(self._follow(page))
            # A task that nobody refers to may be collected. One whose page went misses nothing.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _follow(self, page: web.WebSocketResponse) -> None:
        """Try with what was learned last, and tell the page."""
        learned = self.studio.learner.learned
        await self.apart(partial(self.session.follow, learned))
        await page.send_json({"type": "changed"})

    async def end_phone(self) -> None:
        """Take the camera from the phone, if it has it. What it recorded is kept."""
        page = self._page
        if page is not None and self._is_phone and not page.closed:
            with contextlib.suppress(ConnectionError):
                await page.send_json({"type": "ended"})
            await page.close()

    async def close(self, _: web.Application) -> None:
        """Say goodbye to the page."""
        if self._page is not None:
            await self._page.close()


def _take(asked: dict[str, Any]) -> Take:
    """Return what is recorded, and by whom. Raises UserError: a name that cannot be."""
    person, session = (checked_person(str(asked[key])) for key in ("person", "session"))
    return Take(str(asked.get("label", NO_GESTURE)), person, session)
