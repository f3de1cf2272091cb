"""A real HTTP server that gives the same bytes to whoever asks, and counts the requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answers:
    """What is answered.

    `form` is `length`, `wrong length`, `close`, `chunks` or `no last chunk`.
    """

    body: Callable[[], bytes]
    form: str = "close"
    content_type: str = "application/octet-stream"
    # Seconds between two pieces.
    pause_s: float = 0.0
    piece: int = 4096
    asked_s: list[float] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/film"


@contextmanager
def serving(answers: Answers) -> Iterator[Answers]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answers))
    server.daemon_threads = True
    answers.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()


def _handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            answers.asked_s.append(time.monotonic())
            body, is_chunked = answers.body(), "chunk" in answers.form
            self.send_response(200)
            self.send_header("Content-Type", answers.content_type)
            if "length" in answers.form:
                wrong = 100 if "wrong" in answers.form else 1
                self.send_header("Content-Length", str(len(body) * wrong))
            if is_chunked:
                self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True

            try:
                for start in range(0, len(body), answers.piece):
                    piece = body[start : start + answers.piece]
                    chunk = b"%x\r\n%b\r\n" % (len(piece), piece)
                    self.wfile.write(chunk if is_chunked else piece)
                    time.sleep(answers.pause_s)
                if answers.form == "chunks":
                    self.wfile.write(b"0\r\n\r\n")
            except OSError:
                return

    return Handler
