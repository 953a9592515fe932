"""Answers to questionnaires: the activity scores among them, each read as if it were an observation.

Question: which score did the team or the family write into a form? Source: FHIR R4 QuestionnaireResponse (status,
authored, item.text, item.answer). Only scores are read: nobody answers a form with a drug level.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from fhir_mappings.chart import Resource
from fhir_mappings.identity import evidence
from fhir_mappings.observations import SCORES, Result, read_one
from fhir_mappings.recognition import Recognised, recognise_part
from fhir_mappings.scope import Scope
from fhir_mappings.shape import structs, text

# What the status of the form says of an answer, as the status of an Observation; any other stays as it is.
STATUSES = {"completed": "final", "in-progress": "preliminary"}

Item = tuple[Mapping[str, Any], Recognised | None]


def read_answers(resource: Resource, scope: Scope) -> Iterator[Result]:
    """The scores among the answers of one form, dated by when it was written. Raises Misshapen."""
    status = text(resource, "status") or "missing"
    shared = {"effectiveDateTime": text(resource, "authored"), "status": STATUSES.get(status, status)}
    for number, (item, whole) in enumerate(_items(resource, scope), 1):
        code, found = recognise_part({"text": text(item, "text")}, whole, scope.tables)
        if found is not None and found.concept.search == SCORES:
            place = f"{evidence(resource)}#item-{number}"
            for answer in structs(item, "answer"):
                value = {member: answer[member] for member in answer if member.startswith("value")}
                yield from read_one({**shared, **value}, code, found, place, scope)


def _items(resource: Resource, scope: Scope) -> Iterator[Item]:
    """Every item, group by group, with the score that the group around it is about."""
    waiting: deque[Item] = deque((item, None) for item in structs(resource, "item"))
    while waiting:
        item, whole = waiting.popleft()
        yield item, whole
        _, own = recognise_part({"text": text(item, "text")}, whole, scope.tables)
        waiting.extend((inner, own or whole) for inner in structs(item, "item"))
