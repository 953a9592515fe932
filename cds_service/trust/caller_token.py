"""The signed token of a call: a JSON Web Token, taken apart and held against what one caller may send.

Question: did this caller sign this call, for this endpoint, just now?
Source: CDS Hooks 2.0.1, Trusting CDS Clients; RFC 7515; RFC 7519; RFC 8725. The key is looked up among the
configured ones by `kid` alone: `jwk`, `x5u` and `x5c` are not read, and a `jku` has to be the one that is configured.
"""

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cds_service.errors import CdsError
from cds_service.trust.json_gate import read_json
from cds_service.trust.origins import AllowedServers
from cds_service.trust.public_keys import KeySource

MOST_CHARACTERS = 8 * 1024
LONGEST_TOKEN_ID = 256
LEEWAY_SECONDS = 60  # how far the clocks may differ
SERVICES = "/cds-services"

_BEARER = re.compile(r"bearer ([!-~]+)", re.IGNORECASE)
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


class Reason(StrEnum):
    """Why a token is refused, for the log."""

    NO_TOKEN = "no-token"  # noqa: S105
    TOO_LONG = "too-long"
    MALFORMED = "malformed"
    ISSUER = "issuer-unknown"
    TYPE = "typ-not-jwt"
    CRITICAL = "crit-present"
    KEY_URL = "jku-unlisted"
    ALGORITHM = "alg-not-accepted"
    KEY = "kid-unknown"
    AMBIGUOUS = "kid-ambiguous"
    KEY_KIND = "alg-not-of-the-key"
    SIGNATURE = "signature-wrong"
    CLAIMS = "claims-missing-or-wrong"
    AUDIENCE = "aud-not-this-endpoint"
    EXPIRED = "exp-past"
    EARLY = "nbf-ahead"
    LIFETIME = "lifetime-too-long"
    TENANT = "tenant-not-accepted"
    SUBJECT = "sub-not-accepted"
    USED = "jti-used-before"
    UNRECORDED = "jti-could-not-be-recorded"


class TokenRefused(Exception):
    """A token that is not accepted."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Caller:
    """One client that may call, and what its tokens must hold.

    `servers` are the FHIR servers that it may name, None for those of the site; without `tenants` and `subject` a token
    may have any.
    """

    name: str
    issuer: str
    keys: KeySource = field(repr=False)
    audiences: frozenset[str]
    algorithms: frozenset[str]
    longest_seconds: int
    key_set_url: str | None = None
    tenants: frozenset[str] = frozenset()
    subject: str | None = None
    servers: AllowedServers | None = None


@dataclass(frozen=True, slots=True)
class CallerToken:
    """What a token says of itself. Nothing of it is proven before its signature was checked."""

    text: str = field(repr=False)
    header: dict[str, Any]
    claims: dict[str, Any]


def read_bearer(authorization: str | None) -> CallerToken:
    """The token of an Authorization header, taken apart. Raises TokenRefused."""
    match = _BEARER.fullmatch(authorization or "")
    if match is None:
        raise TokenRefused(Reason.NO_TOKEN)
    text = match[1]
    if len(text) > MOST_CHARACTERS:
        raise TokenRefused(Reason.TOO_LONG)
    segments = text.split(".")
    if len(segments) != 3 or not all(map(_SEGMENT.fullmatch, segments)):
        raise TokenRefused(Reason.MALFORMED)
    return CallerToken(text, _read_segment(segments[0]), _read_segment(segments[1]))


def _read_segment(segment: str) -> dict[str, Any]:
    try:
        document = read_json(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), MOST_CHARACTERS)
    except (ValueError, CdsError) as error:
        raise TokenRefused(Reason.MALFORMED) from error
    if not isinstance(document, dict):
        raise TokenRefused(Reason.MALFORMED)
    return document


def endpoint_of(audience: str) -> str | None:
    """The path of the endpoint of which an audience is the address, None for any other text."""
    _, services, rest = audience.partition(SERVICES)
    return services + rest or None


def check_token(token: CallerToken, caller: Caller, endpoint: str, now: float) -> None:
    """Whether the caller signed this token for this endpoint, now in seconds since 1970. Raises TokenRefused."""
    _check_header(token.header, caller)
    _check_signature(token, caller)
    _check_claims(token.claims)
    _check_time(token.claims, caller.longest_seconds, now)
    _check_addressee(token.claims, caller, endpoint)


def _check_header(header: dict[str, Any], caller: Caller) -> None:
    _must(str(header.get("typ")).upper() == "JWT", Reason.TYPE)
    _must("crit" not in header, Reason.CRITICAL)
    _must("jku" not in header or header["jku"] == caller.key_set_url, Reason.KEY_URL)
    algorithm = header.get("alg")
    _must(isinstance(algorithm, str) and algorithm in caller.algorithms, Reason.ALGORITHM)


def _check_signature(token: CallerToken, caller: Caller) -> None:
    from jwt import PyJWTError
    from jwt.api_jws import decode_complete

    key_id, algorithm = token.header.get("kid"), token.header["alg"]
    keys = caller.keys.named(key_id) if isinstance(key_id, str) else ()
    _must(bool(keys), Reason.KEY)
    _must(len(keys) == 1, Reason.AMBIGUOUS)
    _must(algorithm in keys[0].algorithms, Reason.KEY_KIND)
    try:
        decode_complete(token.text, keys[0].key, algorithms=[algorithm])
    except PyJWTError as error:
        raise TokenRefused(Reason.SIGNATURE) from error


def _check_claims(claims: dict[str, Any]) -> None:
    """Whether every required claim is there, and every claim that is read of its type."""
    token_id, audience = claims.get("jti"), claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    _must(isinstance(token_id, str) and 0 < len(token_id) <= LONGEST_TOKEN_ID, Reason.CLAIMS)
    _must(bool(audiences) and all(isinstance(one, str) for one in audiences), Reason.CLAIMS)
    times = (claims.get("exp"), claims.get("iat"), claims.get("nbf", 0))
    _must(all(type(instant) in (int, float) for instant in times), Reason.CLAIMS)


def _check_time(claims: dict[str, Any], longest_seconds: int, now: float) -> None:
    end = claims["exp"]
    _must(now < end + LEEWAY_SECONDS, Reason.EXPIRED)
    _must(claims.get("nbf", 0) <= now + LEEWAY_SECONDS, Reason.EARLY)
    _must(0 < end - claims["iat"] <= longest_seconds, Reason.LIFETIME)
    # A clock that is ahead of ours, or an `iat` that lies in the future, must not make a token live longer.
    _must(end <= now + longest_seconds + LEEWAY_SECONDS, Reason.LIFETIME)


def _check_addressee(claims: dict[str, Any], caller: Caller, endpoint: str) -> None:
    audience = claims["aud"]
    audiences = caller.audiences.intersection(audience if isinstance(audience, list) else [audience])
    _must(any(endpoint_of(one) in (None, endpoint) for one in audiences), Reason.AUDIENCE)
    _must(not caller.tenants or _is_among(claims.get("tenant"), caller.tenants), Reason.TENANT)
    _must(caller.subject is None or claims.get("sub") == caller.subject, Reason.SUBJECT)


def _is_among(told: object, accepted: frozenset[str]) -> bool:
    return isinstance(told, str) and told in accepted


def _must(holds: bool, otherwise: Reason) -> None:
    if not holds:
        raise TokenRefused(otherwise)
