"""What the FHIR server announces, against the searches that one evaluation needs.

Question: would our requests be understood? Source: FHIR R4 CapabilityStatement (rest.resource.interaction and
searchParam); `fhir_mappings/tables/searches.toml`. A server may answer what it does not announce.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.page import Failure
from cds_service.chart.request import ChartRequest
from cds_service.outgoing import Deadline
from fhir_mappings.chart import Resource
from fhir_mappings.searches import POINTED_TO, Search
from fhir_mappings.shape import Misshapen, structs, text

SECONDS = 30.0  # no hook call waits for it, and some servers build it anew each time
REFERENCES = (
    Search("medications", "Medication", (), None, required=False, title="drugs that others refer to"),
    Search("specimens", "Specimen", (), None, required=False, title="the collection times of levels"),
)
READ_BY_ID = ("Patient", *POINTED_TO)


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is not announced, and the searches that need it; none where every request does."""

    says: str
    searches: tuple[Search, ...]

    @property
    def required(self) -> bool:
        """Whether no advice can be given without it."""
        return not self.searches or any(search.required for search in self.searches)


def read_statement(client: FhirClient, ask: ChartRequest) -> Resource | Failure:
    """The CapabilityStatement of the server that `ask` names, or why there is none."""
    if ask.server is None:
        return Failure(ask.no_server)
    document = client.get(f"{ask.server.url}/metadata", (), ask, Deadline.after(SECONDS))
    if isinstance(document, Failure):
        return document
    if not isinstance(document, dict) or document.get("resourceType") != "CapabilityStatement":
        return Failure("something else than a CapabilityStatement came")
    return document


def compare(statement: Resource, searches: Sequence[Search]) -> tuple[Lack, ...]:
    """Every difference between what is announced and what is needed, one for each thing that lacks.

    Raises Misshapen for a statement that is none.
    """
    announced = _announced(statement)
    lacks: dict[str, list[Search]] = {}
    for search in (*searches, *REFERENCES):
        for says in _lacking(search, announced.get(search.resource_type)):
            lacks.setdefault(says, []).append(search)
    general = [Lack(says, ()) for says in _general(statement)]
    return (*general, *(Lack(says, tuple(concerned)) for says, concerned in lacks.items()))


@dataclass(frozen=True, slots=True)
class _Announced:
    interactions: frozenset[str]
    parameters: frozenset[str]


def _announced(statement: Resource) -> Mapping[str, _Announced]:
    rows = [row for rest in structs(statement, "rest") if text(rest, "mode") != "client" for row in _rows(rest)]
    return {
        kind: _Announced(
            frozenset(_texts(structs(row, "interaction"), "code")),
            frozenset(_texts(structs(row, "searchParam"), "name")),
        )
        for row in rows
        if (kind := text(row, "type"))
    }


def _rows(rest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return structs(rest, "resource")


def _texts(rows: Iterable[Mapping[str, Any]], member: str) -> Iterator[str]:
    yield from (found for row in rows if (found := text(row, member)))


def _general(statement: Resource) -> Iterator[str]:
    version = text(statement, "fhirVersion") or "none"
    if not version.startswith(("4.0", "4.3")):
        yield f"FHIR R4 (4.0.1) is not announced, but version {version[:20]!r}"
    formats = statement.get("format")
    if not isinstance(formats, list):
        raise Misshapen("format", "a list")
    if not any(isinstance(form, str) and "json" in form for form in formats):
        yield "JSON is not announced among the formats"


def _lacking(search: Search, announced: _Announced | None) -> Iterator[str]:
    kind = search.resource_type
    if announced is None:
        yield f"{kind} is not announced at all"
        return
    interaction = "read" if kind in READ_BY_ID else "search-type"
    if interaction not in announced.interactions:
        yield f"{kind}: the interaction {interaction} is not announced"
    for name in _parameters(search):
        if name not in announced.parameters:
            yield f"{kind}: the search parameter {name} is not announced"


def _parameters(search: Search) -> tuple[str, ...]:
    if search.resource_type in READ_BY_ID:
        return ()
    dated = () if search.date_parameter is None else (search.date_parameter,)
    return ("patient", *(name for name, _ in search.parameters), *dated)
