"""What a body does to its connection: a refused one is taken in first, a broken one is the caller's fault (400)."""

import http.client
import json
import socket
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import create_environ, run_wsgi_app
from werkzeug.wrappers import Response

from cds_service.whole_bodies import WholeBodies
from tests.service.real_server import serving
from tests.service.tokens import NOTHING_ORDERED, SIGN

JSON = {"Content-Type": "application/json"}
LARGE = json.dumps({**NOTHING_ORDERED, "extension": ["x" * 1000] * 1900})  # 1.9 MB
REFUSED = [
    ("POST", "/nowhere", JSON, 404),
    ("POST", "/cds-services/other", JSON, 404),
    ("PUT", SIGN, JSON, 405),
    ("POST", SIGN, {"Content-Type": "text/plain"}, 415),
    ("POST", SIGN, {**JSON, "Content-Encoding": "gzip"}, 415),
]
HEAD = f"POST {SIGN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BROKEN = {
    "no length of a chunk": ("Transfer-Encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk longer than said": ("Transfer-Encoding: chunked", "2\r\n{}{}\r\n0\r\n\r\n"),
    "a chunk that breaks off": ("Transfer-Encoding: chunked", "10\r\n{}"),
    "shorter than said": ("Content-Length: 100", "{}"),
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder: Path = tmp_path_factory.mktemp("bodies")
    with serving(folder, workers=1, threads=2) as server:
        yield server.port


def _outcome(response: http.client.HTTPResponse) -> Any:
    document = json.loads(response.read())
    assert document["resourceType"] == "OperationOutcome"
    return document["issue"][0]


@pytest.mark.parametrize(("method", "path", "headers", "status"), REFUSED)
def test_a_refused_large_body_is_taken_in_and_its_connection_goes_on(
    method: str, path: str, headers: dict[str, str], status: int, port: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.connect()
    line = connection.sock
    connection.request(method, path, LARGE, headers)
    refused = connection.getresponse()
    assert (refused.status, _outcome(refused)["severity"]) == (status, "error")
    assert connection.sock is line
    connection.request("POST", SIGN, LARGE, JSON)
    answered = connection.getresponse()
    assert (answered.status, json.loads(answered.read())) == (200, {"cards": []})
    assert connection.sock is line
    connection.close()


def test_a_body_that_is_half_as_large_again_as_allowed_is_told_so(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", SIGN, b" " * 3_000_000, JSON)
    refused = connection.getresponse()
    assert (refused.status, _outcome(refused)["code"]) == (413, "too-long")
    connection.close()


@pytest.mark.parametrize(("sent", "read"), [(0, 0), (999, 999), (1_000, 1_000), (200_000, 100_000)])
def test_what_the_application_leaves_of_a_body_is_read_up_to_a_limit(sent: int, read: int) -> None:
    body = BytesIO(b" " * sent)
    environ = {**create_environ(SIGN, method="POST"), "wsgi.input": body, "wsgi.input_terminated": True}
    run_wsgi_app(WholeBodies(Response("busy", 503), 100_000), environ)
    assert body.tell() == read


def test_where_the_end_of_a_body_is_not_told_nothing_is_read() -> None:
    body = BytesIO(b" " * 10)
    run_wsgi_app(WholeBodies(Response(), 100), {**create_environ(SIGN, method="POST"), "wsgi.input": body})
    assert body.tell() == 0


@pytest.mark.parametrize("how", BROKEN)
def test_a_body_that_is_not_whole_is_400(how: str, port: int) -> None:
    header, body = BROKEN[how]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(f"{HEAD}{header}\r\n\r\n{body}".encode())
        line.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(line)
        response.begin()
        assert (response.status, _outcome(response)["diagnostics"][:5]) == (400, "body:")
