"""Tokens of a caller, good and forged, signed with keys that are made for the test; authored, no real client."""

import base64
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient
from jwt.algorithms import get_default_algorithms

from cds_service.app import create_app
from cds_service.site.callers import AllowedCaller, CallersSection
from cds_service.site.settings import Fhir, Server, Settings

Json = dict[str, Any]
ISSUER = "https://ehr.hospital.example/fhir"
SERVICE = "https://cds.hospital.example/cds-services"
SIGN = "/cds-services/infliximab-order-sign"
AUDIENCE = f"{SERVICE}/infliximab-order-sign"
NOTHING_ORDERED: Json = {
    "hook": "order-sign",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/1", "patientId": "p1", "draftOrders": {"resourceType": "Bundle"}},
}
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Signer:
    """A key pair under an id."""

    key: Any
    algorithm: str
    key_id: str

    def jwk(self, **more: Any) -> Json:
        """The public half as a JWK; `None` leaves a member out."""
        told = get_default_algorithms()[self.algorithm].to_jwk(self.key.public_key(), as_dict=True)
        numbers = {name: told[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in told}
        members = {**numbers, "kid": self.key_id, "use": "sig", "alg": self.algorithm, **more}
        return {name: value for name, value in members.items() if value is not None}

    def token(self, claims: Json | None = None, **header: Any) -> str:
        told = {"kid": self.key_id, "typ": "JWT", **header}
        return jwt.encode(good() if claims is None else claims, self.key, self.algorithm, headers=told)


@cache
def rsa_signer(key_id: str = "rsa-1", bits: int = 2048) -> Signer:
    return Signer(rsa.generate_private_key(65537, bits), "RS384", key_id)


@cache
def ec_signer(key_id: str = "ec+1/=") -> Signer:
    return Signer(ec.generate_private_key(ec.SECP384R1()), "ES384", key_id)


@cache
def p256_signer() -> Signer:
    return Signer(ec.generate_private_key(ec.SECP256R1()), "ES256", "p256")


def good(shift: float = 0, lifetime: float = 300, **more: Any) -> Json:
    """The claims of a good token from a clock that is `shift` seconds ahead; `None` leaves a claim out."""
    now = int(time.time() + shift)
    usual = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + int(lifetime), "jti": f"t-{next(_NUMBERS)}"}
    return {name: value for name, value in {**usual, **more}.items() if value is not None}


def segment(document: Any) -> str:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def by_hand(header: Json, claims: Any, sign: Callable[[bytes], bytes]) -> str:
    """A token that a library would not make."""
    signed = f"{segment(header)}.{segment(claims)}"
    return f"{signed}.{segment(sign(signed.encode()))}"


def key_file(folder: Path, *jwks: Json) -> Path:
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": jwks or [rsa_signer().jwk(), ec_signer().jwk()]}))
    return path


def caller(**more: Any) -> AllowedCaller:
    return AllowedCaller(**{"name": "EHR", "issuer": ISSUER, "audiences": (AUDIENCE,), **more})


def open_service(
    state: Path, *callers: AllowedCaller, fhir: Fhir | None = None, discovery: bool = False, **server: Any
) -> FlaskClient:
    """The service of a site that lets these callers in."""
    section = CallersSection(allowed=callers, discovery_needs_token=discovery)
    server = {"state_folder": str(state), **server}
    return create_app(Settings(server=Server(**server), fhir=fhir or Fhir(), callers=section)).test_client()


def call(service: FlaskClient, token: str | None, path: str = SIGN, **headers: str) -> Any:
    if token is not None:
        headers = {"Authorization": f"Bearer {token}", **headers}
    return service.post(path, json=NOTHING_ORDERED, headers=headers)
