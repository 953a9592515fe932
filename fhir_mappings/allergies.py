"""Allergies to reactions: what is recorded against infliximab, and whether it was severe.

Question: may the drug be given on? Source: FHIR R4 AllergyIntolerance (criticality, reaction.severity, manifestation);
`tables/manifestations.csv` and `names.csv` for what is severe by itself. A severity that nobody wrote is not known:
most EHRs leave it out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cds_service.clinical.record import DataIssue, Reaction
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, Coding, code_of, read_coded
from fhir_mappings.conditions import REFUTED
from fhir_mappings.drugs import infliximab_in, read_name
from fhir_mappings.identity import evidence
from fhir_mappings.scope import Scope
from fhir_mappings.shape import Misshapen, struct, structs, text
from fhir_mappings.vocabulary import Tables, beginnings

SEVERE = "mentions_severe_reaction"
MILDER = frozenset({"mild", "moderate"})


def read_allergy(resource: Resource, scope: Scope) -> Iterator[Reaction | DataIssue]:
    """A recorded reaction or intolerance to infliximab, with its severity where that is known. Raises Misshapen."""
    events = structs(resource, "reaction")
    substances = [read_name(struct(event, "substance"), scope.tables) for event in events]
    names = [read_name(struct(resource, "code"), scope.tables), *substances]
    if code_of(resource, "verificationStatus") in REFUTED or infliximab_in(names) is None:
        return
    severe = _severe(resource, events, scope.tables)
    recorded = scope.moment(resource, "recordedDate")
    if recorded is not None and recorded.at > scope.latest:
        yield from scope.ahead(recorded, "reaction", "The reaction to infliximab", evidence(resource))
    else:
        yield Reaction(severe, evidence(resource), recorded)


def _severe(resource: Resource, events: Sequence[Mapping[str, Any]], tables: Tables) -> bool | None:
    """Severe by any of its signs; not severe only where every part of it is said to be milder; else not known."""
    criticality, graded = text(resource, "criticality"), [text(event, "severity") for event in events]
    if criticality == "high" or "severe" in graded:
        return True
    try:
        if any(_severe_by_itself(shown, tables) for shown in _what_happened(resource, events, tables)):
            return True
    except Misshapen:
        return None
    milder = criticality == "low" or (bool(graded) and all(grade in MILDER for grade in graded))
    return False if milder else None


def _what_happened(resource: Resource, events: Sequence[Mapping[str, Any]], tables: Tables) -> Iterator[CodedText]:
    yield read_coded(struct(resource, "code"), tables)
    for event in events:
        yield from (read_coded(shown, tables) for shown in structs(event, "manifestation"))
        yield CodedText(text=text(event, "description"))


def _severe_by_itself(shown: CodedText, tables: Tables) -> bool:
    rules = [rule for rule in tables.names if rule.concept == SEVERE]
    named = any(rule.matches(words) for words in shown.texts for rule in rules)
    return named or any(_coded_as_severe(coding, tables) for coding in shown.codings)


def _coded_as_severe(coding: Coding, tables: Tables) -> bool:
    prefixes = ((coding.system, prefix) for prefix in beginnings(coding.code))
    return coding.key in tables.manifestations or any(prefix in tables.manifestation_prefixes for prefix in prefixes)
