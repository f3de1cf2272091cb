"""The server of the page, for this computer alone.

It listens on 127.0.0.1 and serves a fixed list of files. Photos are classified and not stored.
Clips are on the disk while they are.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePath
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from action_recognition.data.photo import decode_photo
from action_recognition.data.photo_kinds import VIDEO_SUFFIXES
from action_recognition.deploy.prediction import Prediction
from action_recognition.errors import UserError, user_error
from action_recognition.photos.page.site import Site
from action_recognition.photos.photo_models import Square, predict_clip, predict_photo

HOST: Final = "127.0.0.1"
# The page refuses larger files too.
MAX_UPLOAD_BYTES: Final = 100_000_000
PREDICT_ADDRESS: Final = "/api/predict"
# A connection that stays silent for so long is closed.
_TIMEOUT_S: Final = 30.0
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
# The first two give the page memory that several threads can share. Browsers ask for them together
# with the third.
ISOLATION_HEADERS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class PhotoServer(ThreadingHTTPServer):
    """A server of a site on 127.0.0.1. Port 0 takes a free one, which `address` states.

    Raises UserError: a port that cannot be used.
    """

    daemon_threads = True

    def __init__(self, site: Site, port: int = 0, max_upload_bytes: int = MAX_UPLOAD_BYTES) -> None:
        self.site, self.max_upload_bytes = site, max_upload_bytes
        # One photo at a time: a predictor is for one thread, and a large photo takes much memory.
        self.photos = threading.Lock()
        try:
            super().__init__((HOST, port), PhotoHandler)
        except (OSError, OverflowError) as error:
            allowed = "a free port from 1024 to 65535, or 0 for any"
            raise user_error("--port", f"{port} cannot be used ({error})", allowed) from None

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that a browser on this computer may have asked for.

        Any other name belongs to a page that points its name at 127.0.0.1.
        """
        return f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"


class _RefusedError(Exception):
    """A refusal: an HTTP status and one sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class PhotoHandler(BaseHTTPRequestHandler):
    """A handler of requests: GET for the files of the site, POST for a photo."""

    # Set by the base class.
    server: PhotoServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "photo-page", ""
    timeout = _TIMEOUT_S

    def do_GET(self) -> None:
        """Send a file."""
        self._answer(self._send_file)

    def do_HEAD(self) -> None:
        """Send the headers of a file."""
        self._answer(self._send_file)

    def do_POST(self) -> None:
        """Send the prediction for a photo or clip."""
        self._answer(self._send_prediction)

    def _answer(self, send: Callable[[], None]) -> None:
        """Check where a request comes from and answer it. Turn every error into an answer."""
        try:
            self._check_where_from()
            send()
        except _RefusedError as refused:
            self._send_text(refused.status, str(refused))
        except UserError as error:
            sentence = "; ".join(str(problem) for problem in error.problems)
            self._send_text(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:
            traceback.print_exc(file=sys.stderr)
            sentence = "the program failed; its terminal shows where"
            self._send_text(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)

    def _check_where_from(self) -> None:
        """Refuse requests of other web pages, which come under another host name or origin."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        # A name that only points here, by the DNS of another page.
        if host not in self.server.hosts:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "this page is for this computer alone")
        if origin is not None and origin != f"http://{host}":
            raise _RefusedError(HTTPStatus.FORBIDDEN, "asked by a page of another origin")

    def _address(self) -> SplitResult:
        """Return the parts of the address that is asked for."""
        try:
            return urlsplit(self.path)
        except ValueError:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "that is no address") from None

    def _send_file(self) -> None:
        """Send a file or text of the site. Refuse everything that is not on its list."""
        address = self._address().path.removeprefix("/") or "index.html"
        text, file = self.server.site.texts.get(address), self.server.site.files.get(address)

        if text is not None:
            self._send(HTTPStatus.OK, text.encode(), _TYPES[".json"])
        elif file is not None:
            content_type = _TYPES.get(file.suffix, "application/octet-stream")
            self._send(HTTPStatus.OK, file.read_bytes(), content_type)
        else:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such file")

    def _send_prediction(self) -> None:
        """Classify the file in the request and send its scores as JSON."""
        address = self._address()
        if address.path != PREDICT_ADDRESS:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such address")
        predict = self._predict_clip if self.server.site.takes_clips else self._predict_photo
        # The query is checked before the data are read.
        predicted = predict(address.query)
        data = self._body()

        predictor = self.server.site.predictor
        with self.server.photos:
            start_s = time.perf_counter()
            found = predicted(data)

        # The page expects the scores in the model's order.
        scores = [float(found.cosine[found.labels.index(label)]) for label in predictor.labels]
        answer = {"scores": scores, "inference_ms": (time.perf_counter() - start_s) * 1e3}
        self._send(HTTPStatus.OK, json.dumps(answer).encode(), _TYPES[".json"])

    def _predict_photo(self, query: str) -> Callable[[bytes], Prediction]:
        """Return a function that classifies the data of a photo."""
        square, mirror = _options(query)
        predictor = self.server.site.predictor
        return lambda data: predict_photo(
            predictor, decode_photo(data, "the photo"), square, mirror
        )

    def _predict_clip(self, query: str) -> Callable[[bytes], Prediction]:
        """Return a function that classifies the data of a video file."""
        suffix = _suffix(query)
        return lambda data: predict_clip(self.server.site.predictor, data, suffix)

    def _body(self) -> bytes:
        """Return the data that was sent. Its length is checked before anything is read."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "the length must be stated")

        # Python refuses to convert thousands of digits. Twenty are above every limit already.
        stated, allowed = int(length.lstrip("0")[:20] or "0"), self.server.max_upload_bytes
        if stated > allowed:
            sentence = (
                f"the file has {stated // 1_000_000} MB, "
                f"at most {allowed // 1_000_000} MB is accepted"
            )
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
        data = self.rfile.read(stated)
        # The browser hung up before the end.
        if len(data) < stated:
            raise ConnectionError("cut short")
        return data

    def _send_text(self, status: HTTPStatus, sentence: str) -> None:
        """Send one sentence and close the connection."""
        # The data of a refused request is not read, so the connection cannot be used again.
        self.close_connection = True
        self._send(status, sentence.encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, data: bytes, content_type: str) -> None:
        """Send an answer. HEAD gets only its headers."""
        self.send_response(status)
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(len(data)),
            "Cache-Control": "no-cache",
            **ISOLATION_HEADERS,
        }

        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: names of photos are private, and the page shows failures."""


def _suffix(query: str) -> str:
    """Return the suffix of the file's name in a query."""
    suffix = PurePath(parse_qs(query).get("name", [""])[0]).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        sentence = f"is no video file; allowed: {', '.join(sorted(VIDEO_SUFFIXES))}"
        raise _RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
    return suffix


def _options(query: str) -> tuple[Square | None, bool]:
    """Return the square of a query, or None, and True if the photo is to be mirrored."""
    values = parse_qs(query)
    text = values.get("square", [""])[0]

    if not text:
        square = None
    elif match := re.fullmatch(r"(\d{1,6}),(\d{1,6}),(\d{1,6})", text, re.ASCII):
        square = Square(*(int(part) for part in match.groups()))
    else:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "square: three numbers, left, top and side")
    return square, values.get("mirror", ["0"])[0] == "1"
