"""Conditions to diagnoses: coded entries that a row of the condition table knows.

Question: what is coded, and does it count now? Source: FHIR R4 Condition (clinicalStatus, verificationStatus);
`tables/conditions.csv`, ICD-10-CM by prefix with or without its dot.
"""

from collections.abc import Iterator

from cds_service.clinical.record import ConditionState, DataIssue, Diagnosis, IssueLevel, SuspectedDiagnosis
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, Coding, code_of, read_coded
from fhir_mappings.doubts import Doubt, issue, quote
from fhir_mappings.identity import evidence
from fhir_mappings.scope import Scope
from fhir_mappings.shape import struct
from fhir_mappings.vocabulary import Tables, beginnings

STATES = {
    "active": ConditionState.ACTIVE,
    "recurrence": ConditionState.RECURRENT,
    "relapse": ConditionState.RECURRENT,
    "remission": ConditionState.REMISSION,
    "inactive": ConditionState.INACTIVE,
    "resolved": ConditionState.INACTIVE,
}
REFUTED = frozenset({"refuted", "entered-in-error"})
SUSPECTED = frozenset({"provisional", "differential", "unconfirmed"})
ABOUT = "condition"


def condition_concepts(coding: Coding, tables: Tables) -> frozenset[str]:
    """The rows of the condition table that one code matches; a code without a system is tried as ICD-10-CM."""
    system = coding.system or "icd10cm"
    code = coding.code if coding.system else coding.code.upper().replace(".", "")
    prefixes = beginnings(code) if system == "icd10cm" else ()
    found = [tables.condition_prefixes.get((system, prefix), frozenset()) for prefix in prefixes]
    return tables.conditions.get((system, code), frozenset()).union(*found)


def concepts_of(code: CodedText, tables: Tables) -> frozenset[str]:
    """The rows that any coding of a CodeableConcept matches."""
    return frozenset[str]().union(*(condition_concepts(coding, tables) for coding in code.codings))


def read_condition(resource: Resource, scope: Scope) -> Iterator[Diagnosis | DataIssue]:
    """A Condition as a diagnosis, known or suspected; nothing for one that no row knows. Raises Misshapen."""
    code = read_coded(struct(resource, "code"), scope.tables)
    certainty = code_of(resource, "verificationStatus")
    concepts = concepts_of(code, scope.tables)
    if certainty in REFUTED:
        return
    if not concepts:
        yield from _in_words_only(code, evidence(resource), scope.tables)
        return
    if certainty in SUSPECTED:
        says = f"{quote(code.label)} is only {certainty} and was not counted"
        yield _issue(Doubt("diagnosis-suspected", says, IssueLevel.NOTE), evidence(resource))
        yield from _diagnosis(resource, code, SuspectedDiagnosis, scope)
    else:
        yield from _diagnosis(resource, code, Diagnosis, scope)


def _diagnosis(
    resource: Resource, code: CodedText, kind: type[Diagnosis], scope: Scope
) -> Iterator[Diagnosis | DataIssue]:
    own = evidence(resource)
    matching = next(coding for coding in code.codings if condition_concepts(coding, scope.tables))
    if not matching.system:
        says = f"{quote(matching.written)} names no code system and is read as ICD-10-CM"
        yield _issue(Doubt("code-without-system", says, IssueLevel.NOTE), own)
    status = code_of(resource, "clinicalStatus")
    found = kind(
        concepts=concepts_of(code, scope.tables),
        code=matching.written,
        display=matching.display or code.text or matching.written,
        state=STATES.get(status or "", ConditionState.UNKNOWN),
        evidence=own,
        onset=scope.begin(resource, "onset"),
        recorded=scope.moment(resource, "recordedDate"),
    )
    newest = found.newest_date
    if newest is not None and newest.at > scope.latest:
        yield from scope.ahead(newest, ABOUT, f"The diagnosis {quote(found.display)}", own)
    else:
        yield found


def _in_words_only(code: CodedText, own: str, tables: Tables) -> Iterator[DataIssue]:
    rules = [rule for rule in tables.names if rule.concept == "mentions_crohns"]
    named = next((words for words in code.texts if any(rule.matches(words) for rule in rules)), None)
    if named is not None:
        says = f"{quote(named)} carries no code that is known here and was not counted"
        yield _issue(Doubt("diagnosis-text-only", says, IssueLevel.NOTE), own)


def _issue(doubt: Doubt, own: str) -> DataIssue:
    return issue(doubt, ABOUT, "The diagnosis", own)
