"""Steroids and immunomodulators, given or prescribed: which of them reach the whole body.

Question: was the child on a systemic steroid or an immunomodulator, and from when? Source: FHIR R4
MedicationAdministration and MedicationRequest. An ingredient alone does not tell a tablet from an inhaler or a
cream: route and form decide, then the ATC group.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.clinical.record import DataIssue, IssueLevel, MedicationUse, Moment
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, read_coded
from fhir_mappings.doubts import Doubt, issue, quote
from fhir_mappings.drugs import Drug, infliximab_in, read_drug, routes_of
from fhir_mappings.identity import evidence
from fhir_mappings.inferred import ORDERED as ON_ORDER
from fhir_mappings.inferred import Inferred, infer
from fhir_mappings.scope import Scope
from fhir_mappings.shape import struct, structs, text, truth
from fhir_mappings.vocabulary import Tables

STEROID, GUT, LOCAL, IMMUNOMODULATOR = "systemic_steroid", "gut_steroid", "local_steroid", "immunomodulator"
GIVEN = frozenset({"completed", "in-progress", "stopped"})
NOT_GIVEN = frozenset({"not-done", "entered-in-error"})
ORDERED = frozenset({"active", "on-hold", "completed", "stopped"})
NOT_ORDERED = frozenset({"draft", "cancelled", "entered-in-error"})
NO_ORDER = frozenset({"proposal", "plan", "option"})


def read_given(
    resource: Resource, drug: Drug, when: Moment | None, scope: Scope
) -> Iterator[MedicationUse | DataIssue]:
    """A steroid or immunomodulator that was administered; nothing for any other drug."""
    own, status = evidence(resource), text(resource, "status") or "missing"
    route = read_coded(struct(struct(resource, "dosage"), "route"), scope.tables)
    concept, doubt = read_use(drug, [route], scope.tables)
    if concept is None or status in NOT_GIVEN or (when is not None and not scope.sees(when)):
        if concept is not None and when is not None and status not in NOT_GIVEN:
            yield from scope.ahead(when, concept, "The medication", own)
        return
    if status not in GIVEN:
        yield _of(Doubt("status-unknown", f"has the status {quote(status)} and was not counted as given"), concept, own)
        return
    if when is None:
        yield _of(Doubt("medication-without-date", "was given without a usable date"), concept, own)
    if doubt is not None:
        yield issue(doubt, concept, "A medication")
    yield MedicationUse(concept, when, own, given=True)


def read_prescribed(resource: Resource, scope: Scope) -> Iterator[MedicationUse | Inferred | DataIssue]:
    """A MedicationRequest on record: a steroid, an immunomodulator or infliximab that was ordered. Raises Misshapen."""
    own, status = evidence(resource), text(resource, "status") or "missing"
    if status in NOT_ORDERED or text(resource, "intent") in NO_ORDER or truth(resource, "doNotPerform"):
        return
    drug = read_drug(resource, scope.tables, scope.referenced)
    if drug.unresolved:
        yield unresolved("prescribed")
    yield from infer(ON_ORDER, infliximab_in(drug.all_names), scope.moment(resource, "authoredOn"), own, scope)
    dosages = structs(resource, "dosageInstruction")
    concept, doubt = read_use(drug, [read_coded(struct(row, "route"), scope.tables) for row in dosages], scope.tables)
    if concept is None:
        return
    periods = [struct(struct(struct(row, "timing"), "repeat"), "boundsPeriod") for row in dosages]
    start = _first(periods, "start", scope) or scope.moment(resource, "authoredOn")
    if start is not None and start.at > scope.latest:
        yield from scope.ahead(start, concept, "The medication", own)
        return
    if status not in ORDERED:
        note = Doubt("status-unknown", f"has the status {quote(status)} and is read as ordered", IssueLevel.NOTE)
        yield _of(note, concept, own)
    if doubt is not None:
        yield issue(doubt, concept, "A medication")
    yield MedicationUse(concept, start, own, end=_first(periods, "end", scope))


def read_use(drug: Drug, routes: list[CodedText], tables: Tables) -> tuple[str | None, Doubt | None]:
    """The concept of a drug by its codes and its route; a doubt where a steroid's route had to be assumed."""
    names = drug.all_names
    concepts = {code.concept for name in names for code in name.codes}
    if IMMUNOMODULATOR in concepts:
        return IMMUNOMODULATOR, None
    if not concepts & {STEROID, GUT}:
        return None, None
    ways = {way for route in routes for way in routes_of(route, tables)}
    ways = ways or {way for name in names for way in name.routes}
    systemic = STEROID if STEROID in concepts else GUT
    if ways:
        # "Oral inhalation" is local; a tablet with prolonged release ("PR") is not rectal.
        return (None if "local" in ways else GUT if ways == {"rectal"} else systemic), None
    groups = {code.concept for name in names for code in name.groups}
    if STEROID not in groups and (LOCAL in groups or GUT in concepts):
        return (None if LOCAL in groups else GUT), None
    return systemic, Doubt("route-assumed", "of a steroid states no route and is read as systemic", IssueLevel.NOTE)


def unresolved(what: str) -> DataIssue:
    """The issue of a drug that cannot be known; one sentence, however many such records there are."""
    says = "could not be read: it refers to a Medication that was not found or not readable"
    return issue(Doubt("medication-unresolved", says), "medication", f"Some {what} medication")


def _first(periods: list[Mapping[str, Any]], end: str, scope: Scope) -> Moment | None:
    return next((moment for period in periods if (moment := scope.moment(period, end))), None)


def _of(doubt: Doubt, concept: str, own: str) -> DataIssue:
    return issue(doubt, concept, "The medication", own)
