"""The page on this computer alone: 127.0.0.1, a fixed list of files, and photos that are answered and forgotten."""

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
from typing import Final
from urllib.parse import parse_qs, urlsplit

from action_recognition.data.photo import decode_photo
from action_recognition.errors import UserError, user_error
from action_recognition.photos.page.site import Site
from action_recognition.photos.photo_models import Square, predict_photo

HOST: Final = "127.0.0.1"
MAX_UPLOAD_BYTES: Final = 100_000_000
PREDICT_ADDRESS: Final = "/api/predict"
_TIMEOUT_S: Final = 30.0
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
# The first two give the page memory that several threads can share; browsers ask for them together with the third.
ISOLATION_HEADERS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class PhotoServer(ThreadingHTTPServer):
    """Serves a site on 127.0.0.1; port 0 takes a free one, `address` then says which.

    Errors: a port that is taken.
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
        return f"http://{HOST}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which a browser on this computer may have asked; others are pages that point their name at 127.0.0.1."""
        return f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"


class _RefusedError(Exception):
    """An answer that is no page: status and one sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class PhotoHandler(BaseHTTPRequestHandler):
    """GET of the site's files, POST of a photo."""

    server: PhotoServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "photo-page", ""
    timeout = _TIMEOUT_S

    def do_GET(self) -> None:
        self._answer(self._send_file)

    def do_HEAD(self) -> None:
        self._answer(self._send_file)

    def do_POST(self) -> None:
        self._answer(self._send_prediction)

    def _answer(self, send: Callable[[], None]) -> None:
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
            sentence = "the program failed; its window says where"
            self._send_text(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)

    def _check_where_from(self) -> None:
        """Other web pages must not use this server: neither under a name of theirs nor from a page of theirs."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if host not in self.server.hosts:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "this page is for this computer alone")
        if origin is not None and origin != f"http://{host}":
            raise _RefusedError(HTTPStatus.FORBIDDEN, "asked by a page of another origin")

    def _send_file(self) -> None:
        address = urlsplit(self.path).path.removeprefix("/") or "index.html"
        text, file = self.server.site.texts.get(address), self.server.site.files.get(address)
        if text is not None:
            self._send(HTTPStatus.OK, text.encode(), _TYPES[".json"])
        elif file is not None:
            content_type = _TYPES.get(file.suffix, "application/octet-stream")
            self._send(HTTPStatus.OK, file.read_bytes(), content_type)
        else:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such file")

    def _send_prediction(self) -> None:
        address = urlsplit(self.path)
        if address.path != PREDICT_ADDRESS:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such address")
        square, mirror = _options(address.query)
        data = self._body()

        predictor = self.server.site.predictor
        with self.server.photos:
            photo = decode_photo(data, "the photo")
            start_s = time.perf_counter()
            found = predict_photo(predictor, photo, square, mirror)

        # The page expects the scores in the model's order.
        scores = [float(found.cosine[found.labels.index(label)]) for label in predictor.labels]
        answer = {"scores": scores, "inference_ms": (time.perf_counter() - start_s) * 1e3}
        self._send(HTTPStatus.OK, json.dumps(answer).encode(), _TYPES[".json"])

    def _body(self) -> bytes:
        """What was sent; its length is looked at before anything is read."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "the length has to be stated")

        # Python refuses to convert thousands of digits, so a huge length is cut first.
        stated, allowed = int(length[:20]), self.server.max_upload_bytes
        if stated > allowed:
            sentence = (
                f"the photo has {stated // 1_000_000} MB, up to {allowed // 1_000_000} MB are taken"
            )
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise ConnectionError("cut short")
        return data

    def _send_text(self, status: HTTPStatus, sentence: str) -> None:
        self.close_connection = True  # what was sent with a refused request is not read
        self._send(status, sentence.encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, data: bytes, content_type: str) -> None:
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
        """Nothing: names of photos are nobody's business, and what fails is told in the page."""


def _options(query: str) -> tuple[Square | None, bool]:
    """The square, if one is asked for, and whether to mirror."""
    values = parse_qs(query)
    text = values.get("square", [""])[0]
    if not text:
        square = None
    elif match := re.fullmatch(r"(\d{1,6}),(\d{1,6}),(\d{1,6})", text, re.ASCII):
        square = Square(*(int(part) for part in match.groups()))
    else:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "square: three numbers, left, top and side")
    return square, values.get("mirror", ["0"])[0] == "1"
