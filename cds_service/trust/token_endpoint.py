"""The token endpoint of a FHIR server: where it is, and one request for a token.

Question: does the authorization server give us a token, and if not, why?
Source: SMART App Launch 2.2, Backend Services (Obtain access token) and Conformance (.well-known/smart-configuration);
RFC 6749, 4.4 and 5. Of what was sent or received, an error repeats the status and a known error code and nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from cds_service.errors import NoToken
from cds_service.outgoing import Asked, Deadline, Unanswered, is_json, media_type, open_transport, read_json, send
from cds_service.trust.origins import read_base, read_secure_url
from cds_service.trust.registration import Registration, sign_assertion

MOST_BYTES = 64 * 1024
UNTOLD_SECONDS = 60  # of a token whose lifetime is not told, which SMART requires and RFC 6749 only recommends
MOST_SECONDS = 3600  # SMART: a token should not live longer than 300 s

ENDPOINT = "the token endpoint"
CONFIGURATION = "the FHIR server's smart-configuration"
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TOKEN = re.compile(r"[!-~]{1,8192}")
_KNOWN_ERRORS = {
    "invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unauthorized_client",
    "unsupported_grant_type",
}  # fmt: skip  # RFC 6749, 5.2
_NEEDED = (
    ("grant_types_supported", "client_credentials"),
    ("token_endpoint_auth_methods_supported", "private_key_jwt"),
)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and for how many seconds from the request on it may be used."""

    text: str = field(repr=False)
    seconds: float


class TokenEndpoint:
    """Asks for tokens of one registration. The endpoint is looked up once, and again after it gave no token."""

    def __init__(self, registration: Registration) -> None:
        self._registration = registration
        self._transport = open_transport(1)
        self._found: str | None = None

    def ask(self, until: Deadline) -> Token:
        """One token, by one request that ends with the deadline. Raises NoToken."""
        try:
            url = self._registration.token_url or self._found or self._look_up(until)
            token = _read_token(self._post(url, until))
        except Unanswered as error:
            self._found = None
            raise NoToken(error.reason, late=error.late) from error
        self._found = url
        return token

    def _look_up(self, until: Deadline) -> str:
        url = f"{self._registration.server.url}/.well-known/smart-configuration"
        with send(self._transport, Asked(CONFIGURATION, url, {"Accept": "application/json"}), until) as response:
            _accept_json(response, CONFIGURATION)
            return _endpoint(read_json(response, CONFIGURATION, MOST_BYTES, until), self._registration)

    def _post(self, url: str, until: Deadline) -> Any:
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(self._registration.scopes),
            "client_assertion_type": _JWT_BEARER,
            "client_assertion": sign_assertion(self._registration, url),
        }
        asked = Asked(ENDPOINT, url, {"Accept": "application/json"}, form=form)
        with send(self._transport, asked, until) as response:
            if response.status_code in (400, 401) and is_json(media_type(response)):
                raise _refused(response.status_code, read_json(response, ENDPOINT, MOST_BYTES, until))
            _accept_json(response, ENDPOINT)
            return read_json(response, ENDPOINT, MOST_BYTES, until)


def _accept_json(response: requests.Response, who: str) -> None:
    if response.status_code != 200:
        raise Unanswered(f"{who} answered {response.status_code}")
    if not is_json(media_type(response)):
        raise Unanswered(f"{who} answered with something else than JSON")


def _refused(status: int, document: Any) -> Unanswered:
    code = document.get("error") if isinstance(document, dict) else None
    told = f" ({code})" if isinstance(code, str) and code in _KNOWN_ERRORS else ""
    return Unanswered(f"{ENDPOINT} answered {status}{told}")


def _endpoint(document: Any, registration: Registration) -> str:
    """The token endpoint that a FHIR server names, if it is for us and on the FHIR server's own host and port."""
    told = document if isinstance(document, dict) else {}
    needed = (*_NEEDED, ("token_endpoint_auth_signing_alg_values_supported", registration.algorithm))
    for member, value in needed:
        if isinstance(known := told.get(member), list) and value not in known:
            raise Unanswered(f"{CONFIGURATION} does not offer {value}")
    url = told.get("token_endpoint")
    try:
        url = read_secure_url(url if isinstance(url, str) else "")
    except ValueError as error:
        raise Unanswered(f"{CONFIGURATION} names no token endpoint that can be used") from error
    if read_base(url).origin != registration.server.origin:
        # Whoever can alter this document must not choose where we prove who we are: the hospital writes it down.
        raise Unanswered(f"{CONFIGURATION} names a token endpoint on another host; configure it as token_url")
    return url


def _read_token(document: Any) -> Token:
    told: Mapping[str, Any] = document if isinstance(document, dict) else {}
    text, kind = told.get("access_token"), told.get("token_type")
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise Unanswered(f"{ENDPOINT} answered without an access_token that can be sent")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise Unanswered(f"{ENDPOINT} answered with a token_type other than bearer")
    return Token(text, _seconds(told.get("expires_in", UNTOLD_SECONDS)))


def _seconds(told: Any) -> float:
    if isinstance(told, str) and told.isascii() and told.isdigit():
        told = int(told[:10])
    if not isinstance(told, int | float) or isinstance(told, bool) or not told > 0:
        raise Unanswered(f"{ENDPOINT} answered with an expires_in that is no number of seconds")
    return float(min(told, MOST_SECONDS))
