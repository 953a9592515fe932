"""Requests of the bundled children with one thing changed, and the law that the answer to each must keep.

The number of a mutant alone says which child, which operator and which field: numbers in a row take all children, then
all operators, then one field after the other until each has been visited. A resource that stands under several keys of
the prefetch is changed under all of them.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from cds_service import patients
from tests.fuzz.operators import HARMLESS, OPERATORS, Chance, Law, Operator, Place
from tests.fuzz.service import SERVICES, Call, Json, hook_request

FAR = 7_919  # a prime, so that the next field is another part of the request and none is left out


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed request, the one that it was, and the law of its operator."""

    call: Call
    original: Call
    law: Law


@cache
def children() -> tuple[str, ...]:
    """The bundled children whose order is for intravenous infliximab: with another order nothing is read."""
    return tuple(name for name in patients.names() if patients.load(name).order.drug != "zymfentra")


def mutant(number: int) -> Mutant:
    """The mutant of a number: its child, its operator, then its field; hook and all else by chance."""
    chance = random.Random(number)
    child = children()[number % len(children())]
    rest = number // len(children())
    operator = OPERATORS[rest % len(OPERATORS)]
    hook = chance.choice(list(SERVICES))
    original = original_call(child, hook)
    request = _shared(json.loads(original.body))
    fields = fields_of(request, operator)
    if not fields:
        return Mutant(original, original, Law.SAME)
    field = list(fields)[rest // len(OPERATORS) * FAR % len(fields)]
    operator.change(chance, chance.choice(fields[field]))
    more = chance.choices(HARMLESS, k=chance.choice((0, 0, 0, 1, 2, 3))) if operator in HARMLESS else ()
    for other in more:
        _change_anywhere(chance, request, other)
    told = " and ".join(done.name for done in (operator, *more))
    call = Call(SERVICES[hook], json.dumps(request).encode(), f"{told}: {child}, {hook}, {field}")
    return Mutant(call, original, operator.law)


def _change_anywhere(chance: Chance, request: Json, operator: Operator) -> None:
    fitting = [place for place in places(request) if operator.fits(place)]
    if fitting:
        operator.change(chance, chance.choice(fitting))


@cache
def original_call(child: str, hook: str) -> Call:
    """The request of a child as it is."""
    return Call(SERVICES[hook], json.dumps(hook_request(child, hook)).encode(), f"{child}, {hook}")


def fields_of(request: Json, operator: Operator) -> dict[str, list[Place]]:
    """Every field where an operator has something to change, with the places where it stands."""
    found: defaultdict[str, list[Place]] = defaultdict(list)
    for place in places(request):
        if operator.fits(place):
            found[place.field].append(place)
    return found


def places(request: Json) -> Iterator[Place]:
    """Every member and item, each once."""
    waiting: list[tuple[str, Any]] = [("", request)]
    seen: set[int] = set()
    while waiting:
        field, holder = waiting.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder):
            here = f"{field}.{key}".lstrip(".") if isinstance(holder, dict) else f"{field}[]"
            yield Place(here, holder, key)
            if isinstance(value, dict | list):
                kind = value.get("resourceType") if isinstance(value, dict) else None
                waiting.append((here if kind in (None, "Bundle") else str(kind), value))


def _shared(request: Json) -> Json:
    """The request with each resource of the prefetch once, however many searchsets hold it."""
    first: dict[tuple[str, str], Json] = {}
    for part in request["prefetch"].values():
        for entry in part.get("entry", ()):
            resource = entry["resource"]
            entry["resource"] = first.setdefault((resource["resourceType"], resource["id"]), resource)
    return request
