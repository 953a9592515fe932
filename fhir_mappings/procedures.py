"""Procedures that tell of an active perianal fistula: a seton, an MRI of the pelvis, an examination under anaesthesia.

Question: what was done, and when? Source: FHIR R4 Procedure (status, code, performed[x]); `tables/procedures.csv`. What
was only planned does not count, and what is only named in words counts where the site says so: many surgical systems
write free text, and so do referrals.
"""

from collections.abc import Iterator

from cds_service.clinical.record import DataIssue, IssueLevel, Procedure
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, Coding, read_coded
from fhir_mappings.doubts import Doubt, SeenByName, issue, quote
from fhir_mappings.identity import evidence
from fhir_mappings.inferred import Inferred, infer_from_procedure
from fhir_mappings.scope import Scope
from fhir_mappings.shape import struct, text
from fhir_mappings.vocabulary import ProcedureCode, Tables, beginnings

DONE = frozenset({"completed", "in-progress"})
NOT_DONE = frozenset({"preparation", "not-done", "entered-in-error"})
PERIANAL, NAMED = "perianal_procedure", "mentions_perianal_procedure"


def read_procedure(resource: Resource, scope: Scope) -> Iterator[Procedure | Inferred | SeenByName | DataIssue]:
    """A procedure that a row knows, or that is named in words, or gave infliximab; nothing else. Raises Misshapen."""
    if text(resource, "status") in NOT_DONE:
        return
    yield from infer_from_procedure(resource, scope)
    code = read_coded(struct(resource, "code"), scope.tables)
    known = [(coding, row) for coding in code.codings if (row := _row(coding, scope.tables))]
    if known:
        coding, row = known[0]
        yield from _done(resource, row, coding.written, scope)
    elif (named := _named(code, scope.tables)) is not None:
        yield from _by_name(resource, named, scope)


def _row(coding: Coding, tables: Tables) -> ProcedureCode | None:
    whole = tables.procedures.get(coding.key)
    prefixes = reversed(beginnings(coding.code))
    return whole or next((row for p in prefixes if (row := tables.procedure_prefixes.get((coding.system, p)))), None)


def _named(code: CodedText, tables: Tables) -> str | None:
    rules = [rule for rule in tables.names if rule.concept == NAMED]
    return next((words for words in code.texts if any(rule.matches(words) for rule in rules)), None)


def _by_name(resource: Resource, named: str, scope: Scope) -> Iterator[Procedure | SeenByName | DataIssue]:
    found = list(_done(resource, ProcedureCode(PERIANAL, quote(named)), quote(named), scope))
    if not any(isinstance(item, Procedure) for item in found):
        return
    if scope.procedure_by_name:
        yield SeenByName(PERIANAL, named)
        yield from found
    else:
        says = f"is only named ({quote(named)}): a row in procedures.csv is needed to count it"
        yield issue(Doubt("procedure-by-name-only", says, IssueLevel.NOTE), PERIANAL, "A perianal procedure")


def _done(resource: Resource, row: ProcedureCode, code: str, scope: Scope) -> Iterator[Procedure | DataIssue]:
    own, status, at = evidence(resource), text(resource, "status") or "missing", scope.begin(resource, "performed")
    subject = f"A procedure ({row.title})"
    if status not in DONE:
        doubt = Doubt("status-unknown", f"has the status {quote(status)} and was not counted", IssueLevel.NOTE)
        yield issue(doubt, row.concept, subject, own)
    elif at is None:
        doubt = Doubt("procedure-without-date", "has no usable date and was not counted", IssueLevel.NOTE)
        yield issue(doubt, row.concept, subject, own)
    elif not scope.sees(at):
        yield from scope.ahead(at, row.concept, "The procedure", own)
    else:
        yield Procedure(row.concept, row.title, code, at, own)
