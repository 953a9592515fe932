"""A caller's keys behind a URL (threats T1, T5): down, rotated, huge or redirecting, and never where a token points."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from cds_service.outgoing import Unanswered
from cds_service.site.caller_profiles import published_thumbprints
from cds_service.trust.key_sets import FRESH_SECONDS, KEPT_SECONDS, QUIET_SECONDS, FetchedKeys
from cds_service.trust.public_keys import MOST_BYTES, read_key_set
from tests.service.tokens import Signer, call, caller, ec_signer, open_service, rsa_signer

EC, NEXT = ec_signer(), rsa_signer()


@dataclass
class KeyServer:
    """Answers with a JWK Set, or with whatever `quirk` says, and remembers every request."""

    server: HTTPServer
    keys: list[Signer] = field(default_factory=lambda: [EC])
    quirk: Callable[[], Response] | None = None
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url_for("/keys")

    def respond(self, request: Request) -> Response:
        self.requests.append(request)
        document = {"keys": [signer.jwk() for signer in self.keys]}
        return self.quirk() if self.quirk else Response(json.dumps(document), content_type="application/jwk-set+json")


@dataclass
class Hands:
    """A clock that the test moves, in seconds."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def key_server(httpserver: HTTPServer) -> Iterator[KeyServer]:
    held = KeyServer(httpserver)
    httpserver.expect_request("/keys").respond_with_handler(held.respond)
    yield held
    httpserver.check()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def keys(key_server: KeyServer, hands: Hands) -> FetchedKeys:
    return FetchedKeys(key_server.url, clock=hands)


def _down() -> Response:
    return Response("", 503)


def _ids(keys: FetchedKeys, signer: Signer) -> list[str]:
    return [key.key_id for key in keys.named(signer.key_id)]


def _service(key_server: KeyServer, folder: Path) -> FlaskClient:
    return open_service(folder, caller(key_set_url=key_server.url))


def test_nothing_is_asked_before_the_first_token_and_once_for_many(key_server: KeyServer, tmp_path: Path) -> None:
    service = _service(key_server, tmp_path)
    assert service.get("/cds-services").status_code == 200
    assert call(service, None).status_code == 401
    assert key_server.requests == []
    assert {call(service, EC.token()).status_code for _ in range(3)} == {200}
    (request,) = key_server.requests
    assert (request.method, request.headers.get("Authorization"), request.headers.get("Cookie")) == ("GET", None, None)


def test_the_configured_address_may_be_named_and_any_other_is_never_asked(
    key_server: KeyServer, httpserver: HTTPServer, tmp_path: Path
) -> None:
    elsewhere: list[Request] = []
    httpserver.expect_request("/evil").respond_with_handler(lambda request: elsewhere.append(request) or Response("{}"))
    service = _service(key_server, tmp_path)
    for unlisted in (httpserver.url_for("/evil"), f"{key_server.url}/", key_server.url.upper(), "file:///etc/passwd"):
        assert call(service, EC.token(jku=unlisted)).status_code == 401
    assert (elsewhere, key_server.requests) == ([], [])
    assert call(service, EC.token(jku=key_server.url)).status_code == 200


def test_with_a_file_the_address_is_only_what_a_token_may_name(key_server: KeyServer, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [EC.jwk()]}))
    service = open_service(tmp_path, caller(key_set_file=str(file), key_set_url=key_server.url))
    assert call(service, EC.token(jku=key_server.url)).status_code == 200
    assert call(service, NEXT.token()).status_code == 401
    assert key_server.requests == []


def test_a_server_that_is_down_at_the_start_is_asked_again_after_a_minute(
    key_server: KeyServer, keys: FetchedKeys, hands: Hands
) -> None:
    key_server.quirk = _down
    assert _ids(keys, EC) == []
    key_server.quirk = None
    hands.now += QUIET_SECONDS - 1
    assert (_ids(keys, EC), len(key_server.requests)) == ([], 1)
    hands.now += 1
    assert (_ids(keys, EC), len(key_server.requests)) == ([EC.key_id], 2)


def test_the_service_starts_and_refuses_as_long_as_no_keys_are_to_be_had(
    key_server: KeyServer, tmp_path: Path, logged: Any
) -> None:
    key_server.quirk = _down
    service = _service(key_server, tmp_path)
    assert service.get("/health").status_code == 200
    refused = call(service, EC.token())
    assert (refused.status_code, refused.data) == (401, call(service, None).data)
    told = [event for event in logged() if event["event"] == "keys_not_renewed"]
    assert [(event["key_set"], event["reason"]) for event in told] == [
        (key_server.url, "the key set's server answered 503")
    ]


def test_old_keys_are_kept_for_a_day_while_the_server_is_down(
    key_server: KeyServer, keys: FetchedKeys, hands: Hands
) -> None:
    assert _ids(keys, EC) == [EC.key_id]
    key_server.quirk = _down
    hands.now += FRESH_SECONDS
    assert (_ids(keys, EC), len(key_server.requests)) == ([EC.key_id], 2)
    assert (_ids(keys, EC), len(key_server.requests)) == ([EC.key_id], 2)
    hands.now = 1000.0 + KEPT_SECONDS - 1
    assert _ids(keys, EC) == [EC.key_id]
    hands.now += 1
    assert _ids(keys, EC) == []


def test_a_new_key_is_found_when_it_is_named_and_nobody_can_make_us_ask_more_than_once_a_minute(
    key_server: KeyServer, keys: FetchedKeys, hands: Hands
) -> None:
    assert _ids(keys, EC) == [EC.key_id]
    key_server.keys = [EC, NEXT]
    hands.now += QUIET_SECONDS
    assert (_ids(keys, NEXT), len(key_server.requests)) == ([NEXT.key_id], 2)
    for name in range(20):
        assert keys.named(f"nobody's {name}") == ()
    assert len(key_server.requests) == 2
    hands.now += QUIET_SECONDS
    assert (keys.named("nobody's"), len(key_server.requests)) == ((), 3)


def test_a_key_that_was_withdrawn_is_forgotten_within_the_hour(
    key_server: KeyServer, keys: FetchedKeys, hands: Hands
) -> None:
    assert _ids(keys, EC) == [EC.key_id]
    key_server.keys = [NEXT]
    hands.now += FRESH_SECONDS - 1
    assert _ids(keys, EC) == [EC.key_id]
    hands.now += 1
    assert _ids(keys, EC) == []
    key_server.keys = []
    hands.now += FRESH_SECONDS
    assert _ids(keys, NEXT) == []


@pytest.mark.parametrize(
    ("quirk", "told"),
    [
        (lambda: Response("", 302, {"Location": "http://127.0.0.1:9/evil"}), "answered 302"),
        (lambda: Response("", 308, {"Location": "/keys"}), "answered 308"),
        (lambda: Response("", 404), "answered 404"),
        (lambda: Response(b'{"keys": [' + b" " * MOST_BYTES + b"]}"), f"answered with more than {MOST_BYTES} bytes"),
        (lambda: Response("<html>log in</html>", content_type="text/html"), "answer is not valid JSON"),
        (lambda: Response("[" * 50_000), "answer is not valid JSON"),
        (lambda: Response("[]"), "answered with something else than a JWK Set"),
        (lambda: Response('{"keys": {}}'), "answered with something else than a JWK Set"),
        (lambda: Response('{"key": []}'), "answered with something else than a JWK Set"),
    ],
)
def test_an_answer_that_is_no_key_set_leaves_the_old_keys(
    quirk: Any, told: str, key_server: KeyServer, keys: FetchedKeys, hands: Hands, logged: Any
) -> None:
    assert _ids(keys, EC) == [EC.key_id]
    key_server.quirk = quirk
    hands.now += FRESH_SECONDS
    assert (_ids(keys, EC), len(key_server.requests)) == ([EC.key_id], 2)
    assert any(told in event["reason"] for event in logged() if event["event"] == "keys_not_renewed")
    with pytest.raises(Unanswered):
        keys.fetch()


def test_whoever_has_a_key_does_not_wait_for_a_renewal(key_server: KeyServer, keys: FetchedKeys, hands: Hands) -> None:
    assert _ids(keys, EC) == [EC.key_id]
    hands.now += FRESH_SECONDS
    while_asking: list[list[str]] = []

    def ask_meanwhile() -> Response:
        while_asking.append(_ids(keys, EC))
        return _down()

    key_server.quirk = ask_meanwhile
    assert _ids(keys, EC) == [EC.key_id]
    assert (while_asking, len(key_server.requests)) == ([[EC.key_id]], 2)


def test_a_server_that_hangs_costs_a_second_at_most(key_server: KeyServer, keys: FetchedKeys) -> None:
    import threading
    import time

    end = threading.Event()
    key_server.quirk = lambda: (end.wait(5), _down())[1]
    begin = time.monotonic()
    assert _ids(keys, EC) == []
    assert time.monotonic() - begin < 2
    end.set()


def test_keys_whose_private_half_is_published_are_passed_over(key_server: KeyServer, hands: Hands) -> None:
    (ours,) = read_key_set({"keys": [EC.jwk()]}).keys
    assert _ids(FetchedKeys(key_server.url, frozenset({ours.thumbprint}), hands), EC) == []
    assert all(len(thumbprint) == 43 for thumbprint in published_thumbprints())


@pytest.mark.parametrize(
    "row",
    [
        7, {}, {"kty": "EC"}, {"kty": ["EC"], "kid": "k"}, EC.jwk(kid=None), EC.jwk(kid=7), EC.jwk(x=None), EC.jwk(x=7),
        EC.jwk(x="AAAA"), EC.jwk(x="é"), EC.jwk(crv="P-256"), EC.jwk(crv="secp256k1"), EC.jwk(crv=None),
        EC.jwk(alg="ES256"), EC.jwk(alg="HS384"), EC.jwk(alg=["ES384"]), EC.jwk(use="enc"), EC.jwk(key_ops=["sign"]),
        EC.jwk(key_ops="verify"), EC.jwk(d="AQAB"), NEXT.jwk(n="AQAB"), NEXT.jwk(e="AA"), NEXT.jwk(n=""),
        {"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty": "oct", "kid": "k", "k": "AQAB"},
    ],
)  # fmt: skip
def test_a_row_that_is_no_key_for_us_is_passed_over(row: Any) -> None:
    assert [key.key_id for key in read_key_set({"keys": [row, NEXT.jwk()]}).keys] == [NEXT.key_id]
