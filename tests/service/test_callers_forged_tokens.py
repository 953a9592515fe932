"""A forged, weak, late or misdirected token (threats T1, T2, T3): always 401, always with the same answer."""

import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from flask.testing import FlaskClient

from cds_service.site.settings import Fhir
from tests.service.tokens import (
    AUDIENCE,
    NOTHING_ORDERED,
    SERVICE,
    SIGN,
    Signer,
    by_hand,
    call,
    caller,
    ec_signer,
    good,
    key_file,
    open_service,
    p256_signer,
    rsa_signer,
    segment,
)

RSA, EC, P256 = rsa_signer(), ec_signer(), p256_signer()
STRANGER = rsa_signer("rsa-1 of somebody else")
PEM = RSA.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
SHORT = rsa_signer("short", 1024)
DISCOVERY = "/cds-services"
VIEW = "/cds-services/infliximab-patient-view"
TWICE = b'{"alg":"none","alg":"RS384","typ":"JWT"}'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """Its caller signs with RS384 and ES384; the key set holds more, of which nothing may be used."""
    folder = tmp_path_factory.mktemp("callers")
    file = key_file(
        folder, RSA.jwk(), EC.jwk(), P256.jwk(), SHORT.jwk(),
        rsa_signer("twice").jwk(), rsa_signer("twice, again").jwk(kid="twice"),
        STRANGER.jwk(kid="for encryption", use="enc"), STRANGER.jwk(kid="for wrapping", key_ops=["wrapKey"]),
        STRANGER.jwk(kid="private", d="AQAB"), STRANGER.jwk(kid="another alg", alg="RS256"),
        {"kty": "oct", "kid": "secret", "k": segment(b"canary" * 8), "alg": "HS384"},
    )  # fmt: skip
    return open_service(folder / "state", caller(key_set_file=str(file)))


def _hmac(secret: bytes, algorithm: str = "sha384") -> Callable[[bytes], bytes]:
    return lambda signed: hmac.digest(secret, signed, algorithm)


def _rs384(signer: Signer) -> Callable[[bytes], bytes]:
    return lambda signed: jwt.algorithms.get_default_algorithms()["RS384"].sign(signed, signer.key)


def _signed(header: Any, claims: Any = None) -> str:
    """A token of the real key with any header: nothing but the header can be wrong."""
    return by_hand({"alg": "RS384", "kid": "rsa-1", "typ": "JWT", **header}, claims or good(), _rs384(RSA))


def _as(signer: Signer, key_id: str, **header: Any) -> str:
    return signer.token(kid=key_id, **header)


FORGED: dict[str, Callable[[], str | None]] = {
    "no token": lambda: None,
    "an empty token": lambda: "",
    "no token but words": lambda: "let me in",
    "two segments": lambda: RSA.token().rpartition(".")[0],
    "an empty signature": lambda: RSA.token().rpartition(".")[0] + ".",
    "four segments": lambda: RSA.token() + ".e30",
    "a signature that was cut short": lambda: RSA.token()[:-4],
    "a signature with one bit changed": lambda: _with_other_byte(EC.token()),
    "a signature of zeros": lambda: f"{EC.token().rpartition('.')[0]}.{segment(bytes(96))}",
    "other claims under a good signature": lambda: _with_other_claims(RSA.token()),
    "alg none": lambda: by_hand({"alg": "none", "typ": "JWT", "kid": "rsa-1"}, good(), lambda _: b"x"),
    "alg NonE": lambda: by_hand({"alg": "NonE", "typ": "JWT", "kid": "rsa-1"}, good(), lambda _: b"x"),
    "alg none without a signature": lambda: f"{segment({'alg': 'none', 'typ': 'JWT'})}.{segment(good())}.",
    "HS256 with the public key": lambda: _hs("HS256", PEM, "sha256"),
    "HS384 with the public key": lambda: _hs("HS384", PEM, "sha384"),
    "HS512 with the public key": lambda: _hs("HS512", PEM, "sha512"),
    "HS384 with the digits of the public key": lambda: _hs("HS384", RSA.jwk()["n"].encode(), "sha384"),
    "HS384 with a secret of the key set": lambda: by_hand(
        {"alg": "HS384", "typ": "JWT", "kid": "secret"}, good(), _hmac(b"canary" * 8)
    ),
    "an RSA signature said to be ES384": lambda: _signed({"alg": "ES384"}),
    "an RSA signature under the id of the EC key": lambda: _as(RSA, EC.key_id),
    "an EC signature under the id of the RSA key": lambda: _as(EC, RSA.key_id),
    "ES384 said of a key on P-256": lambda: _as(EC, P256.key_id),
    "ES256, which this caller does not use": P256.token,
    "RS256, which this caller does not use": lambda: jwt.encode(good(), RSA.key, "RS256", headers={"kid": "rsa-1"}),
    "PS384, which this caller does not use": lambda: jwt.encode(good(), RSA.key, "PS384", headers={"kid": "rsa-1"}),
    "alg missing": lambda: _signed({"alg": None}),
    "alg a list": lambda: _signed({"alg": ["RS384"]}),
    "a key that nobody knows": lambda: _as(STRANGER, "nobody's"),
    "somebody else's key under a known id": lambda: _as(STRANGER, "rsa-1"),
    "a key id that two keys have": lambda: rsa_signer("twice").token(),
    "no key id": lambda: _signed({"kid": None}),
    "a key id that is a number": lambda: _signed({"kid": 1}),
    "a key id that is a path": lambda: _signed({"kid": "../../dev/null"}),
    "an RSA key of 1,024 bits": lambda: by_hand({"alg": "RS384", "kid": "short", "typ": "JWT"}, good(), _rs384(SHORT)),
    "a key for encryption": lambda: _as(STRANGER, "for encryption"),
    "a key for wrapping": lambda: _as(STRANGER, "for wrapping"),
    "a private key in the key set": lambda: _as(STRANGER, "private"),
    "a key for another algorithm": lambda: _as(STRANGER, "another alg"),
    "an embedded key": lambda: _as(STRANGER, "nobody's", jwk=STRANGER.jwk()),
    "an embedded key under a known id": lambda: _as(STRANGER, "rsa-1", jwk=STRANGER.jwk(kid="rsa-1")),
    "the address of a certificate": lambda: _as(STRANGER, "rsa-1", x5u="http://127.0.0.1:9/evil.pem"),
    "a certificate": lambda: _as(STRANGER, "rsa-1", x5c=["MIIB"]),
    "an address of keys that is not configured": lambda: RSA.token(jku="http://127.0.0.1:9/keys"),
    "an empty address of keys": lambda: _signed({"jku": ""}),
    "a critical extension": lambda: _signed({"crit": ["exp"], "exp": 1}),
    "an empty list of critical extensions": lambda: _signed({"crit": []}),
    "a detached payload": lambda: _signed({"b64": False}),
    "another typ": lambda: RSA.token(typ="at+jwt"),
    "no typ": lambda: _signed({"typ": None}),
    "a header that is a list": lambda: f"{segment([])}.{segment(good())}.{segment(b'x')}",
    "a header with a member twice": lambda: f"{segment(TWICE)}.{segment(good())}.{segment(b'x')}",
    "a header that is nested deeply": lambda: f"{segment(b'[' * 3000)}.{segment(good())}.{segment(b'x')}",
    "claims that are nested deeply": lambda: _signed({}, b'{"iss":' * 800),
    "claims that are no JSON": lambda: _signed({}, b"\xff"),
    "claims with an issuer twice": lambda: _signed({}, b'{"iss":"x","iss":"https://ehr.hospital.example/fhir"}'),
    "claims that are a list": lambda: _signed({}, [1]),
    "a number that is none": lambda: _signed({}, b'{"exp":NaN}'),
    "a token of more than 8 KB": lambda: RSA.token(good(more="x" * 8200)),
    "another issuer": lambda: RSA.token(good(iss="https://ehr.hospital.example/fhir/")),
    "the issuer with something behind it": lambda: RSA.token(good(iss="https://ehr.hospital.example/fhir.evil")),
    "a part of the issuer": lambda: RSA.token(good(iss="https://ehr.hospital.example")),
    "no issuer": lambda: RSA.token(good(iss=None)),
    "issuers in a list": lambda: by_hand(
        {"alg": "RS384", "kid": "rsa-1", "typ": "JWT"}, good(iss=["https://ehr.hospital.example/fhir"]), _rs384(RSA)
    ),
    "no audience": lambda: RSA.token(good(aud=None)),
    "an empty list of audiences": lambda: RSA.token(good(aud=[])),
    "a list of audiences with a number": lambda: RSA.token(good(aud=[AUDIENCE, 1])),
    "the audience of another service": lambda: RSA.token(good(aud=f"{SERVICE}/infliximab-patient-view")),
    "the audience of discovery": lambda: RSA.token(good(aud=SERVICE)),
    "the audience of another host": lambda: RSA.token(good(aud=f"http://localhost{SIGN}")),
    "the audience with a slash": lambda: RSA.token(good(aud=f"{AUDIENCE}/")),
    "no jti": lambda: RSA.token(good(jti=None)),
    "an empty jti": lambda: RSA.token(good(jti="")),
    "a jti that is a number": lambda: RSA.token(good(jti=7)),
    "a jti of 300 characters": lambda: RSA.token(good(jti="x" * 300)),
    "no exp": lambda: RSA.token(good(exp=None)),
    "an exp in words": lambda: _signed({}, good(exp="2027-01-01")),
    "an exp that is true": lambda: _signed({}, good(exp=True)),
    "no iat": lambda: RSA.token(good(iat=None)),
    "an iat in words": lambda: _signed({}, good(iat="today")),
    "an iat after exp": lambda: RSA.token(good(iat=time.time() + 400)),
    "an nbf in words": lambda: _signed({}, good(nbf="today")),
    "an nbf in two minutes": lambda: RSA.token(good(nbf=time.time() + 120)),
    "a life of 301 s": lambda: RSA.token(good(lifetime=301)),
    "a life of ten days": lambda: RSA.token(good(lifetime=864_000)),
    "an iat that lies ten days ahead": lambda: RSA.token(good(shift=864_000)),
    "a clock ten minutes ahead": lambda: RSA.token(good(shift=600)),
    "a clock ten minutes behind": lambda: RSA.token(good(shift=-600)),
}  # fmt: skip


def _hs(algorithm: str, secret: bytes, name: str) -> str:
    return by_hand({"alg": algorithm, "typ": "JWT", "kid": "rsa-1"}, good(), _hmac(secret, name))


def _with_other_byte(token: str) -> str:
    signed, _, signature = token.rpartition(".")
    changed = bytearray(jwt.utils.base64url_decode(signature))
    changed[10] ^= 1
    return f"{signed}.{segment(bytes(changed))}"


def _with_other_claims(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{segment(good())}.{signature}"


@pytest.fixture(scope="module")
def refusal(service: FlaskClient) -> tuple[bytes, list[tuple[str, str]]]:
    response = call(service, None)
    assert response.status_code == 401
    return response.data, sorted(response.headers)


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_401_and_the_answer_does_not_say_why(
    name: str, service: FlaskClient, refusal: Any, logged: Any
) -> None:
    token = FORGED[name]()
    response = call(service, token)
    assert response.status_code == 401
    assert (response.data, sorted(response.headers)) == refusal
    assert not token or token not in repr(logged())


def test_the_refusal_is_an_operation_outcome_that_asks_for_a_token(service: FlaskClient) -> None:
    response = call(service, None)
    assert response.headers["WWW-Authenticate"] == "Bearer"
    (issue,) = response.get_json()["issue"]
    assert (issue["code"], issue["diagnostics"]) == ("login", "a signed token of a configured caller expected")


@pytest.mark.parametrize(
    "header", ["Basic dXNlcjp4", "Bearer", "Token {}", "Bearer {} x", "Bearer {}, Bearer {}", "{}"]
)
def test_another_form_of_the_header_is_401(header: str, service: FlaskClient, refusal: Any) -> None:
    response = service.post(SIGN, json=NOTHING_ORDERED, headers={"Authorization": header.replace("{}", RSA.token())})
    assert (response.status_code, response.data) == (401, refusal[0])


@pytest.mark.parametrize(
    "token",
    [
        RSA.token,
        EC.token,
        lambda: RSA.token(good(aud=["https://elsewhere.example", AUDIENCE])),
        lambda: RSA.token(good(sub="client", nbf=time.time() - 300, tenant="north", more={"a": [1]})),
        lambda: RSA.token(good(shift=30)),
        lambda: RSA.token(good(shift=-30)),
        lambda: RSA.token(good(shift=-330)),
        lambda: RSA.token(good(iat=time.time() + 0.5, exp=time.time() + 300.25)),
        lambda: RSA.token(good(nbf=time.time() + 30)),
        lambda: RSA.token(typ="jwt", jwk=STRANGER.jwk(), x5u="http://127.0.0.1:9/x", x5c=["MIIB"]),
    ],
)
def test_a_good_token_is_answered_whatever_else_it_brings(token: Any, service: FlaskClient) -> None:
    response = call(service, token())
    assert (response.status_code, response.get_json()) == (200, {"cards": []})


def test_the_word_bearer_may_be_written_in_any_way(service: FlaskClient) -> None:
    response = service.post(SIGN, json=NOTHING_ORDERED, headers={"Authorization": f"bearer {RSA.token()}"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "elsewhere.example"},
        {"X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil"},
        {"Forwarded": "host=elsewhere.example;proto=https"},
        {"X-Original-URL": VIEW},
    ],
)
def test_a_header_that_names_another_host_changes_nothing(headers: dict[str, str], service: FlaskClient) -> None:
    assert call(service, RSA.token(good(aud=f"https://elsewhere.example{SIGN}")), **headers).status_code == 401
    assert call(service, RSA.token(good(aud=f"https://elsewhere.example/evil{SIGN}")), **headers).status_code == 401
    assert call(service, RSA.token(), **headers).status_code == 200


def test_nobody_learns_without_a_token_which_services_there_are(service: FlaskClient, refusal: Any) -> None:
    response = call(service, None, path=f"{DISCOVERY}/other")
    assert (response.status_code, response.data) == (401, refusal[0])


@pytest.mark.parametrize("body", [b"[" * 50_000, b"x" * 3_000_000], ids=["nested", "too large"])
def test_the_body_is_not_judged_before_the_token(body: bytes, service: FlaskClient, refusal: Any) -> None:
    response = service.post(SIGN, data=body, content_type="text/plain")
    assert (response.status_code, response.data) == (401, refusal[0])


def test_the_log_tells_reason_issuer_and_jti_on_one_line_and_never_the_token(service: FlaskClient, logged: Any) -> None:
    token = RSA.token(good(iss="https://evil.example/\r\n\u2028forged", jti="x" * 250))
    call(service, token)
    told = logged()
    refused = next(event for event in told if event["event"] == "caller_refused")
    assert (refused["refusal"], refused["issuer"], refused["token_id"]) == (
        "issuer-unknown",
        "https://evil.example/\\r\\n\\u2028forged",
        "x" * 200,
    )
    assert token not in repr(told)


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        ("no token", "no-token"),
        ("a token of more than 8 KB", "too-long"),
        ("two segments", "malformed"),
        ("another issuer", "issuer-unknown"),
        ("no typ", "typ-not-jwt"),
        ("a critical extension", "crit-present"),
        ("an address of keys that is not configured", "jku-unlisted"),
        ("alg none", "alg-not-accepted"),
        ("a key that nobody knows", "kid-unknown"),
        ("a key id that two keys have", "kid-ambiguous"),
        ("an RSA signature under the id of the EC key", "alg-not-of-the-key"),
        ("somebody else's key under a known id", "signature-wrong"),
        ("no jti", "claims-missing-or-wrong"),
        ("the audience of another service", "aud-not-this-endpoint"),
        ("a clock ten minutes behind", "exp-past"),
        ("an nbf in two minutes", "nbf-ahead"),
        ("a life of 301 s", "lifetime-too-long"),
        ("a clock ten minutes ahead", "lifetime-too-long"),
    ],
)
def test_each_fault_is_refused_for_its_own_reason(forged: str, reason: str, service: FlaskClient, logged: Any) -> None:
    call(service, FORGED[forged]())
    assert [event["refusal"] for event in logged() if event["event"] == "caller_refused"] == [reason]


# What one caller may be held to


def test_a_token_counts_at_the_endpoint_of_its_audience_only(tmp_path: Path) -> None:
    view = f"{SERVICE}/infliximab-patient-view"
    service = open_service(
        tmp_path, caller(key_set_file=str(key_file(tmp_path)), audiences=(AUDIENCE, view, SERVICE)), discovery=True
    )
    statuses = {
        (claimed, path): call(service, RSA.token(good(aud=claimed)), path=path).status_code
        for claimed in (AUDIENCE, view)
        for path in (SIGN, VIEW)
    }
    assert list(statuses.values()) == [200, 401, 401, 400]  # 400: a body for the other hook, after the token was good
    assert _discover(service, RSA.token(good(aud=AUDIENCE))) == 401
    assert _discover(service, RSA.token(good(aud=SERVICE))) == 200
    assert call(service, RSA.token(good(aud=SERVICE))).status_code == 401


def _discover(service: FlaskClient, token: str | None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return service.get(DISCOVERY, headers=headers).status_code


def test_discovery_needs_no_token_unless_the_site_says_so(service: FlaskClient, tmp_path: Path) -> None:
    assert _discover(service, None) == 200
    assert _discover(service, "nonsense") == 200
    closed = open_service(tmp_path, caller(key_set_file=str(key_file(tmp_path))), discovery=True)
    assert _discover(closed, None) == 401
    assert closed.get("/health").status_code == 200


def test_an_audience_that_is_no_address_of_ours_counts_at_each_endpoint(tmp_path: Path) -> None:
    service = open_service(tmp_path, caller(key_set_file=str(key_file(tmp_path)), audiences=("infliximab-cds",)))
    assert call(service, RSA.token(good(aud="infliximab-cds"))).status_code == 200
    elsewhere = call(service, RSA.token(good(aud="infliximab-cds")), path="/cds-services/infliximab-order-select")
    assert elsewhere.status_code == 400
    assert call(service, RSA.token(good(aud="infliximab"))).status_code == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"tenant": "north", "sub": "client-1"}, 200),
        ({"tenant": "north"}, 401),
        ({"tenant": "north", "sub": "client-2"}, 401),
        ({"sub": "client-1"}, 401),
        ({"tenant": "northern", "sub": "client-1"}, 401),
        ({"tenant": ["north"], "sub": "client-1"}, 401),
    ],
)
def test_a_caller_can_be_held_to_its_tenants_and_its_subject(claims: Any, status: int, tmp_path: Path) -> None:
    held = caller(key_set_file=str(key_file(tmp_path)), tenants=("north", "south"), subject="client-1")
    assert call(open_service(tmp_path, held), RSA.token(good(**claims))).status_code == status


def test_one_issuer_does_not_sign_for_another(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    own = caller(key_set_file=str(key_file(tmp_path, RSA.jwk())))
    other = caller(issuer="https://other.example", key_set_file=str(key_file(tmp_path / "other", EC.jwk())))
    service = open_service(tmp_path, own, other)
    assert call(service, EC.token(good(iss="https://other.example"))).status_code == 200
    assert call(service, EC.token()).status_code == 401
    assert call(service, RSA.token(good(iss="https://other.example"))).status_code == 401


@pytest.mark.parametrize(
    ("more", "lifetime", "shift", "status"),
    [
        ({"profile": "epic"}, 900, 0, 200),
        ({"profile": "epic"}, 901, 0, 401),
        ({"profile": "epic"}, 900, 600, 401),
        ({"profile": "epic", "max_lifetime_seconds": 300}, 900, 0, 401),
        ({"max_lifetime_seconds": 3600}, 3600, 0, 200),
        ({"max_lifetime_seconds": 3600}, 3601, 0, 401),
        ({}, 300, 0, 200),
    ],
)
def test_how_long_a_token_may_live_is_that_of_profile_or_site(
    more: Any, lifetime: int, shift: int, status: int, tmp_path: Path
) -> None:
    service = open_service(tmp_path, caller(key_set_file=str(key_file(tmp_path)), **more))
    assert call(service, RSA.token(good(lifetime=lifetime, shift=shift))).status_code == status


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "PS384", "PS512"])
def test_a_site_can_accept_another_asymmetric_algorithm(algorithm: str, tmp_path: Path) -> None:
    file = key_file(tmp_path, RSA.jwk(alg=None))
    service = open_service(tmp_path, caller(key_set_file=str(file), algorithms=(algorithm,)))
    token = jwt.encode(good(), RSA.key, algorithm, headers={"kid": "rsa-1"})
    assert call(service, token).status_code == 200
    assert call(service, RSA.token()).status_code == 401


def test_a_key_on_p_256_signs_with_es256_and_nothing_else(tmp_path: Path) -> None:
    held = caller(key_set_file=str(key_file(tmp_path, P256.jwk(alg=None))), algorithms=("ES256", "ES384"))
    assert call(open_service(tmp_path, held), P256.token()).status_code == 200


def test_a_caller_reads_its_own_fhir_servers_only(ehr: Any, tmp_path: Path) -> None:
    audience, elsewhere = f"{SERVICE}/infliximab-patient-view", "https://other.example/r4"
    usual = {"key_set_file": str(key_file(tmp_path)), "audiences": (audience,)}
    bound, free = caller(**usual, fhir_servers=(elsewhere,)), caller(**usual, issuer="https://free.example")
    fhir = Fhir(allowed_servers=(elsewhere, ehr.base), deadline_seconds=5)
    service = open_service(tmp_path, bound, free, fhir=fhir)
    request = {**NOTHING_ORDERED, "hook": "patient-view", "fhirServer": ehr.base}

    def told(**claims: Any) -> Any:
        token = RSA.token(good(aud=audience, **claims))
        return service.post(VIEW, json=request, headers={"Authorization": f"Bearer {token}"})

    refused = told()
    assert (refused.status_code, ehr.requests) == (412, [])
    assert "not on this site's list of FHIR servers" in refused.get_data(as_text=True)
    assert told(iss="https://free.example").status_code == 200
    assert ehr.requests
