"""The service in this process, asked without a socket, and what may be wrong with its answer.

What an answer has to look like stands in docs/schemas/openapi.json and, for cards, in tests/cards/rules.py.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Flask
from jsonschema_rs import Validator, validator_for

from cds_service import patients
from cds_service.app import create_app
from cds_service.hooks import clock
from cds_service.site.services import load_services
from cds_service.site.settings import Settings
from tests.cards.rules import broken_rules

Json = dict[str, Any]

OPENAPI = Path(__file__).parents[2] / "docs" / "schemas" / "openapi.json"
MAY_COME_OF_A_BODY = {200, 400, 412, 413}  # 401, 404 and 415 do not come of a body; 500 and 503 are what is looked for
SLOW_SECONDS = 0.2
SERVICES = {service.hook: service.id for service in load_services()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one body, after how many seconds on the clock."""

    status: int
    body: bytes
    seconds: float

    @property
    def document(self) -> Any:
        """The body, read as strict JSON."""
        return json.loads(self.body, parse_constant=_refuse)

    @property
    def cards(self) -> list[Json] | None:
        """The cards; None where the answer is none."""
        return self.document["cards"] if self.status == 200 else None


@dataclass(frozen=True, slots=True)
class Call:
    """One body for one service, and the words by which it is told."""

    service: str
    body: bytes
    told: str


class Service:
    """Our WSGI application with the settings of the demo: no FHIR server is read, anybody may call."""

    def __init__(self) -> None:
        self._app: Flask = create_app(Settings())

    def ask(self, service: str, body: bytes) -> Answer:
        """The answer to a body sent as JSON."""
        told: list[str] = []
        environ = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": f"/cds-services/{service}",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
        }
        begun = time.perf_counter()
        parts = self._app.wsgi_app(environ, lambda status, _headers, _error=None: told.append(status))
        answered = b"".join(parts)
        return Answer(int(told[-1][:3]), answered, time.perf_counter() - begun)

    def busy_seconds(self, call: Call) -> float:
        """How long the processor works for a call, at its best of three: other work on the machine does not count."""
        return min(self._busy_seconds(call) for _ in range(3))

    def _busy_seconds(self, call: Call) -> float:
        begun = time.thread_time()
        self.ask(call.service, call.body)
        return time.thread_time() - begun


def faults(answer: Answer) -> Iterator[str]:
    """Everything about an answer that is not as documented."""
    if answer.status not in MAY_COME_OF_A_BODY:
        yield f"status {answer.status}"
    try:
        document = answer.document
    except ValueError as error:
        yield f"no JSON: {error}"
        return
    form = _form("Cards" if answer.status == 200 else "OperationOutcome")
    yield from (f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in form.iter_errors(document))
    if answer.status == 200:
        yield from (rule for card in document["cards"] for rule in broken_rules(card))


@cache
def openapi() -> Json:
    """Our OpenAPI file."""
    document: Json = json.loads(OPENAPI.read_text("utf-8"))
    return document


@cache
def _form(name: str) -> Validator:
    return validator_for({"$ref": f"#/components/schemas/{name}", "components": openapi()["components"]})


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def hook_request(child: str, hook: str) -> Json:
    """What an EHR would send now for a bundled child."""
    return patients.hook_request(patients.load(child), hook, clock.now())
