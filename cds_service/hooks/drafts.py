"""The infliximab orders among the drafts, also where the drug is only a reference that has to be read first."""

from collections.abc import Iterable, Mapping

from cds_service.chart.paging import Reading
from cds_service.chart.references import read_references
from cds_service.errors import MissingData
from cds_service.hooks.request import HookRequest
from fhir_mappings.chart import RawChart, Resource
from fhir_mappings.orders import DraftOrder, read_orders
from fhir_mappings.tables import Tables


def read_drafts(request: HookRequest, tables: Tables, reading: Reading) -> tuple[DraftOrder, ...]:
    """Every infliximab draft, before the chart is read.

    Raises MissingData where nothing tells which drug a draft orders: silence would say "not infliximab".
    """
    nameless = [draft for draft in request.drafts if _is_nameless(draft, request)]
    drugs = read_references(reading, nameless, {}) if nameless else {}
    if any(not _is_read(draft, drugs) for draft in nameless):
        why = reading.ask.no_server or "the FHIR server did not give it"
        raise MissingData(f"context.draftOrders: the drug of an order is only a reference, and {why}")
    return read_orders(request.draft_orders, request.selections, tables, drugs)


def refer_to_chart(drafts: Iterable[Resource]) -> bool:
    """Whether a draft points to a drug or a diagnosis that only the chart may hold."""
    return any("medicationReference" in draft or "reasonReference" in draft for draft in drafts)


def read_drafts_again(request: HookRequest, tables: Tables, chart: RawChart) -> tuple[DraftOrder, ...]:
    """The same drafts, now with the drugs and diagnoses that the chart knows."""
    conditions = chart.part("conditions").resources
    named = {f"Condition/{c['id']}": c for c in conditions if isinstance(c.get("id"), str)}
    return read_orders(request.draft_orders, request.selections, tables, {**named, **chart.referenced})


def _is_nameless(draft: Resource, request: HookRequest) -> bool:
    pointer = draft.get("medicationReference")
    reference = _reference(draft)
    if not reference or reference.startswith("#") or (isinstance(pointer, dict) and pointer.get("display")):
        return False
    sent = {f"{draft.get('resourceType')}/{draft.get('id')}" for draft in request.drafts} | set(request.full_urls)
    return reference not in sent and "/".join(reference.split("/")[-2:]) not in sent


def _is_read(draft: Resource, drugs: Mapping[str, Resource]) -> bool:
    reference = _reference(draft).split("/_history/")[0]
    return any(reference == name or reference.endswith(f"/{name}") for name in drugs)


def _reference(draft: Resource) -> str:
    pointer = draft.get("medicationReference")
    reference = pointer.get("reference") if isinstance(pointer, dict) else None
    return reference if isinstance(reference, str) else ""
