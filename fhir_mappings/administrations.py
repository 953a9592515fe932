"""MedicationAdministrations to infusions of infliximab, and to the other drugs that matter.

Question: when was infliximab really given, how much of it, and was it given in full? Source: FHIR R4
MedicationAdministration (effective[x], dosage, status, request); Oracle Health's infuse-over-time extension.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from cds_service.clinical.record import DataIssue, Infusion, IssueLevel, MedicationUse, Moment
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, read_coded, relative
from fhir_mappings.doses import read_given_dose
from fhir_mappings.doubts import Doubt, SeenByName, issue, quote
from fhir_mappings.drugs import Drug, Product, infliximab_in, infliximab_route, read_drug
from fhir_mappings.identity import evidence
from fhir_mappings.quantities import converted
from fhir_mappings.scope import Scope
from fhir_mappings.shape import Misshapen, struct, structs, text
from fhir_mappings.uses import read_given, unresolved

INFUSE_OVER_TIME = "https://fhir-ehr.cerner.com/r4/StructureDefinition/infuse-over-time"
LONGEST_MINUTES = 24 * 60
ABOUT = "infusion"

Given: TypeAlias = Infusion | MedicationUse | SeenByName | DataIssue


def read_administration(resource: Resource, scope: Scope) -> Iterable[Given]:
    """What one administration says. Raises Misshapen where not even its drug can be read."""
    if text(resource, "status") == "entered-in-error":
        return []
    drug = read_drug(resource, scope.tables, scope.referenced)
    if drug.unresolved:
        return [unresolved("administered")]
    product = infliximab_in(drug.all_names)
    if product is None:
        return read_given(resource, drug, scope.begin(resource, "effective"), scope)
    try:
        return list(_infliximab(resource, drug, product, scope))
    except Misshapen as problem:
        doubt = Doubt("infusion-unreadable", f"could not be read: {problem}", IssueLevel.BLOCKING)
        return [issue(doubt, ABOUT, "An infusion of infliximab", evidence(resource))]


def _infliximab(resource: Resource, drug: Drug, product: Product, scope: Scope) -> Iterator[Given]:
    own, start = evidence(resource), scope.begin(resource, "effective")
    if start is not None and not scope.sees(start):
        yield from scope.ahead(start, ABOUT, "The infusion", own)
    elif text(resource, "status") == "not-done":
        subject = "An infusion" + (f" planned for {start.day_in_words}" if start else "")
        yield issue(Doubt("infusion-not-done", "was not given", IssueLevel.NOTE), ABOUT, subject, own)
    elif product.by_name is not None and not scope.drug_by_name:
        says = (
            f"carries no known code, only the name {quote(product.by_name)}: a row in drugs.csv is needed to count it"
        )
        doubt = Doubt("administration-by-name-only", says, IssueLevel.BLOCKING)
        yield issue(doubt, ABOUT, "An administration of infliximab")
    elif start is None:
        doubt = Doubt("infusion-without-time", "has no usable date", IssueLevel.BLOCKING)
        yield issue(doubt, ABOUT, "An infusion of infliximab", own)
    else:
        if product.by_name is not None:
            yield SeenByName("infliximab", product.by_name)
        yield from _infusion(resource, drug, product, start, scope)


def _infusion(resource: Resource, drug: Drug, product: Product, start: Moment, scope: Scope) -> Iterator[Given]:
    own, subject = evidence(resource), f"The infusion of {start.day_in_words}"
    status = text(resource, "status") or "missing"
    if status not in ("completed", "stopped", "in-progress"):
        says = f"has the status {quote(status)}; it is not known whether it was given in full"
        yield issue(Doubt("status-unknown", says), ABOUT, subject, own)
    end = _end(resource, start, scope)
    if end is not None and end.at < start.at:
        yield issue(Doubt("end-before-start", "ends before it starts; its end was not used"), ABOUT, subject, own)
        end = None
    dose, about_dose, written_route = _dosage(resource, drug, None if end is None else end.at - start.at, scope)
    if about_dose is not None:
        yield issue(about_dose, ABOUT, subject, own)
    route, unclear = infliximab_route(product, written_route, ABOUT, own, scope.tables)
    if unclear is not None:
        yield unclear
    yield Infusion(
        start=start,
        evidence=own,
        end=end,
        dose_mg=dose,
        route=route,
        complete=status == "completed",
        part_of=_order_of(resource),
    )


def _order_of(resource: Resource) -> str | None:
    order = text(struct(resource, "request"), "reference")
    return relative(order) if order else None


def _dosage(
    resource: Resource, drug: Drug, lasted: timedelta | None, scope: Scope
) -> tuple[float | None, Doubt | None, CodedText]:
    # The date of an infusion is worth keeping when its dosage is not.
    try:
        dosage = struct(resource, "dosage")
        route = read_coded(struct(dosage, "route"), scope.tables)
        return *read_given_dose(dosage, drug, lasted, scope.tables), route
    except Misshapen as problem:
        return None, Doubt("dose-not-readable", f"has a dosage that could not be read: {problem}"), CodedText()


def _end(resource: Resource, start: Moment, scope: Scope) -> Moment | None:
    """The end of the Period, else the start and the minutes it took; a bare day tells nothing of an end."""
    end = scope.moment(struct(resource, "effectivePeriod"), "end")
    if end is not None or start.day_only:
        return None if end is None or end.day_only else end
    for extension in structs(resource, "extension"):
        if extension.get("url") == INFUSE_OVER_TIME:
            minutes = converted(struct(extension, "valueQuantity"), "duration", scope.tables)
            if minutes is not None and 0 < minutes <= LONGEST_MINUTES:
                return replace(start, at=start.at + timedelta(minutes=float(minutes)))
    return None
