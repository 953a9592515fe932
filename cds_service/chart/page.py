"""One page of an answer: a resource or a searchset as it came, sorted into what it may be.

Question: is this data, a note, or a failure that only looks like an answer?
Source: FHIR R4 Bundle (search.mode), OperationOutcome.issue.severity; CDS Hooks 2.0.1 prefetch.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from cds_service.clinical.record import DataIssue, IssueLevel
from fhir_mappings.chart import Resource
from fhir_mappings.searches import POINTED_TO, Search

HARMLESS = frozenset({"information", "warning", "success"})  # severities that leave the data usable


@dataclass(frozen=True, slots=True)
class Failure:
    """A part that could not be had; `reason` completes the sentence "laboratory results: ...".

    `again_in` is after how many seconds the server may answer the same question; None where it would say the same.
    """

    reason: str
    again_in: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Page:
    """What one page held. `included` are Medications and Specimens that came along, `next_link` is verbatim."""

    resources: tuple[Resource, ...] = ()
    included: tuple[Resource, ...] = ()
    next_link: str | None = None
    issues: tuple[DataIssue, ...] = ()


def read_page(value: object, search: Search) -> Page | Failure:
    """One answer to a search. A Failure names what came instead; nothing that was sent raises."""
    if not isinstance(value, dict):
        return Failure(f"a {_kind(value)} came instead of a FHIR resource")
    found = value.get("resourceType")
    if found == "OperationOutcome":
        return _failure(value) or _remark_alone(value, search)
    if search.resource_type == "Patient":
        return Page((value,)) if found == "Patient" else Failure(f"{_named(found)} came instead of a Patient")
    rows = [] if value.get("entry") is None else value["entry"]
    if found != "Bundle" or not isinstance(rows, list):
        return Failure(f"{_named(found)} came instead of a Bundle with a list of entries")
    return _read_entries(value, rows, search)


def _remark_alone(outcome: Resource, search: Search) -> Page | Failure:
    if search.resource_type == "Patient":
        return Failure("an OperationOutcome came instead of a Patient")
    return Page(issues=(_note(search, outcome),))


def _read_entries(bundle: Resource, rows: list[Any], search: Search) -> Page | Failure:
    found = _by_type(rows)
    outcomes = found.get("OperationOutcome", ())
    for outcome in outcomes:
        failure = _failure(outcome)
        if failure:
            return failure
    issues = [_note(search, outcome) for outcome in outcomes]
    if None in found:
        issues.append(_unreadable(search, len(found[None])))
    included = tuple(resource for kind in POINTED_TO for resource in found.get(kind, ()))
    return Page(tuple(found.get(search.resource_type, ())), included, _next_link(bundle), tuple(issues))


def _by_type(rows: list[Any]) -> dict[str | None, list[Any]]:
    """The resources of some entries by their type, and what is no resource under None."""
    found: defaultdict[str | None, list[Any]] = defaultdict(list)
    for row in rows:
        resource = row.get("resource") if isinstance(row, dict) else None
        resource_type = resource.get("resourceType") if isinstance(resource, dict) else None
        found[resource_type if isinstance(resource_type, str) else None].append(resource)
    return found


def _failure(outcome: Resource) -> Failure | None:
    # One without a readable severity counts as failed.
    severities = _of_issues(outcome, "severity")
    if severities and all(severity in HARMLESS for severity in severities):
        return None
    codes = ", ".join(dict.fromkeys(_of_issues(outcome, "code"))) or "no code"
    return Failure(f"an OperationOutcome came instead of data ({codes})")


def _note(search: Search, outcome: Resource) -> DataIssue:
    codes = ", ".join(dict.fromkeys(_of_issues(outcome, "code"))) or "no code"
    message = f"The EHR added a remark to its answer about {search.title} ({codes})."
    return DataIssue("ehr-remark", search.name, IssueLevel.NOTE, message)


def _unreadable(search: Search, count: int) -> DataIssue:
    message = f"{count} of the entries sent for {search.title} held no FHIR resource and could not be read."
    return DataIssue("unreadable-entry", search.name, IssueLevel.LIMITING, message)


def _of_issues(outcome: Resource, member: str) -> list[str]:
    issues = outcome.get("issue")
    rows = issues if isinstance(issues, list) else []
    return [_code(row.get(member) if isinstance(row, dict) else None) for row in rows]


def _code(value: object) -> str:
    # What is no code reads as unknown: never as harmless, and never printed as sent.
    is_code = isinstance(value, str) and len(value) < 40 and value.replace("-", "").isalpha()
    return value if isinstance(value, str) and is_code else "unknown"


def _next_link(bundle: Resource) -> str | None:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next":
            url = link.get("url")
            return url if isinstance(url, str) else ""  # there is more, but nobody can say where
    return None


def _kind(value: Any) -> str:
    names = {str: "string", list: "list", bool: "truth value", type(None): "null"}
    return names.get(type(value), "number")


def _named(resource_type: object) -> str:
    plain = isinstance(resource_type, str) and resource_type.isalpha() and len(resource_type) < 60
    return f"a resource of type {resource_type}" if plain else "something without a resource type"
