"""A server that gives no token in the hook is read with one of our own: SMART Backend Services over real sockets."""

import copy
import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from cds_service import patients
from cds_service.app import create_app
from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.page import Failure
from cds_service.chart.request import ChartRequest
from cds_service.errors import NoToken
from cds_service.hooks import clock
from cds_service.outgoing import Deadline
from cds_service.site.settings import Fhir, Settings
from cds_service.site.site import open_site
from cds_service.trust.backend import QUIET_SECONDS, OwnToken
from cds_service.trust.keys import make_private_key, write_pem
from tests.service.authorization import (
    CLIENT,
    TOKEN,
    TOKEN_PATH,
    AuthorizationServer,
    backend,
    json_answer,
    token_answer,
    verified,
)

CONFIGURATION = ".well-known/smart-configuration"
DEFAULT_SCOPES = (
    "system/Patient.rs system/Observation.rs system/MedicationAdministration.rs system/MedicationRequest.rs "
    "system/Condition.rs system/Procedure.rs system/AllergyIntolerance.rs system/ServiceRequest.rs "
    "system/Medication.rs"
)


class Hands:
    """A clock that the test moves, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def keys() -> dict[str, Any]:
    return {"ES384": make_private_key("ES384"), "RS384": make_private_key("RS384")}


@pytest.fixture
def key_file(keys: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(write_pem(keys["ES384"]))
    path.chmod(0o600)
    return path


@pytest.fixture
def authorization(httpserver: HTTPServer) -> Iterator[AuthorizationServer]:
    held = AuthorizationServer(httpserver)
    httpserver.expect_request(TOKEN_PATH, method="POST").respond_with_handler(held.respond)
    yield held
    httpserver.check()


@pytest.fixture
def open_service(ehr: Any, authorization: AuthorizationServer, key_file: Path) -> Callable[..., FlaskClient]:
    """The service of a site that is registered at the stand-in authorization server."""

    def start(*, seconds: float = 10.0, allowed: tuple[str, ...] = (), **more: Any) -> FlaskClient:
        own = backend(ehr.base, key_file, **{"token_url": authorization.url, **more})
        return create_app(
            Settings(fhir=Fhir(allowed_servers=allowed, deadline_seconds=seconds, backend=(own,)))
        ).test_client()

    return start


@pytest.fixture
def open_token(ehr: Any, authorization: AuthorizationServer, key_file: Path) -> Callable[..., OwnToken]:
    """Our token alone, with a clock that the test may move."""

    def start(hands: Any = time.monotonic, **more: Any) -> OwnToken:
        own = backend(ehr.base, key_file, **{"token_url": authorization.url, **more})
        (token,) = open_site(Settings(fhir=Fhir(backend=(own,)))).own_access.tokens
        return OwnToken(token.registration, hands)

    return start


def _request(ehr: Any, token: str | None = None) -> Any:
    child = patients.load("low-trough")
    ehr.holds(*patients.resources(child, clock.now()))
    request = patients.hook_request(child, "order-sign", clock.now(), prefetch=False, fhir_server=ehr.base)
    if token is not None:
        request["fhirAuthorization"] = {"access_token": token, "token_type": "Bearer", "expires_in": 300}
    return request


def _post(service: FlaskClient, request: Any) -> Any:
    return service.post("/cds-services/infliximab-order-sign", json=request)


def _refusal(service: FlaskClient, request: Any) -> list[str]:
    response = _post(service, request)
    assert response.status_code == 412, response.get_json()
    return [issue["diagnostics"] for issue in response.get_json()["issue"]]


def _sent_to(ehr: Any) -> set[str | None]:
    return {request.headers.get("Authorization") for request in ehr.requests}


# What is sent


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_the_assertion_is_what_smart_asks_for(
    algorithm: str, keys: dict[str, Any], authorization: AuthorizationServer, open_token: Any, key_file: Path
) -> None:
    key_file.write_bytes(write_pem(keys[algorithm]))
    open_token(algorithm=algorithm).token(Deadline.after(5))
    header, claims = verified(authorization.assertions[0], keys[algorithm], algorithm, authorization.url)
    assert header == {"alg": algorithm, "kid": "key+1/=", "typ": "JWT"}
    assert claims.keys() == {"iss", "sub", "aud", "exp", "jti"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == (CLIENT, CLIENT, authorization.url)
    assert 0 < claims["exp"] - time.time() <= 300


def test_the_form_is_that_of_client_credentials_and_the_scopes_are_for_what_any_ehr_knows(
    authorization: AuthorizationServer, open_token: Any
) -> None:
    open_token().token(Deadline.after(5))
    (form,) = authorization.forms
    assert form.pop("client_assertion")
    assert form == {
        "grant_type": "client_credentials",
        "scope": DEFAULT_SCOPES,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert "Authorization" not in authorization.requests[0].headers
    assert authorization.requests[0].content_type == "application/x-www-form-urlencoded"


def test_configured_scopes_and_the_address_of_our_keys_are_sent(
    keys: dict[str, Any], authorization: AuthorizationServer, open_token: Any
) -> None:
    jku = "https://cds.hospital.example/keys.json"
    open_token(scopes=["system/Patient.read", "system/Observation.rs?category=x"], key_set_url=jku).token(
        Deadline.after(5)
    )
    assert authorization.forms[0]["scope"] == "system/Patient.read system/Observation.rs?category=x"
    assert verified(authorization.assertions[0], keys["ES384"], "ES384", authorization.url)[0]["jku"] == jku


def test_every_assertion_has_an_id_of_its_own(authorization: AuthorizationServer, open_token: Any) -> None:
    for _ in range(3):
        open_token().token(Deadline.after(5))
    ids = {jwt.decode(text, options={"verify_signature": False})["jti"] for text in authorization.assertions}
    assert len(ids) == 3


# When it is sent


def test_a_hook_without_a_token_is_answered_by_our_own(
    ehr: Any, authorization: AuthorizationServer, open_service: Any
) -> None:
    service, request = open_service(), _request(ehr)
    (card,) = _post(service, request).get_json()["cards"]
    assert "every 5 weeks" in card["summary"]
    assert _sent_to(ehr) == {f"Bearer {TOKEN}-1"}
    _post(service, request)
    assert len(authorization.requests) == 1


def test_the_token_of_the_hook_wins(ehr: Any, authorization: AuthorizationServer, open_service: Any) -> None:
    assert _post(open_service(), _request(ehr, "canary-hook-token")).status_code == 200
    assert _sent_to(ehr) == {"Bearer canary-hook-token"}
    assert authorization.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_of_the_hook_is_not_replaced_by_ours(
    status: int, ehr: Any, authorization: AuthorizationServer, open_service: Any, synthetic: Any
) -> None:
    request = _request(ehr, "canary-hook-token")
    ehr.quirks["Condition"] = lambda _: synthetic.answer({}, status)
    assert _refusal(open_service(), request) == [
        f"diagnoses (conditions): not prefetched, and the FHIR server answered {status}"
    ]
    assert _sent_to(ehr) == {"Bearer canary-hook-token"}
    assert authorization.requests == []


def test_an_empty_token_is_none(ehr: Any, open_service: Any) -> None:
    assert _post(open_service(), _request(ehr, "")).status_code == 200
    assert _sent_to(ehr) == {f"Bearer {TOKEN}-1"}


def test_a_whole_prefetch_needs_no_token(ehr: Any, authorization: AuthorizationServer, open_service: Any) -> None:
    request = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now(), fhir_server=ehr.base)
    assert _post(open_service(), request).status_code == 200
    assert authorization.requests == []


def test_a_server_that_is_allowed_but_not_ours_gets_no_token(
    ehr: Any, authorization: AuthorizationServer, open_service: Any
) -> None:
    with HTTPServer(host="127.0.0.1", port=0) as other:
        other.expect_request(re.compile("/fhir/.*")).respond_with_json({}, status=401)
        request = {**_request(ehr), "fhirServer": other.url_for("/fhir")}
        assert _post(open_service(), request).status_code == 412
        assert other.log
        assert all("Authorization" not in asked.headers for asked, _ in other.log)
    assert authorization.requests == []


def test_a_tenant_below_our_server_gets_no_token(
    ehr: Any, authorization: AuthorizationServer, open_service: Any
) -> None:
    request = {**_request(ehr), "fhirServer": f"{ehr.base}/tenant-7"}
    assert _post(open_service(), request).status_code == 412
    assert _sent_to(ehr) == {None}
    assert authorization.requests == []


def test_a_server_that_is_not_allowed_is_not_asked_at_all(
    ehr: Any, authorization: AuthorizationServer, open_service: Any
) -> None:
    request = {**_request(ehr), "fhirServer": "https://fhir.evil.example/fhir"}
    assert "not on this site's list" in _refusal(open_service(), request)[0]
    assert authorization.requests == []


def test_the_patient_of_the_call_is_still_the_only_one(ehr: Any, open_service: Any, synthetic: Any) -> None:
    request = _request(ehr)
    ehr.holds(synthetic.observation(1, "Patient/another"))
    response = _post(open_service(), request)
    assert (response.status_code, response.get_json()["issue"][0]["code"]) == (412, "security")


def test_the_processes_of_the_real_server_have_it_too(
    ehr: Any, authorization: AuthorizationServer, key_file: Path, tmp_path: Path
) -> None:
    config = tmp_path / "site.toml"
    config.write_text(
        f'[server]\nport = 0\nworkers = 2\n[fhir]\ndeadline_seconds = 10\n[[fhir.backend]]\nserver = "{ehr.base}"\n'
        f'client_id = "{CLIENT}"\nkey_id = "k"\nprivate_key_file = "key.pem"\ntoken_url = "{authorization.url}"\n'
    )
    request = json.dumps(_request(ehr))
    command = [sys.executable, "-m", "cds_service.cli", "serve", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            told = iter(process.stderr or ())
            port = next(found[1] for line in told if (found := re.search(r"127\.0\.0\.1:(\d+)/cds-services", line)))
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=15)
            path, kind = "/cds-services/infliximab-order-sign", {"Content-Type": "application/json"}
            connection.request("POST", path, request, kind)
            response = connection.getresponse()
            assert (response.status, len(json.loads(response.read())["cards"])) == (200, 1)
            connection.close()
        finally:
            process.terminate()
    assert _sent_to(ehr) == {f"Bearer {TOKEN}-1"}


# How long it is kept


def test_a_token_is_kept_until_shortly_before_it_ends(authorization: AuthorizationServer, open_token: Any) -> None:
    hands = Hands()
    token = open_token(hands)
    seen = []
    for now in (1000, 1269.9, 1270, 1539.9, 1540):
        hands.now = now
        seen.append(token.token(Deadline.after(5))[-1])
    assert seen == ["1", "1", "2", "2", "3"]
    assert len(authorization.requests) == 3


@pytest.mark.parametrize(
    ("told", "kept"),
    [(300, 270), ("300", 270), (40, 20), (0.5, 0.25), (None, 30), (10**9, 3570), (86_400, 3570)],
)
def test_how_long_depends_on_what_the_endpoint_tells(
    told: Any, kept: float, authorization: AuthorizationServer, open_token: Any
) -> None:
    hands = Hands()
    token, authorization.more = open_token(hands), {"expires_in": told}
    token.token(Deadline.after(5))
    hands.now += kept - 0.01
    token.token(Deadline.after(5))
    assert len(authorization.requests) == 1
    hands.now += 0.02
    token.token(Deadline.after(5))
    assert len(authorization.requests) == 2


def test_eight_threads_ask_once(authorization: AuthorizationServer, open_token: Any) -> None:
    authorization.pause = 0.2
    token, ready = open_token(), threading.Barrier(8)

    def ask() -> str:
        ready.wait()
        text: str = token.token(Deadline.after(5))
        return text

    with ThreadPoolExecutor(8) as pool:
        seen = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
    assert set(seen) == {f"{TOKEN}-1"}
    assert len(authorization.requests) == 1


def test_eight_threads_hear_of_one_refusal(authorization: AuthorizationServer, open_token: Any) -> None:
    authorization.pause = 0.2
    authorization.answers = [lambda: json_answer({"error": "invalid_client"}, 400)]
    token = open_token()

    def ask() -> str:
        with pytest.raises(NoToken) as refused:
            token.token(Deadline.after(5))
        return str(refused.value)

    with ThreadPoolExecutor(8) as pool:
        told = {future.result() for future in [pool.submit(ask) for _ in range(8)]}
    assert told == {"no token for the FHIR server: the token endpoint answered 400 (invalid_client)"}
    assert len(authorization.requests) == 1


def test_who_has_more_time_asks_again_after_another_ran_out_of_it(
    authorization: AuthorizationServer, open_token: Any
) -> None:
    token = open_token()

    def slowly() -> Any:
        time.sleep(0.6)
        return json_answer(token_answer(1))

    authorization.answers = [slowly]
    with ThreadPoolExecutor(2) as pool:
        hasty = pool.submit(token.token, Deadline.after(0.3))
        time.sleep(0.1)
        patient = pool.submit(token.token, Deadline.after(5))
        with pytest.raises(NoToken, match=r"no answer within 0.3 s"):
            hasty.result()
        assert patient.result() == f"{TOKEN}-2"


def test_who_has_less_time_does_not_wait_for_the_other(authorization: AuthorizationServer, open_token: Any) -> None:
    authorization.pause = 1.0
    token = open_token()
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(token.token, Deadline.after(5))
        time.sleep(0.1)
        begin = time.monotonic()
        with pytest.raises(NoToken, match=r"no answer within 0.2 s"):
            token.token(Deadline.after(0.2))
        assert time.monotonic() - begin < 0.5
        assert patient.result() == f"{TOKEN}-1"


def test_a_refusal_is_not_answered_by_asking_again_and_again(
    authorization: AuthorizationServer, open_token: Any
) -> None:
    hands = Hands()
    token = open_token(hands)
    authorization.answers = [lambda: json_answer({"error": "invalid_client"}, 401)]
    for _ in range(3):
        with pytest.raises(NoToken, match=r"answered 401 \(invalid_client\)"):
            token.token(Deadline.after(5))
    assert len(authorization.requests) == 1
    hands.now += QUIET_SECONDS
    assert token.token(Deadline.after(5)) == f"{TOKEN}-2"


def test_a_call_whose_time_is_over_asks_nobody(authorization: AuthorizationServer, open_token: Any) -> None:
    with pytest.raises(NoToken, match="no answer within 0 s"):
        open_token().token(Deadline.after(0))
    assert authorization.requests == []


def test_a_defect_leaves_nobody_waiting(keys: dict[str, Any], open_token: Any) -> None:
    unfit = OwnToken(replace(open_token().registration, private_key=keys["RS384"]))
    for _ in range(2):
        begin = time.monotonic()
        with pytest.raises((TypeError, ValueError, jwt.PyJWTError)):
            unfit.token(Deadline.after(5))
        assert time.monotonic() - begin < 1


# Where the FHIR server refuses it


def test_a_token_that_ran_out_early_is_replaced_once(
    ehr: Any, authorization: AuthorizationServer, open_token: Any
) -> None:
    hands = Hands()
    token = open_token(hands)
    first = token.token(Deadline.after(5))
    hands.now += QUIET_SECONDS
    second = token.token(Deadline.after(5), refused=first)
    assert (first, second) == (f"{TOKEN}-1", f"{TOKEN}-2")
    assert token.token(Deadline.after(5), refused=first) == second
    assert token.token(Deadline.after(5), refused=second) == second
    assert len(authorization.requests) == 2


def test_a_read_goes_on_with_the_new_token(ehr: Any, open_token: Any, synthetic: Any) -> None:
    hands = Hands()
    token = open_token(hands)
    ehr.quirks["Patient/p1"] = lambda asked: synthetic.answer(
        {"resourceType": "Patient"}, 200 if asked.headers["Authorization"] == f"Bearer {TOKEN}-2" else 401
    )
    token.token(Deadline.after(5))
    hands.now += QUIET_SECONDS
    ask = ChartRequest("p1", own_token=token)
    answer = FhirClient().get(f"{ehr.base}/Patient/p1", (), ask, Deadline.after(5))
    assert answer == {"resourceType": "Patient"}
    assert ehr.asked() == ["Patient/p1", "Patient/p1"]


def test_a_read_ends_where_there_is_no_new_token(
    ehr: Any, authorization: AuthorizationServer, open_token: Any, synthetic: Any
) -> None:
    hands = Hands()
    token = open_token(hands)
    ehr.quirks["Patient/p1"] = lambda _: synthetic.answer({}, 401)
    token.token(Deadline.after(5))
    hands.now += QUIET_SECONDS
    authorization.answers = [lambda: json_answer({"error": "unauthorized_client"}, 400)]
    answer = FhirClient().get(f"{ehr.base}/Patient/p1", (), ChartRequest("p1", own_token=token), Deadline.after(5))
    assert answer == Failure("no token for the FHIR server: the token endpoint answered 400 (unauthorized_client)")
    assert ehr.asked() == ["Patient/p1"]


def test_a_server_that_refuses_a_new_token_is_told_as_it_is(
    ehr: Any, authorization: AuthorizationServer, open_service: Any, synthetic: Any
) -> None:
    request = _request(ehr)
    ehr.quirks["Condition"] = lambda _: synthetic.answer({}, 401)
    service = open_service()
    for _ in range(2):
        assert _refusal(service, request) == [
            "diagnoses (conditions): not prefetched, and the FHIR server answered 401"
        ]
    assert ehr.asked().count("Condition") == 2
    assert len(authorization.requests) == 1


# Where there is none


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: json_answer({"error": "invalid_client", "more": "canary"}, 400), "answered 400 (invalid_client)"),
        (lambda: json_answer({"error": "canary-made-up"}, 400), "answered 400"),
        (lambda: json_answer({"error": ["invalid_client"]}, 401), "answered 401"),
        (lambda: json_answer("[]", 400), "answered 400"),
        (lambda: json_answer("canary", 400, "text/html"), "answered 400"),
        (lambda: json_answer({}, 500), "answered 500"),
        (lambda: json_answer(token_answer(), 201), "answered 201"),
        (lambda: json_answer("<html>canary</html>", 200, "text/html"), "answered with something else than JSON"),
        (lambda: json_answer("{", 200), "answer is not valid JSON"),
        (lambda: json_answer("[]"), "answered without an access_token that can be sent"),
        (lambda: json_answer(token_answer(access_token=None)), "answered without an access_token that can be sent"),
        (lambda: json_answer(token_answer(access_token="")), "answered without an access_token that can be sent"),
        (lambda: json_answer(token_answer(access_token="a b")), "answered without an access_token that can be sent"),
        (lambda: json_answer(token_answer(access_token="a\r\nX: canary")), "answered without an access_token that"),
        (lambda: json_answer(token_answer(access_token="x" * 8193)), "answered without an access_token that can be"),
        (lambda: json_answer(token_answer(token_type=None)), "answered with a token_type other than bearer"),
        (lambda: json_answer(token_answer(token_type="mac")), "answered with a token_type other than bearer"),
        (lambda: json_answer(token_answer(expires_in=0)), "an expires_in that is no number of seconds"),
        (lambda: json_answer(token_answer(expires_in=-300)), "an expires_in that is no number of seconds"),
        (lambda: json_answer(token_answer(expires_in=True)), "an expires_in that is no number of seconds"),
        (lambda: json_answer(token_answer(expires_in="soon")), "an expires_in that is no number of seconds"),
        (lambda: json_answer(token_answer(expires_in=[300])), "an expires_in that is no number of seconds"),
        (lambda: json_answer(token_answer(padding="x" * 70_000)), "answered with more than 65536 bytes"),
    ],
)  # fmt: skip
def test_a_refusal_or_a_wrong_answer_is_told_in_one_line(
    answer: Any, reason: str, authorization: AuthorizationServer, open_token: Any
) -> None:
    authorization.answers = [answer]
    with pytest.raises(NoToken) as refused:
        open_token().token(Deadline.after(5))
    (line,) = refused.value.diagnostics
    assert line.startswith("no token for the FHIR server: the token endpoint")
    assert reason in line
    assert "canary" not in line


def test_a_call_without_a_token_to_be_had_is_412_with_the_reason_for_each_part(
    ehr: Any, authorization: AuthorizationServer, open_service: Any
) -> None:
    authorization.answers = [lambda: json_answer({"error": "invalid_client"}, 400)]
    lines = _refusal(open_service(), _request(ehr))
    assert len(lines) == 6
    assert all(
        line.endswith("no token for the FHIR server: the token endpoint answered 400 (invalid_client)")
        for line in lines
    )
    assert ehr.requests == []
    assert len(authorization.requests) == 1


def test_what_the_prefetch_gave_is_used_with_the_same_doubt_as_for_an_unreachable_server(
    ehr: Any, authorization: AuthorizationServer, open_service: Any
) -> None:
    request = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now(), fhir_server=ehr.base)
    del request["prefetch"]["allergies"]
    unreachable = {**copy.deepcopy(request), "fhirServer": "http://127.0.0.1:9/fhir"}
    authorization.answers = [lambda: json_answer({}, 500)]
    service = open_service()
    answered = _post(service, request).get_json()
    assert "allerg" in answered["cards"][0]["detail"]
    assert answered == _post(service, unreachable).get_json()


def test_a_slow_token_endpoint_ends_with_the_deadline_of_the_call(
    ehr: Any, authorization: AuthorizationServer, open_service: Any
) -> None:
    authorization.pause = 1.5
    service, request = open_service(seconds=0.5), _request(ehr)
    begin = time.monotonic()
    lines = _refusal(service, request)
    assert time.monotonic() - begin < 0.9
    assert "no answer within 0.4 s" in lines[0]


def test_a_token_endpoint_where_nobody_answers_is_told_at_once(open_token: Any) -> None:
    begin = time.monotonic()
    with pytest.raises(NoToken, match="the token endpoint could not be reached"):
        open_token(token_url="http://127.0.0.1:9/token").token(Deadline.after(5))
    assert time.monotonic() - begin < 0.7


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_the_token_endpoint_is_refused(
    status: int, authorization: AuthorizationServer, open_token: Any
) -> None:
    with HTTPServer(host="127.0.0.1", port=0) as evil:
        authorization.answers = [lambda: json_answer({}, status, Location=evil.url_for("/steal"))]
        with pytest.raises(NoToken, match=f"the token endpoint answered {status}"):
            open_token().token(Deadline.after(5))
        assert evil.log == []


def test_neither_netrc_nor_proxy_nor_cookies_are_used(
    authorization: AuthorizationServer, open_token: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    hands = Hands()
    token = open_token(hands)
    authorization.answers = [lambda: json_answer(token_answer(1), **{"Set-Cookie": "session=1; Path=/"})]
    token.token(Deadline.after(5))
    hands.now += 300
    token.token(Deadline.after(5))
    assert len(authorization.requests) == 2
    assert all("Authorization" not in asked.headers for asked in authorization.requests)
    assert all("Cookie" not in asked.headers for asked in authorization.requests)


# Where the token endpoint is


def _discovered(ehr: Any, synthetic: Any, **told: Any) -> None:
    ehr.quirks[CONFIGURATION] = lambda _: synthetic.answer(told, content_type="application/json")


def test_the_token_endpoint_is_asked_of_the_fhir_server_once(
    ehr: Any, authorization: AuthorizationServer, open_token: Any, synthetic: Any, keys: dict[str, Any]
) -> None:
    _discovered(
        ehr, synthetic, token_endpoint=authorization.url, grant_types_supported=["client_credentials"],
        token_endpoint_auth_methods_supported=["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported=["RS384", "ES384"],
    )  # fmt: skip
    hands = Hands()
    token = open_token(hands, token_url="")
    token.token(Deadline.after(5))
    hands.now += 300
    token.token(Deadline.after(5))
    assert ehr.asked() == [CONFIGURATION]
    assert _sent_to(ehr) == {None}
    assert verified(authorization.assertions[1], keys["ES384"], "ES384", authorization.url)


def test_after_a_refusal_the_endpoint_is_looked_up_anew(
    ehr: Any, authorization: AuthorizationServer, open_token: Any, synthetic: Any
) -> None:
    hands = Hands()
    token = open_token(hands, token_url="")
    _discovered(ehr, synthetic, token_endpoint=authorization.url)
    authorization.answers = [lambda: json_answer({}, 404)]
    with pytest.raises(NoToken, match="the token endpoint answered 404"):
        token.token(Deadline.after(5))
    hands.now += QUIET_SECONDS
    assert token.token(Deadline.after(5)) == f"{TOKEN}-2"
    assert ehr.asked() == [CONFIGURATION, CONFIGURATION]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, "names no token endpoint that can be used"),
        ({"token_endpoint": None}, "names no token endpoint that can be used"),
        ({"token_endpoint": ["https://x.example"]}, "names no token endpoint that can be used"),
        ({"token_endpoint": "/auth/token"}, "names no token endpoint that can be used"),
        ({"token_endpoint": "http://auth.evil.example/token"}, "names no token endpoint that can be used"),
        ({"token_endpoint": "https://user@evil.example/token"}, "names no token endpoint that can be used"),
        ({"token_endpoint": "https://auth.evil.example/token"}, "on another host; configure it as token_url"),
        ({"token_endpoint": "http://127.0.0.1:9/token"}, "on another host; configure it as token_url"),
        ({"grant_types_supported": ["authorization_code"]}, "does not offer client_credentials"),
        ({"token_endpoint_auth_methods_supported": ["client_secret_basic"]}, "does not offer private_key_jwt"),
        ({"token_endpoint_auth_signing_alg_values_supported": ["RS384"]}, "does not offer ES384"),
    ],
)
def test_a_configuration_that_is_not_for_us_is_refused(
    told: dict[str, Any], reason: str, ehr: Any, authorization: AuthorizationServer, open_token: Any, synthetic: Any
) -> None:
    _discovered(ehr, synthetic, **({"token_endpoint": authorization.url} | told if told else {}))
    with pytest.raises(NoToken, match=f"the FHIR server's smart-configuration .*{reason}"):
        open_token(token_url="").token(Deadline.after(5))
    assert authorization.requests == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (404, "{}", "application/json", "answered 404"),
        (302, "{}", "application/json", "answered 302"),
        (200, "<html>", "text/html", "answered with something else than JSON"),
        (200, "[]", "application/json", "names no token endpoint that can be used"),
        (200, "{", "application/json", "answer is not valid JSON"),
        (200, " " * 70_000, "application/json", "answered with more than 65536 bytes"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_told(
    status: int, body: str, kind: str, reason: str, ehr: Any, authorization: AuthorizationServer, open_token: Any,
    synthetic: Any,
) -> None:  # fmt: skip
    ehr.quirks[CONFIGURATION] = lambda _: synthetic.answer(body, status, kind, Location=authorization.url)
    with pytest.raises(NoToken, match=rf"the FHIR server's smart-configuration('s)? {reason}"):
        open_token(token_url="").token(Deadline.after(5))
    assert authorization.requests == []


# What nobody hears of it


def test_neither_token_nor_assertion_nor_key_is_in_a_log_an_error_or_a_repr(
    ehr: Any, authorization: AuthorizationServer, open_service: Any, open_token: Any, key_file: Path,
    logged: Any,
) -> None:  # fmt: skip
    service, request, token = open_service(), _request(ehr), open_token()
    told = [_post(service, request).get_data(as_text=True)]
    ehr.quirks["Condition"] = lambda _: json_answer({"echo": f"{TOKEN}-1"}, 403)
    told.append(_post(service, request).get_data(as_text=True))
    authorization.answers = [lambda: json_answer({"error": f"{TOKEN} {authorization.assertions[-1]}"}, 400)]
    with pytest.raises(NoToken) as refused:
        token.token(Deadline.after(5))
    events = logged()
    told += [str(refused.value), repr(refused.value), json.dumps(events)]
    told += [repr(service.application.extensions["infliximab-cds"]), repr(token.registration), repr(vars(token))]
    secrets = [TOKEN, *(assertion.split(".")[2] for assertion in authorization.assertions)]
    secrets += key_file.read_text().splitlines()[1:-1]
    assert len(secrets) > 4
    assert [secret for secret in secrets for text in told if secret in text] == []
    assert {"the token endpoint answered 400"} == {e["reason"] for e in events if e["event"] == "no_token"}
