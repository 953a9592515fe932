"""Steroids and immunomodulators, given or prescribed: which of them reach the whole body.

Question: was the child on a systemic steroid or an immunomodulator, and from when? Source: FHIR R4
MedicationAdministration and MedicationRequest. An ingredient alone does not tell a tablet from an inhaler or a
cream: route and form decide, then the ATC group. What is only named counts where the site says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cds_service.clinical.record import NAMED_ONLY, DataIssue, IssueLevel, MedicationUse, Moment
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, read_coded
from fhir_mappings.doubts import Doubt, SeenByName, issue, quote
from fhir_mappings.drugs import INFLIXIMAB, Drug, DrugName, infliximab_in, read_drug, worded
from fhir_mappings.identity import evidence
from fhir_mappings.inferred import ORDERED as ON_ORDER
from fhir_mappings.inferred import Inferred, infer
from fhir_mappings.routes import routes_of
from fhir_mappings.scope import Scope
from fhir_mappings.shape import struct, structs, text, truth
from fhir_mappings.vocabulary import Tables

STEROID, GUT, LOCAL, IMMUNOMODULATOR = "systemic_steroid", "gut_steroid", "local_steroid", "immunomodulator"
GIVEN = frozenset({"completed", "in-progress", "stopped"})
NOT_GIVEN = frozenset({"not-done", "entered-in-error"})
ORDERED = frozenset({"active", "on-hold", "completed", "stopped"})
NOT_ORDERED = frozenset({"draft", "cancelled", "entered-in-error"})
NO_ORDER = frozenset({"proposal", "plan", "option"})

Told: TypeAlias = MedicationUse | SeenByName | DataIssue


@dataclass(frozen=True, slots=True)
class Use:
    """A drug of ours that reaches the whole body, or the gut. `by_name` is the text that named it where no code did.

    `doubt` tells that a steroid's route had to be assumed.
    """

    concept: str
    doubt: Doubt | None = None
    by_name: str | None = None


def read_given(resource: Resource, drug: Drug, when: Moment | None, scope: Scope) -> Iterator[Told]:
    """A steroid or immunomodulator that was administered; nothing for any other drug."""
    own, status = evidence(resource), text(resource, "status") or "missing"
    route = read_coded(struct(struct(resource, "dosage"), "route"), scope.tables)
    use = read_use(drug, [route], scope.tables)
    if use is None or status in NOT_GIVEN:
        return
    if when is not None and not scope.sees(when):
        yield from scope.ahead(when, use.concept, "The medication", own)
        return
    if status not in GIVEN:
        says = f"has the status {quote(status)} and was not counted as given"
        yield _of(Doubt("status-unknown", says), use.concept, own)
        return
    if when is None:
        yield _of(Doubt("medication-without-date", "was given without a usable date"), use.concept, own)
    yield from _used(use, MedicationUse(use.concept, when, own, given=True), scope)


def read_prescribed(resource: Resource, scope: Scope) -> Iterator[Told | Inferred]:
    """A MedicationRequest on record: a steroid, an immunomodulator or infliximab that was ordered. Raises Misshapen."""
    own, status = evidence(resource), text(resource, "status") or "missing"
    if status in NOT_ORDERED or text(resource, "intent") in NO_ORDER or truth(resource, "doNotPerform"):
        return
    drug = read_drug(resource, scope.tables, scope.referenced)
    if drug.unresolved:
        yield unresolved("prescribed")
    yield from infer(ON_ORDER, infliximab_in(drug.all_names), scope.moment(resource, "authoredOn"), own, scope)
    dosages = structs(resource, "dosageInstruction")
    use = read_use(drug, [read_coded(struct(row, "route"), scope.tables) for row in dosages], scope.tables)
    if use is None:
        return
    periods = [struct(struct(struct(row, "timing"), "repeat"), "boundsPeriod") for row in dosages]
    start = _first(periods, "start", scope) or scope.moment(resource, "authoredOn")
    if start is not None and start.at > scope.latest:
        yield from scope.ahead(start, use.concept, "The medication", own)
        return
    if status not in ORDERED:
        note = Doubt("status-unknown", f"has the status {quote(status)} and is read as ordered", IssueLevel.NOTE)
        yield _of(note, use.concept, own)
    yield from _used(use, MedicationUse(use.concept, start, own, end=_first(periods, "end", scope)), scope)


def _used(use: Use, found: MedicationUse, scope: Scope) -> Iterator[Told]:
    if use.by_name is not None and not scope.drug_by_name:
        if (last := found.end or found.start) is not None and last.at < scope.earliest:
            return
        says = f"is only named ({quote(use.by_name)}): a row in drugs.csv is needed to count it"
        title = use.concept.replace("_", " ")
        yield issue(Doubt(NAMED_ONLY, says), use.concept, f"A medication that may be a {title}")
        return
    if use.by_name is not None:
        yield SeenByName(use.concept, use.by_name)
    if use.doubt is not None:
        yield issue(use.doubt, use.concept, "A medication")
    yield found


def read_use(drug: Drug, routes: list[CodedText], tables: Tables) -> Use | None:
    """What a drug is by its codes, else by its names, and by its route; None for one that concerns nobody here."""
    names = drug.all_names
    coded = {code.concept for name in names for code in name.codes}
    named, by_name = (None, None) if coded else _named(names)
    concepts = coded if named is None else {named}
    if IMMUNOMODULATOR in concepts:
        return Use(IMMUNOMODULATOR, by_name=by_name)
    if not concepts & {STEROID, GUT}:
        return None
    ways = {way for route in routes for way in routes_of(route, tables)}
    ways = ways or {way for name in names for way in name.routes}
    systemic = STEROID if STEROID in concepts else GUT
    if ways:
        # "Oral inhalation" is local; a tablet with prolonged release ("PR") is not rectal.
        return None if "local" in ways else Use(GUT if ways == {"rectal"} else systemic, by_name=by_name)
    groups = {code.concept for name in names for code in name.groups}
    if STEROID not in groups and (LOCAL in groups or GUT in concepts):
        return None if LOCAL in groups else Use(GUT, by_name=by_name)
    assumed = Doubt("route-assumed", "of a steroid states no route and is read as systemic", IssueLevel.NOTE)
    return Use(systemic, assumed, by_name)


def _named(names: Sequence[DrugName]) -> tuple[str, str] | tuple[None, None]:
    """The first of our drugs that is named, and the text; none beside infliximab, for which it may be premedication."""
    if worded(names, INFLIXIMAB) is not None:
        return None, None
    found = ((concept, worded(names, concept)) for concept in (STEROID, GUT, IMMUNOMODULATOR))
    return next(((concept, said) for concept, said in found if said is not None), (None, None))


def unresolved(what: str) -> DataIssue:
    """The issue of a drug that cannot be known; one sentence, however many such records there are."""
    says = "could not be read: it refers to a Medication that was not found or not readable"
    return issue(Doubt("medication-unresolved", says), "medication", f"Some {what} medication")


def _first(periods: list[Mapping[str, Any]], end: str, scope: Scope) -> Moment | None:
    return next((moment for period in periods if (moment := scope.moment(period, end))), None)


def _of(doubt: Doubt, concept: str, own: str) -> DataIssue:
    return issue(doubt, concept, "The medication", own)
