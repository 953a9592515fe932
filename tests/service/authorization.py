"""A stand-in authorization server on a real socket, and keys that are made for the test."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from cds_service.site.settings import Backend
from cds_service.trust.keys import public_key_set

CLIENT = "infliximab-cds-test"
TOKEN = "canary-own-token"
TOKEN_PATH = "/auth/token"


def token_answer(number: int = 1, **more: Any) -> dict[str, Any]:
    """What a token endpoint answers; `None` leaves a member out."""
    usual = {"access_token": f"{TOKEN}-{number}", "token_type": "bearer", "expires_in": 300, "scope": "system/*.rs"}
    return {name: value for name, value in {**usual, **more}.items() if value is not None}


def json_answer(document: Any, status: int = 200, content_type: str = "application/json", **headers: str) -> Response:
    body = document if isinstance(document, (bytes, str)) else json.dumps(document)
    return Response(body, status, headers=headers, content_type=content_type)


@dataclass
class AuthorizationServer:
    """Numbers its tokens. `answers` come first, one for each request; `pause` is in seconds."""

    server: HTTPServer
    answers: list[Callable[[], Response]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    pause: float = 0.0
    requests: list[Request] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return self.server.url_for(TOKEN_PATH)

    @property
    def forms(self) -> list[dict[str, str]]:
        return [request.form.to_dict() for request in self.requests]

    @property
    def assertions(self) -> list[str]:
        return [form["client_assertion"] for form in self.forms]

    def respond(self, request: Request) -> Response:
        with self.lock:
            _ = request.form  # read while the connection is open
            self.requests.append(request)
            number = len(self.requests)
            ready = self.answers.pop(0) if self.answers else None
        time.sleep(self.pause)
        return ready() if ready else json_answer(token_answer(number, **self.more))


def verified(assertion: str, key: Any, algorithm: Any, audience: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of an assertion, checked with the JWK Set that would be registered."""
    (public,) = public_key_set(key, algorithm)["keys"]
    claims = jwt.decode(
        assertion, jwt.PyJWK(public), algorithms=[algorithm], audience=audience,
        options={"require": ["iss", "sub", "aud", "exp", "jti"]},
    )  # fmt: skip
    return jwt.get_unverified_header(assertion), claims


def backend(server: str, key_file: Any, **more: Any) -> Backend:
    """Our registration, as a hospital would configure it."""
    told = {"client_id": CLIENT, "key_id": "key+1/=", "private_key_file": str(key_file), **more}
    return Backend(server=server, **told)
