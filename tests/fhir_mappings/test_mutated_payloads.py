"""Any field of any payload may be gone, null, of another type, nested without end, huge or odd.

Nothing raises, the spoiled resource is one issue at most, and all that its neighbours say stays as it was.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fhir_mappings.charts import condition, infusion, level, read
from tests.fhir_mappings.payload_files import FACTS, Payload, payloads, told
from tests.fhir_mappings.test_malformed import changed, paths

PAYLOADS = [payload for payload in payloads() if "tables" not in payload.told]
RESOURCES = {payload.says: payload.resources for payload in PAYLOADS}
GONE = object()
POINTED_TO = ("Medication", "Specimen")  # their neighbours read through them, and may rightly change


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = {"extension": [inner]}
    return inner


ODD = [
    GONE,
    None,
    True,
    [],
    {},
    [[]],
    [None],
    "",
    "\u0000",
    "\ud800",
    "x" * 100_000,
    "'; drop table--",
    "1:99999999999999999999",
    "9" * 5_000,
    -1,
    10**400,
    1e308,
    float("nan"),
    float("-inf"),
    "0001-01-01",
    "9999-12-31T23:59:59.999999999Z",
    "2026-11-20T24:00:00Z",
    "2026-02-30",
    nested(50, "x"),
    nested(20_000, "x"),
]


def spoiled(resource: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copied = changed(resource, path, None)
    holder: Any = copied
    for step in path[:-1]:
        holder = holder[step]
    if value is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return copied


def said(record: Any, *, of_none: str) -> Counter[str]:
    """Everything a record holds about other resources, each fact as it would be written."""
    found = told(record)
    facts = [(name, fact) for name in FACTS for fact in found.get(name, ())]
    return Counter(f"{name} {fact}" for name, fact in facts if not fact["evidence"].startswith(of_none))


def check(payload: Payload, index: int, mutant: dict[str, Any]) -> None:
    original = RESOURCES[payload.says][index]
    own = f"{original['resourceType']}/{original['id']}"
    record = read(mutant, *others(payload, index), **payload.told.get("options", {}))
    if original["resourceType"] not in POINTED_TO:
        assert said_without(payload.says, index, own) <= said(record, of_none=own)
    assert "DrugLevel" in [type(one).__name__ for one in record.levels if one.evidence == "Observation/n"]
    assert [one.code for one in record.issues].count("resource-unreadable") <= 1 + _unreadable(payload)
    assert all(one.message.isprintable() for one in record.issues)


def others(payload: Payload, index: int) -> list[dict[str, Any]]:
    resources = RESOURCES[payload.says]
    return [*resources[:index], *resources[index + 1 :], level(id="n"), infusion(id="n"), condition({}, id="n")]


@lru_cache
def said_without(says: str, index: int, own: str) -> Counter[str]:
    payload = next(one for one in PAYLOADS if one.says == says)
    return said(read(*others(payload, index), **payload.told.get("options", {})), of_none=own)


def _unreadable(payload: Payload) -> int:
    return sum("resource-unreadable" in one for one in payload.told["issues"])


def places(payload: Payload) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for index, resource in enumerate(RESOURCES[payload.says]):
        yield from ((index, path) for path in paths(resource))


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.says)
def test_a_field_that_is_gone_or_null_costs_no_neighbour(payload: Payload) -> None:
    for index, path in places(payload):
        for value in (GONE, None):
            check(payload, index, spoiled(RESOURCES[payload.says][index], path, value))


@settings(max_examples=400, deadline=None)
@given(payload=st.sampled_from(PAYLOADS), data=st.data())
def test_a_field_that_is_odd_costs_no_neighbour(payload: Payload, data: st.DataObject) -> None:
    index, path = data.draw(st.sampled_from(list(places(payload))))
    check(payload, index, spoiled(RESOURCES[payload.says][index], path, data.draw(st.sampled_from(ODD))))


@pytest.mark.parametrize("value", range(len(ODD)))
def test_every_odd_value_stands_once_in_every_field_of_one_payload(value: int) -> None:
    rich = next(payload for payload in PAYLOADS if payload.path.stem.startswith("level-and-antibody-as-components"))
    bag = next(payload for payload in PAYLOADS if payload.path.stem.startswith("the-minutes-of-the-extension"))
    for payload in (rich, bag):
        for index, path in places(payload):
            check(payload, index, spoiled(RESOURCES[payload.says][index], path, ODD[value]))


def test_two_copies_that_are_nested_without_end_are_one_resource() -> None:
    deep = [level(extension=[nested(20_000, n)]) for n in range(2)]
    assert [one.evidence for one in read(*deep).levels] == ["Observation/level-1"]
    unnamed = [{key: value for key, value in one.items() if key != "id"} for one in deep]
    assert {one.evidence for one in read(*unnamed).levels} == {"Observation/(no id)"}
