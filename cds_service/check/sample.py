"""Which patients are looked at: those whose ids are given, else those whom the server finds on infliximab.

Question: whose charts tell whether this site is mapped? Source: FHIR R4 search of MedicationAdministration and
MedicationRequest by code, without a patient; many EHRs refuse that, and then ids are needed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.identity import patients_of
from cds_service.chart.page import Failure, Page, read_page
from cds_service.chart.request import ChartRequest, Limits
from cds_service.errors import BadHookRequest
from cds_service.outgoing import Deadline
from fhir_mappings.chart import Resource
from fhir_mappings.drugs import infliximab_in, read_drug
from fhir_mappings.searches import CODES_PER_REQUEST, Search
from fhir_mappings.shape import Misshapen
from fhir_mappings.vocabulary import Tables

SECONDS = 30.0  # no hook call searches across patients
KINDS = ("MedicationAdministration", "MedicationRequest")
ID = re.compile(r"(?:Patient/)?([^\s/?#,;\"']{1,256})")


@dataclass(frozen=True, slots=True)
class Sample:
    """Whose charts are read, and how they were chosen."""

    ids: tuple[str, ...]
    found_by: str


def read_ids(text: str, most: int) -> Sample:
    """The first ids of a list, one per line; blank lines and those that begin with # are passed over.

    Raises BadHookRequest naming the line that is no id, without repeating it: it may be a name.
    """
    found: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        written = line.strip().lstrip("\ufeff")
        if not written or written.startswith("#"):
            continue
        match = ID.fullmatch(written)
        if match is None or match[1] in (".", ".."):
            raise BadHookRequest(f"--patients, line {number}: one patient id expected and nothing else")
        found[match[1]] = None
    if not found:
        raise BadHookRequest("--patients: at least one patient id expected, one per line")
    return Sample(tuple(found)[:most], "the ids given")


def find_patients(client: FhirClient, ask: ChartRequest, limits: Limits, tables: Tables, most: int) -> Sample | Failure:
    """Up to `most` patients with infliximab given or prescribed under a mapped code, or why none can be found."""
    deadline, found, reasons = Deadline.after(SECONDS), dict[str, None](), dict[str, None]()
    for kind in KINDS:
        for codes in _chunks(tables):
            for page in _pages(
                client, ask, limits, Search(kind, kind, (("code", codes),), None, False, kind), deadline
            ):
                if isinstance(page, Failure):
                    reasons[f"the search of {kind} by code: {page.reason}"] = None
                    break
                found |= dict.fromkeys(
                    owner
                    for resource in page.resources
                    if _may_give(resource, tables)
                    for owner in patients_of(resource)
                    if owner
                )
                if len(found) >= most:
                    return Sample(tuple(found)[:most], f"a search of {kind} by mapped codes")
    if found:
        return Sample(tuple(found), "searches of " + " and ".join(KINDS) + " by mapped codes")
    return Failure("; ".join(reasons) or "no infliximab under a mapped code is on the server")


def _chunks(tables: Tables) -> Iterator[str]:
    codes = [
        f"{tables.urls[system]}|{code}" for (system, code), row in tables.drugs.items() if row.concept == "infliximab"
    ]
    for start in range(0, len(codes), CODES_PER_REQUEST):
        yield ",".join(codes[start : start + CODES_PER_REQUEST])


def _pages(
    client: FhirClient, ask: ChartRequest, limits: Limits, search: Search, deadline: Deadline
) -> Iterator[Page | Failure]:
    if ask.server is None:
        return
    url: str | None = f"{ask.server.url}/{search.resource_type}"
    parameters = (*search.parameters, ("_count", str(limits.page_size)))
    for _ in range(limits.max_pages):
        document = client.get(url or "", parameters, ask, deadline)
        page = document if isinstance(document, Failure) else read_page(document, search)
        yield page
        link = None if isinstance(page, Failure) else page.next_link
        url, parameters = (ask.server.resolve(link) if link else None), ()
        if url is None:
            return


def _may_give(resource: Resource, tables: Tables) -> bool:
    # A server that overlooks the code would fill the sample with children who never had the drug.
    try:
        drug = read_drug(resource, tables, {})
    except Misshapen:
        return False
    return "medicationReference" in resource or infliximab_in(drug.all_names) is not None
