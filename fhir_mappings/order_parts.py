"""The parts of one infliximab order: drug, dose, interval, route and reason, each read by itself.

Source: FHIR R4 MedicationRequest.dosageInstruction, ServiceRequest (quantity[x], occurrenceTiming, orderDetail),
reasonCode, reasonReference. Units: mg, mg/kg, weeks. Every function raises Misshapen for a part of the wrong shape.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.clinical.record import DataIssue, IssueLevel
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, read_coded, resolve, words_of
from fhir_mappings.conditions import concepts_of
from fhir_mappings.doses import read_dose, written
from fhir_mappings.doubts import Doubt
from fhir_mappings.drugs import Drug, Product, infliximab_route, named, read_drug, read_name
from fhir_mappings.identity import evidence
from fhir_mappings.quantities import converted
from fhir_mappings.shape import struct, structs
from fhir_mappings.timing import read_interval
from fhir_mappings.vocabulary import Tables

ABOUT = "order"
LARGEST_MG_PER_KG = 100

Part = tuple[dict[str, Any], list[Doubt | DataIssue]]


def drug_of(resource: Resource, tables: Tables, referenced: Mapping[str, Resource]) -> Drug:
    """What names the drug: the medication of a MedicationRequest, code and details of a ServiceRequest."""
    if resource.get("resourceType") == "MedicationRequest":
        return read_drug(resource, tables, referenced)
    details = (read_name(row, tables) for row in structs(resource, "orderDetail"))
    return Drug((named(words_of(struct(resource, "code")), tables), *details))


def read_doses(resource: Resource, drug: Drug, tables: Tables) -> Part:
    """Dose in mg and in mg/kg, each where the order states exactly one; the same dose may be written in both."""
    mg: set[float] = set()
    per_kg: set[float] = set()
    doubts: list[Doubt | DataIssue] = []
    for quantity in _doses(resource):
        if isinstance(quantity, Doubt):
            return {}, [*doubts, quantity]
        by_weight = converted(quantity, "dose_per_weight", tables)
        if by_weight is not None and 0 < by_weight < LARGEST_MG_PER_KG:
            per_kg.add(float(by_weight))
            continue
        dose = read_dose(quantity, drug, tables)
        doubts += [dose] if isinstance(dose, Doubt) else []
        mg |= set() if isinstance(dose, Doubt) else {dose}
    if len(mg) > 1 or len(per_kg) > 1:
        return {}, [*doubts, Doubt("order-dose-ambiguous", "states several doses")]
    return {"dose_mg": next(iter(mg), None), "dose_mg_per_kg": next(iter(per_kg), None)}, doubts


def _doses(resource: Resource) -> Iterator[Mapping[str, Any] | Doubt]:
    rows = [row for dosage in structs(resource, "dosageInstruction") for row in structs(dosage, "doseAndRate")]
    yield from (quantity for row in rows if (quantity := struct(row, "doseQuantity")))
    yield from (_one_of(span) for row in rows if (span := struct(row, "doseRange")))
    if ordered := struct(resource, "quantityQuantity"):
        yield ordered
    if span := struct(resource, "quantityRange"):
        yield _one_of(span)


def _one_of(span: Mapping[str, Any]) -> Mapping[str, Any] | Doubt:
    """The dose of a range whose ends are the same; any other is not one dose, whichever end would be given."""
    low, high = struct(span, "low"), struct(span, "high")
    if low == high:
        return low
    return Doubt("order-dose-range", f"states a range of doses, not one ({written(low)} to {written(high)})")


def read_order_interval(resource: Resource, tables: Tables) -> Part:
    """Interval in weeks, where the order's timings state exactly one."""
    timings = [struct(dosage, "timing") for dosage in structs(resource, "dosageInstruction")]
    timings.append(struct(resource, "occurrenceTiming"))
    found = [interval for timing in timings if (interval := read_interval(timing, tables)) is not None]
    doubts: list[Doubt | DataIssue] = [doubt for doubt in found if isinstance(doubt, Doubt)]
    weeks = {interval for interval in found if not isinstance(interval, Doubt)}
    if len(weeks) > 1 or (weeks and doubts):
        return {}, [*doubts, Doubt("order-timing-ambiguous", "states several timings")]
    return {"interval_weeks": next(iter(weeks), None)}, doubts


def read_order_route(resource: Resource, product: Product, tables: Tables) -> Part:
    """The route, where the order's dosages name one; intravenous products are labelled for nothing else."""
    routes = [read_coded(struct(dosage, "route"), tables) for dosage in structs(resource, "dosageInstruction")]
    codings = tuple(coding for route in routes for coding in route.codings)
    text = next((route.text for route in routes if route.text), None)
    route, unclear = infliximab_route(product, CodedText(codings, text), ABOUT, evidence(resource), tables)
    return {"route": route}, [] if unclear is None else [unclear]


def read_reasons(resource: Resource, tables: Tables, referenced: Mapping[str, Resource]) -> Part:
    """The condition concepts that the order gives as its reason, by code or by reference to a Condition."""
    codes, references = structs(resource, "reasonCode"), structs(resource, "reasonReference")
    conditions = [resolve(reference, resource, referenced) for reference in references]
    named = [read_coded(code, tables) for code in codes]
    named += [read_coded(struct(condition, "code"), tables) for condition in conditions if condition is not None]
    concepts = frozenset[str]().union(*(concepts_of(code, tables) for code in named))
    unknown = Doubt("order-reason-unresolved", "refers to a reason that was not found", IssueLevel.NOTE)
    doubts: list[Doubt | DataIssue] = [unknown] if None in conditions else []
    return {"reasons": concepts, "has_reason": bool(codes or references)}, doubts
