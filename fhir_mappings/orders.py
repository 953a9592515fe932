"""Draft orders to infusion orders: which of them order infliximab, and what each of them asks for.

Question: what is the clinician about to order? Source: CDS Hooks order-select and order-sign (draftOrders,
selections); FHIR R4 MedicationRequest, ServiceRequest. An infliximab order is never passed over: one that only names
the drug counts, and one that cannot be read in full is examined with what could be read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cds_service.clinical.record import UNREAD_TIMING, DataIssue, InfusionOrder, IssueLevel, LevelOrder
from fhir_mappings.chart import Resource
from fhir_mappings.codings import relative
from fhir_mappings.doubts import Doubt, issue, quote
from fhir_mappings.drugs import Drug, Product, infliximab_in
from fhir_mappings.identity import evidence
from fhir_mappings.level_orders import ordered_test
from fhir_mappings.order_parts import (
    ABOUT,
    Part,
    drug_of,
    read_doses,
    read_order_interval,
    read_order_route,
    read_reasons,
)
from fhir_mappings.recognition import ANTIBODY
from fhir_mappings.shape import Misshapen, truth
from fhir_mappings.tables import load_tables
from fhir_mappings.vocabulary import Tables

CLOSED = frozenset({"entered-in-error", "cancelled", "stopped", "completed", "revoked"})
ORDERS = ("MedicationRequest", "ServiceRequest")
NOTHING: Mapping[str, Resource] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DraftOrder:
    """One draft that orders infliximab: as the EHR sent it, as we read it, and what could not be read.

    `selected` tells whether the hook's selections name it.
    """

    resource: Resource
    order: InfusionOrder
    selected: bool
    issues: tuple[DataIssue, ...] = ()


def read_orders(
    draft_orders: Resource | None,
    selections: Sequence[str] = (),
    tables: Tables | None = None,
    referenced: Mapping[str, Resource] = NOTHING,
) -> tuple[DraftOrder, ...]:
    """Every infliximab order among the drafts, selected or not, in the order of the Bundle. Nothing raises."""
    known = tables or load_tables()
    within = {**referenced, **_by_reference(draft_orders)}
    drafts = (_read_draft(resource, frozenset(selections), known, within) for resource in _open(draft_orders))
    return tuple(draft for draft in drafts if draft is not None)


def also_ordered(draft_orders: Resource | None, tables: Tables | None = None) -> tuple[LevelOrder, ...]:
    """The drafts that order an infliximab level or antibody test beside the infusion."""
    known = tables or load_tables()
    tests = ((resource, _test(resource, known)) for resource in _open(draft_orders))
    return tuple(LevelOrder(evidence(r), antibody=test == ANTIBODY) for r, test in tests if test is not None)


def _entries(draft_orders: Resource | None) -> Iterator[Mapping[str, Any]]:
    entries = draft_orders.get("entry") if isinstance(draft_orders, Mapping) else None
    yield from (entry for entry in entries if isinstance(entry, Mapping)) if isinstance(entries, list) else ()


def _open(draft_orders: Resource | None) -> Iterator[Resource]:
    for entry in _entries(draft_orders):
        resource = entry.get("resource")
        if isinstance(resource, Mapping) and resource.get("resourceType") in ORDERS:
            status = resource.get("status")
            if not (isinstance(status, str) and status.strip() in CLOSED):
                yield resource


def _by_reference(draft_orders: Resource | None) -> dict[str, Resource]:
    """The resources of the Bundle as others may point to them: by type and id, and by fullUrl."""
    found: dict[str, Resource] = {}
    for entry in _entries(draft_orders):
        resource, url = entry.get("resource"), entry.get("fullUrl")
        if isinstance(resource, Mapping):
            found[evidence(resource)] = resource
            if isinstance(url, str):
                found[url] = found[relative(url)] = resource
    return found


def _test(resource: Resource, tables: Tables) -> str | None:
    try:
        return ordered_test(resource, tables) if resource.get("resourceType") == "ServiceRequest" else None
    except Misshapen:
        return None


def _read_draft(
    resource: Resource, selections: frozenset[str], tables: Tables, referenced: Mapping[str, Resource]
) -> DraftOrder | None:
    try:
        if _test(resource, tables) is not None or truth(resource, "doNotPerform"):
            return None
        drug = drug_of(resource, tables, referenced)
        product = infliximab_in(drug.all_names)
    except Misshapen:
        drug, product = Drug(), _named_anywhere(resource, tables)
    if product is None:
        return None
    own = evidence(resource)
    values, issues = _details(resource, drug, product, tables, referenced)
    order = InfusionOrder(own, by_name_only=product.by_name is not None, **values)
    return DraftOrder(resource, order, own in selections, tuple(issues))


def _named_anywhere(resource: Resource, tables: Tables) -> Product | None:
    # The drug has a shape that FHIR does not know; its words still tell.
    members = ("medicationCodeableConcept", "medicationReference", "contained", "code")
    words = " ".join(str(resource.get(member)) for member in members)
    named = any(row.words.search(words) for row in tables.drug_names)
    return Product(subcutaneous=False, by_name=words) if named else None


def _details(
    resource: Resource, drug: Drug, product: Product, tables: Tables, referenced: Mapping[str, Resource]
) -> tuple[dict[str, Any], list[DataIssue]]:
    """Each part of the order by itself, so that one that cannot be read does not hide the others."""
    values: dict[str, Any] = {}
    issues: list[DataIssue] = []
    if product.by_name is not None:
        says = f"carries no known code, only the name {quote(product.by_name)}"
        issues.append(_issue(Doubt("order-by-name-only", says, IssueLevel.NOTE), resource))
    parts: tuple[tuple[str, Callable[[], Part]], ...] = (
        ("order-unreadable", lambda: read_doses(resource, drug, tables)),
        (f"{UNREAD_TIMING}unreadable", lambda: read_order_interval(resource, tables)),
        ("order-unreadable", lambda: read_order_route(resource, product, tables)),
        ("order-unreadable", lambda: read_reasons(resource, tables, referenced)),
    )
    for code, read in parts:
        try:
            read_values, doubts = read()
        except Misshapen as problem:
            read_values, doubts = {}, [Doubt(code, f"could not be read in full: {problem}")]
        values |= read_values
        issues += [doubt if isinstance(doubt, DataIssue) else _issue(doubt, resource) for doubt in doubts]
    return values, issues


def _issue(doubt: Doubt, resource: Resource) -> DataIssue:
    return issue(doubt, ABOUT, "The order for infliximab", evidence(resource))
