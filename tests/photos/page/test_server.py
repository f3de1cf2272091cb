"""The server: what it gives, and what it refuses to pages and people it is not for."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import onnx
import pytest

from action_recognition.data.photo import read_photo
from action_recognition.deploy import Predictor
from action_recognition.deploy.metadata import write_onnx
from action_recognition.errors import UserError
from action_recognition.photos.page.server import PhotoServer
from action_recognition.photos.page.site import PAGE_FILES, WEB_DIR, open_site
from action_recognition.photos.photo_models import Square, predict_photo
from tests.conftest import REPOSITORY
from tests.data.test_photo import bomb
from tests.made_photos import LABELS, METADATA, drawn_hands, write_photos
from tests.photos.page.conftest import served
from tests.warm import warm_python

MAX_UPLOAD_BYTES = 200_000


@pytest.fixture(scope="module")
def server(photo_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhotoServer]:
    """Without the runtime for browsers."""
    site = open_site(photo_export, runtime=tmp_path_factory.mktemp("empty"))
    with served(site, max_upload_bytes=MAX_UPLOAD_BYTES) as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (file,) = write_photos(tmp_path, drawn_hands(30)[29:])
    return file


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


def ask(
    server: PhotoServer, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True)
        sent = {
            "Host": f"127.0.0.1:{server.server_port}",
            **({"Content-Length": str(len(body))} if body is not None else {}),
            **headers,
        }
        for name, value in sent.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read(),
        )
    finally:
        connection.close()


def test_the_page_and_its_files_with_their_types(server: PhotoServer) -> None:
    types = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
    for name in PAGE_FILES:
        answer = ask(server, f"/{name}")
        assert answer.status == 200 and answer.body == (WEB_DIR / name).read_bytes()
        assert answer.headers["content-type"].startswith(types[Path(name).suffix])
    assert ask(server, "/").body == (WEB_DIR / "index.html").read_bytes()
    head = ask(server, "/", "HEAD")
    assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) > 1000


def test_headers_that_keep_other_pages_out(server: PhotoServer) -> None:
    headers = ask(server, "/").headers
    assert (
        headers["cross-origin-opener-policy"] == "same-origin"
        and headers["cross-origin-embedder-policy"] == "require-corp"
    )
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert "access-control-allow-origin" not in headers


def test_it_listens_on_this_computer_alone(server: PhotoServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/..%2f..%2fserver.py",
        "/%2e%2e/%2e%2e/setup.py",
        "/web/../server.py",
        "//etc/passwd",
        "/etc/passwd",
        "/ort/../../../package.json",
        "/package.json",
        "/..\\server.py",
        "/index.html%00.js",
        "/node_modules/",
        "/export/",
        "/model.xml",
        "/" + "a" * 5000,
    ],
)
def test_nothing_but_the_list_can_be_fetched(server: PhotoServer, path: str) -> None:
    answer = ask(server, path)
    assert answer.status == 404 and answer.body == b"there is no such file"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", ""],
)
def test_names_that_only_point_here_are_refused(server: PhotoServer, host: str) -> None:
    assert ask(server, "/", Host=host).status == 403
    assert ask(server, "/api/predict", "POST", b"", Host=host).status == 403


def test_localhost_is_this_computer_too(server: PhotoServer) -> None:
    assert ask(server, "/", Host=f"localhost:{server.server_port}").status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "file://"]
)
def test_pages_of_another_origin_are_refused(server: PhotoServer, photo: Path, origin: str) -> None:
    answer = ask(server, "/api/predict", "POST", photo.read_bytes(), Origin=origin)
    assert answer.status == 403 and b"another origin" in answer.body


def test_a_photo_gets_the_scores_that_the_predictor_gives(
    server: PhotoServer, photo_export: Path, photo: Path
) -> None:
    predictor = Predictor.from_path(photo_export / "model.xml")
    for square, mirror in ((None, False), (Square(40, 20, 200), False), (Square(0, 0, 100), True)):
        query = {"mirror": int(mirror)} | (
            {"square": f"{square.left},{square.top},{square.side}"} if square else {}
        )
        origin = server.address.rstrip("/")
        answer = ask(
            server, f"/api/predict?{urlencode(query)}", "POST", photo.read_bytes(), Origin=origin
        )
        expected = predict_photo(predictor, read_photo(photo), square, mirror)
        scores = [float(expected.cosine[expected.labels.index(label)]) for label in LABELS]
        found = json.loads(answer.body)
        assert found["scores"] == pytest.approx(scores, abs=1e-5) and found["inference_ms"] > 0


def test_the_square_and_the_mirror_change_what_is_seen(photo_export: Path, photo: Path) -> None:
    predictor = Predictor.from_path(photo_export / "model.xml")
    whole, part, turned = (
        predict_photo(predictor, read_photo(photo), square, mirror).probability_of(LABELS[0])
        for square, mirror in ((None, False), (Square(0, 0, 90), False), (None, True))
    )
    assert abs(whole - part) > 1e-4 and abs(whole - turned) > 1e-4


@pytest.mark.parametrize(
    "square", ["1,2", "a,b,c", "-1,0,5", "0,0,0", "300,0,100", "0,0,99999999", "0,0,5,6", "0;0;5"]
)
def test_squares_outside_of_the_photo_are_refused(
    server: PhotoServer, photo: Path, square: str
) -> None:
    answer = ask(
        server, f"/api/predict?{urlencode({'square': square})}", "POST", photo.read_bytes()
    )
    assert answer.status in (400, 422) and b"square" in answer.body


@pytest.mark.parametrize("body", [b"", b"hello", b"\xff\xd8\xff\xe0", bomb(50_000)])
def test_what_is_no_photo_is_named(server: PhotoServer, body: bytes) -> None:
    answer = ask(server, "/api/predict", "POST", body)
    assert answer.status == 422 and b"the photo" in answer.body and b"Traceback" not in answer.body


@pytest.mark.parametrize("zeros", ["", 30 * "0"])
def test_a_gigabyte_is_refused_before_it_is_read(server: PhotoServer, zeros: str) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        host = f"127.0.0.1:{server.server_port}"
        connection.sendall(
            f"POST /api/predict HTTP/1.1\r\nHost: {host}\r\n".encode()
            + f"Content-Length: {zeros}1000000000\r\n\r\n".encode()
        )
        answer = b"".join(
            iter(lambda: connection.recv(4096), b"")
        )  # it answers and hangs up, with nothing of the photo sent
    assert answer.startswith(b"HTTP/1.1 413 ") and b"the file has 1000 MB" in answer


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content_Length": "-5"}, {"Content_Length": "many"}, {"Transfer_Encoding": "chunked"}],
)
def test_a_photo_without_its_length_is_refused(
    server: PhotoServer, headers: dict[str, str]
) -> None:
    assert ask(server, "/api/predict", "POST", **headers).status == 411


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(server: PhotoServer, method: str) -> None:
    assert ask(server, "/", method).status == 501


def test_posts_elsewhere_are_refused(server: PhotoServer) -> None:
    assert ask(server, "/", "POST", b"x").status == 404


def test_after_all_that_it_still_answers(server: PhotoServer, photo: Path) -> None:
    half = socket.create_connection(("127.0.0.1", server.server_port), timeout=20)
    host = f"127.0.0.1:{server.server_port}"
    half.sendall(
        f"POST /api/predict HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\nshort".encode()
    )
    assert (
        ask(server, "/api/predict", "POST", photo.read_bytes()).status == 200
    )  # beside one that waits
    half.close()
    assert ask(server, "/api/predict", "POST", photo.read_bytes()).status == 200


def test_without_the_runtime_the_page_is_told_so(server: PhotoServer) -> None:
    config = json.loads(ask(server, "/config.json").body)
    assert (
        config["engine"] == "server"
        and "npm ci" in config["notice"]
        and "OpenVINO" in config["runs_as"]
    )
    assert json.loads(json.loads(ask(server, "/metadata.json").body)["labels_json"]) == list(LABELS)


def test_a_port_that_is_taken_is_named(server: PhotoServer) -> None:
    with pytest.raises(UserError, match=f"--port: {server.server_port} cannot be used"):
        PhotoServer(server.site, server.server_port)
    with pytest.raises(UserError, match="--port: 99999 cannot be used"):
        PhotoServer(server.site, 99999)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [warm_python(), str(REPOSITORY / "tools" / "serve.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_bad_input_ends_in_one_message(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases = [
        ((tmp_path / "empty",), "holds no export/model.onnx"),
        ((tmp_path / "missing",), "is not a folder"),
        ((exported, "--export-static", tmp_path / "site"), "does not decode clips"),
    ]
    for arguments, expected in cases:
        done = run(*arguments)
        assert (
            done.returncode == 2 and expected in done.stderr and len(done.stderr.splitlines()) == 1
        )


def test_a_work_dir_and_an_export_folder_are_found(photo_export: Path) -> None:
    for folder in (photo_export, photo_export.parent):
        assert np.array_equal(open_site(folder).predictor.labels, LABELS)
    site = open_site(photo_export, photo_export / "model.xml")
    assert not site.in_browser and "no ONNX file" in site.notice


def test_the_int8_network_comes_first_where_it_is_of_the_same_weights(
    photo_export: Path, int8_export: Path, tmp_path: Path
) -> None:
    assert [model["precision"] for model in models_of(photo_export)] == ["FP32"]
    first, second = models_of(int8_export)
    assert first == {
        "file": "model_int8.onnx",
        "precision": "INT8",
        "bytes": (int8_export / "model_int8.onnx").stat().st_size,
    }
    assert (second["file"], second["precision"]) == ("model.onnx", "FP32")
    assert (
        open_site(int8_export, int8_export / "model_int8.onnx").files["model_int8.onnx"]
        == int8_export / "model_int8.onnx"
    )
    shutil.copytree(int8_export, tmp_path / "export")
    int8 = tmp_path / "export" / "model_int8.onnx"
    graph = onnx.load(int8)
    del graph.metadata_props[:]
    write_onnx(graph, replace(METADATA, weights_sha256="cd" * 32))
    onnx.save(graph, str(int8))
    assert [model["precision"] for model in models_of(tmp_path)] == [
        "FP32"
    ] and "model_int8.onnx" not in open_site(tmp_path).files
    int8.write_bytes(int8.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"model_int8\.onnx: is not a readable model"):
        open_site(tmp_path)


def models_of(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads(open_site(folder).texts["config.json"])["models"])


def test_the_command_serves_until_ctrl_c(photo_export: Path) -> None:
    command = [
        warm_python(),
        str(REPOSITORY / "tools" / "serve.py"),
        str(photo_export),
        "--port",
        "0",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        address = re.match(r"http://127\.0\.0\.1:(\d+)/ shows the page", line)
        assert address, line
        connection = http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=20)
        connection.request("GET", "/config.json")
        assert json.loads(connection.getresponse().read())["models"][0]["file"] == "model.onnx"
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0 and "Traceback" not in process.stderr.read()
