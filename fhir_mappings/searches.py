"""What to ask for: one table gives both the prefetch templates and the FHIR requests.

Question: which resources does one evaluation need, and how does each EHR understand the request? Source:
`tables/searches.toml`; CDS Hooks 2.0.1 prefetch templates; FHIR R4 search, in the subset that Epic and Oracle
Health document (see docs).
"""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from cds_service.errors import ConfigurationError
from fhir_mappings.tables import load_tables
from fhir_mappings.vocabulary import Tables

TABLE = "fhir_mappings/tables/searches.toml"
CODES_PER_REQUEST = 50  # longer lists were seen to fail at Epic sites
FIELDS = {"name": str, "title": str, "resource": str, "required": bool}
OPTIONAL = {"parameters": dict, "codes": list, "date": str, "time": bool, "minor": bool}
POINTED_TO = ("Medication", "Specimen")  # read by their id where others refer to them


@dataclass(frozen=True, slots=True)
class Search:
    """One part of the chart. `parameters` stand beside the patient's; `date_parameter` is the look-back's name.

    `date_parameter` is None where the EHR has none; `date_with_time` says that its value must carry a time. Without a
    `minor` part the card has a note and no more.
    """

    name: str
    resource_type: str
    parameters: tuple[tuple[str, str], ...]
    date_parameter: str | None
    required: bool
    title: str
    date_with_time: bool = False
    minor: bool = False


@lru_cache
def load_searches(by_code: tuple[str, ...] = (), tables: Tables | None = None) -> tuple[Search, ...]:
    """All searches, in the order of the table; those that `by_code` names ask for the mapped codes and no others.

    Raises ConfigurationError that names the row, or the concepts that have no code where codes are to be asked for.
    """
    known = tables or load_tables()
    content = tomllib.loads(files("fhir_mappings").joinpath("tables", "searches.toml").read_text(encoding="utf-8"))
    searches = [read_search(number, row, known) for number, row in enumerate(content["search"], 1)]
    return tuple(narrowed for search in searches for narrowed in _narrowed(search, known, by_code))


def prefetch_templates(searches: Iterable[Search]) -> dict[str, str]:
    """The prefetch templates of discovery, by search name (CDS Hooks 2.0.1: context tokens only)."""
    return {search.name: _template(search) for search in searches}


def resource_types(searches: Iterable[Search]) -> tuple[str, ...]:
    """Every kind of resource that is read, each once: those searched for, and what they point to."""
    return tuple(dict.fromkeys((*(search.resource_type for search in searches), *POINTED_TO)))


def common_types(searches: Iterable[Search]) -> tuple[str, ...]:
    """Those that any EHR knows: one that does not could refuse a token for all of them."""
    return tuple(kind for kind in resource_types(s for s in searches if not s.minor) if kind != "Specimen")


def fhir_query(
    search: Search, patient_id: str, since: datetime, page_size: int
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Path below the FHIR base and the parameters, these not yet percent-encoded; `since` is the look-back.

    One day more than the look-back is asked for, because a server may live in another time zone; the reader cuts.
    """
    if search.resource_type == "Patient":
        return f"Patient/{quote(patient_id, safe='')}", ()
    parameters = [("patient", patient_id), *search.parameters]
    if search.date_parameter is not None:
        day = (since.astimezone(UTC) - timedelta(days=1)).date().isoformat()
        parameters.append((search.date_parameter, f"ge{day}T00:00:00Z" if search.date_with_time else f"ge{day}"))
    return search.resource_type, (*parameters, ("_count", str(page_size)))


def _template(search: Search) -> str:
    if search.resource_type == "Patient":
        return "Patient/{{context.patientId}}"
    parameters = (("patient", "{{context.patientId}}"), *search.parameters)
    return f"{search.resource_type}?" + "&".join(f"{name}={value}" for name, value in parameters)


def read_search(number: int, row: dict[str, Any], tables: Tables) -> Search:
    """One row of the table, checked. Raises ConfigurationError that names the row."""
    place = f"{TABLE}, row {number}"
    for field, kind in (FIELDS | {field: OPTIONAL[field] for field in row if field in OPTIONAL}).items():
        if not isinstance(row.get(field), kind):
            raise ConfigurationError(f"{place}: {field} is a {kind.__name__}, got {row.get(field)!r}")
    unknown = sorted(set(row) - set(FIELDS) - set(OPTIONAL))
    if unknown:
        raise ConfigurationError(f"{place}: unknown {', '.join(unknown)}")
    parameters = tuple((name, str(value)) for name, value in row.get("parameters", {}).items())
    codes = _codes(row.get("codes", ()), tables)
    return Search(
        name=row["name"],
        resource_type=row["resource"],
        parameters=(*parameters, ("code", ",".join(codes))) if codes else parameters,
        date_parameter=row.get("date"),
        required=row["required"],
        title=row["title"],
        date_with_time=row.get("time", False),
        minor=row.get("minor", False),
    )


def _codes(concepts: Iterable[str], tables: Tables) -> list[str]:
    wanted = set(concepts)
    return [
        f"{tables.urls[system]}|{code}"
        for (system, code), row in tables.laboratory.items()
        if row.concept in wanted and row.use != "ignore"
    ]


def _narrowed(search: Search, tables: Tables, by_code: tuple[str, ...]) -> Iterator[Search]:
    if search.name not in by_code:
        yield search
        return
    concepts = [concept.name for concept in tables.concepts.values() if concept.search == search.name]
    coded = {row.concept for row in tables.laboratory.values() if row.use == "read"}
    missing = [name for name in concepts if name not in coded]
    # Nobody documents every score, but a level without a code would never be asked for.
    if missing and (search.required or len(missing) == len(concepts)):
        raise ConfigurationError(
            f"fhir.code_filtered_searches: {search.name!r} needs a code for {', '.join(missing)} in laboratory.csv of "
            "site.tables_folder"
        )
    codes = _codes(concepts, tables)
    for chunk in range(0, len(codes), CODES_PER_REQUEST):
        name = search.name if chunk == 0 else f"{search.name}_{chunk // CODES_PER_REQUEST + 1}"
        filtered = (("code", ",".join(codes[chunk : chunk + CODES_PER_REQUEST])),)
        yield replace(search, name=name, parameters=filtered)
