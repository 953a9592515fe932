"""A stand-in EHR on a real socket, and the synthetic chart that it holds."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.gather import gather
from cds_service.chart.paging import Reading
from cds_service.chart.request import ChartRequest, Limits
from cds_service.operations.log import set_up_log
from cds_service.outgoing import Deadline
from cds_service.trust.origins import read_base
from fhir_mappings.chart import RawChart
from fhir_mappings.searches import load_searches
from fhir_mappings.tables import load_tables

AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)
SINCE = AS_OF - timedelta(days=1095)
FHIR_JSON = "application/fhir+json"
Json = dict[str, Any]
Handler = Callable[[Request], Response]


def observation(number: int, patient: str = "Patient/p1", **more: Any) -> Json:
    """A synthetic laboratory result."""
    return {
        "resourceType": "Observation",
        "id": f"level-{number}",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "39803-2"}]},
        "subject": {"reference": patient},
        "effectiveDateTime": "2026-11-22T08:00:00Z",
        "valueQuantity": {"value": 1.7, "unit": "ug/mL", "system": "http://unitsofmeasure.org", "code": "ug/mL"},
        **more,
    }


def searchset(*resources: Json, next_link: str | None = None) -> Json:
    """A Bundle as a search gives it."""
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}
    return {**bundle, "link": [{"relation": "next", "url": next_link}]} if next_link else bundle


def outcome(severity: str, code: str = "processing") -> Json:
    """An OperationOutcome with one issue."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}


def answer(document: Any, status: int = 200, content_type: str = FHIR_JSON, **headers: str) -> Response:
    """A FHIR server's answer."""
    body = document if isinstance(document, (bytes, str)) else json.dumps(document)
    return Response(body, status, headers=headers, content_type=content_type)


@dataclass
class Ehr:
    """A FHIR server on loopback that holds resources and remembers every request.

    `quirks` answer a path below the base before anything else does; `page_size` pages searches, with next links in
    the style asked for.
    """

    server: HTTPServer
    resources: list[Json] = field(default_factory=list)
    quirks: dict[str, Handler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    page_size: int = 1000
    next_style: str = "absolute"

    @property
    def base(self) -> str:
        return self.server.url_for("/fhir")

    def holds(self, *resources: Json) -> None:
        self.resources.extend(resources)

    def asked(self) -> list[str]:
        return [request.path.removeprefix("/fhir/") for request in self.requests]

    def respond(self, request: Request) -> Response:
        self.requests.append(request)
        path = request.path.removeprefix("/fhir/")
        if path in self.quirks:
            return self.quirks[path](request)
        kind, _, wanted = path.partition("/")
        if wanted:
            return self._read(kind, wanted)
        return self._search(kind, request)

    def _read(self, kind: str, wanted: str) -> Response:
        found = [r for r in self.resources if r["resourceType"] == kind and r.get("id") == wanted]
        return answer(found[0]) if found else answer(outcome("error", "not-found"), 404)

    def _search(self, kind: str, request: Request) -> Response:
        start = int(request.args.get("_offset", "0"))
        found = [r for r in self.resources if r["resourceType"] == kind and _matches(r, request)]
        page = found[start : start + self.page_size]
        more = start + self.page_size < len(found)
        return answer(searchset(*page, next_link=self._next(request, start + self.page_size) if more else None))

    def _next(self, request: Request, offset: int) -> str:
        query = "&".join([*(f"{n}={v}" for n, v in request.args.items() if n != "_offset"), f"_offset={offset}"])
        path = request.path.removeprefix("/fhir")
        return f"{path}?{query}" if self.next_style == "relative" else f"{self.base}{path}?{query}"


def _matches(resource: Json, request: Request) -> bool:
    category, code = request.args.get("category"), request.args.get("code")
    categories = [c.get("code") for row in resource.get("category", []) for c in row.get("coding", [])]
    codes = [f"{c.get('system')}|{c.get('code')}" for c in resource.get("code", {}).get("coding", [])]
    status = request.args.get("status")
    return (
        (category is None or category in categories)
        and (code is None or bool(set(code.split(",")) & set(codes)))
        and (status is None or resource.get("status") == status)
    )


@pytest.fixture(scope="session")
def make_httpserver() -> Iterator[HTTPServer]:
    """One server for all tests, which answers in parallel as real ones do."""
    with HTTPServer(host="127.0.0.1", port=0, threaded=True) as server:
        yield server


@pytest.fixture
def ehr(httpserver: HTTPServer) -> Iterator[Ehr]:
    """The stand-in EHR with the child p1 and nothing else about it."""
    held = Ehr(httpserver, [{"resourceType": "Patient", "id": "p1", "birthDate": "2014-07-01"}])
    httpserver.expect_request(re.compile("/fhir/.*")).respond_with_handler(held.respond)
    yield held
    httpserver.check()


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[Json]]]:
    """What this process logs at debug level, libraries included: the events since the last time it was asked."""
    set_up_log("debug", readable=False)
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    set_up_log()


@pytest.fixture
def full_prefetch() -> Json:
    """Every key prefetched and known to be empty, but for the child p1."""
    empty: Json = {search.name: searchset() for search in load_searches()}
    return {**empty, "patient": {"resourceType": "Patient", "id": "p1", "birthDate": "2014-07-01"}}


@pytest.fixture
def read_chart() -> Callable[..., RawChart]:
    """Gather the chart of p1 from a prefetch, a stand-in EHR, or both."""

    def read(
        prefetch: Json | None = None,
        ehr: Ehr | None = None,
        *,
        seconds: float = 5,
        token: str | None = "canary-token",  # noqa: S107 - invented
        limits: Limits | None = None,
        drafts: tuple[Json, ...] = (),
    ) -> RawChart:
        server = read_base(ehr.base) if ehr else None
        ask = ChartRequest("p1", prefetch or {}, drafts, server, token=token)
        client = FhirClient(max_answer_bytes=200_000)
        reading = Reading(ask, client, limits or Limits(), Deadline.after(seconds))
        return gather(reading, load_searches(), SINCE, load_tables())

    return read


@pytest.fixture
def synthetic() -> Any:
    """Builders of synthetic resources and answers."""

    class Synthetic:
        observation = staticmethod(observation)
        searchset = staticmethod(searchset)
        outcome = staticmethod(outcome)
        answer = staticmethod(answer)

    return Synthetic
