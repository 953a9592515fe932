"""The Medications that infusions, prescriptions and drafts point to: each read once, and their ingredients once more.

EHRs ignore `_include`, so a drug that is neither contained nor sent along has to be read by its id.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from urllib.parse import quote

from cds_service.chart.paging import Reading
from cds_service.chart.request import ChartRequest
from fhir_mappings.chart import Resource


def read_medications(
    reading: Reading, pointing: Iterable[Resource], known: Mapping[str, Resource]
) -> dict[str, Resource]:
    """`known` and every Medication the resources point to, by relative reference ("Medication/abc").

    What cannot be read is left out: the reader of the resource then says that its drug is unknown.
    """
    found = dict(known)
    for resources in (pointing, found.values()):
        pointers = [resource for resource in resources if _may_point(resource)]
        wanted = {name for resource in pointers for name in _pointed_to(resource, reading.ask)} - found.keys()
        found |= _read(reading, sorted(wanted)[: reading.limits.max_references])
    return found


def by_reference(medications: Iterable[Resource]) -> dict[str, Resource]:
    """Medications by relative reference; one without an id cannot be pointed to."""
    return {f"Medication/{m['id']}": m for m in medications if isinstance(m.get("id"), str)}


def _read(reading: Reading, names: list[str]) -> dict[str, Resource]:
    server = reading.ask.server
    if server is None:
        return {}
    urls = (f"{server.url}/Medication/{quote(name.removeprefix('Medication/'), safe='')}" for name in names)
    reads = [partial(reading.get, url, ()) for url in urls]
    answers = reading.client.in_parallel(reads, reading.deadline)
    return {
        name: answer
        for name, answer in zip(names, answers, strict=True)
        if isinstance(answer, dict)
        and answer.get("resourceType") == "Medication"
        and name == f"Medication/{answer.get('id')}"
    }


def _may_point(resource: Resource) -> bool:
    # Few resources do, and the rest need not be walked through.
    return "medicationReference" in resource or "contained" in resource or "ingredient" in resource


def _pointed_to(resource: Resource, ask: ChartRequest) -> Iterator[str]:
    holders = [(resource, "medicationReference")]
    for holder in (resource, *_rows(resource, "contained")):
        holders += [(row, "itemReference") for row in _rows(holder, "ingredient")]
    for holder, member in holders:
        pointer = holder.get(member)
        reference = pointer.get("reference") if isinstance(pointer, dict) else None
        name = _relative(reference, ask) if isinstance(reference, str) else None
        if name:
            yield name


def _rows(resource: Resource, member: str) -> list[Resource]:
    rows = resource.get(member)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _relative(reference: str, ask: ChartRequest) -> str | None:
    # A drug on another server may share an id with one on ours, so only this server's are read.
    own = reference.removeprefix(f"{ask.server.url}/") if ask.server else reference
    parts = own.split("/_history/")[0].split("/")
    return "/".join(parts) if len(parts) == 2 and parts[0] == "Medication" and parts[1] not in ("", ".", "..") else None
