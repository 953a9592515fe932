"""What a chart points to: each Medication and Specimen read once, the ingredients of a Medication once more.

EHRs ignore `_include`, so a drug that is neither contained nor sent along has to be read by its id. Of the Specimens
only those of drug levels and antibodies are read: when these were taken decides what they mean.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from urllib.parse import quote

from cds_service.chart.paging import Reading
from cds_service.chart.request import ChartRequest
from fhir_mappings.chart import Resource

DRUG, SPECIMEN = "Medication", "Specimen"


def read_references(
    reading: Reading, pointing: Iterable[Resource], known: Mapping[str, Resource], timed: Iterable[Resource] = ()
) -> dict[str, Resource]:
    """`known`, every Medication that `pointing` points to and every Specimen of `timed`, by relative reference.

    What cannot be read is left out: the reader of the resource then says that its drug is unknown, and takes the time
    of the result for that of its sample.
    """
    found = dict(known)
    specimens = {name for result in timed for name in _named(result, "specimen", SPECIMEN, reading.ask)}
    found |= _read(reading, [*_wanted(_drugs(pointing, reading), found, reading), *_wanted(specimens, found, reading)])
    return found | _read(reading, _wanted(_drugs(found.values(), reading), found, reading))


def by_reference(resources: Iterable[Resource]) -> dict[str, Resource]:
    """Resources by relative reference ("Medication/abc"); one without an id cannot be pointed to."""
    return {f"{r['resourceType']}/{r['id']}": r for r in resources if isinstance(r.get("id"), str)}


def _wanted(names: set[str], found: Mapping[str, Resource], reading: Reading) -> list[str]:
    return sorted(names - found.keys())[: reading.limits.max_references]


def _read(reading: Reading, names: list[str]) -> dict[str, Resource]:
    server = reading.ask.server
    if server is None:
        return {}
    urls = (f"{server.url}/{kind}/{quote(own, safe='')}" for kind, own in (name.split("/") for name in names))
    reads = [partial(reading.get, url, ()) for url in urls]
    answers = reading.client.in_parallel(reads, reading.deadline)
    return {
        name: answer
        for name, answer in zip(names, answers, strict=True)
        if isinstance(answer, dict) and name == f"{answer.get('resourceType')}/{answer.get('id')}"
    }


def _drugs(pointing: Iterable[Resource], reading: Reading) -> set[str]:
    pointers = [resource for resource in pointing if _may_point(resource)]
    return {name for resource in pointers for name in _drugs_of(resource, reading.ask)}


def _may_point(resource: Resource) -> bool:
    # Few resources do, and the rest need not be walked through.
    return "medicationReference" in resource or "contained" in resource or "ingredient" in resource


def _drugs_of(resource: Resource, ask: ChartRequest) -> Iterator[str]:
    yield from _named(resource, "medicationReference", DRUG, ask)
    for holder in (resource, *_rows(resource, "contained")):
        for row in _rows(holder, "ingredient"):
            yield from _named(row, "itemReference", DRUG, ask)


def _named(holder: Resource, member: str, kind: str, ask: ChartRequest) -> Iterator[str]:
    pointer = holder.get(member)
    reference = pointer.get("reference") if isinstance(pointer, dict) else None
    name = _relative(reference, kind, ask) if isinstance(reference, str) else None
    if name:
        yield name


def _rows(resource: Resource, member: str) -> list[Resource]:
    rows = resource.get(member)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _relative(reference: str, kind: str, ask: ChartRequest) -> str | None:
    # What lies on another server may share an id with something on ours, so only this server's is read.
    own = reference.removeprefix(f"{ask.server.url}/") if ask.server else reference
    parts = own.split("/_history/")[0].split("/")
    return "/".join(parts) if len(parts) == 2 and parts[0] == kind and parts[1] not in ("", ".", "..") else None
