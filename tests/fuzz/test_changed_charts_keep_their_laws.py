"""One thing of a chart is changed: the answer has a documented form and keeps the law of the change (quick profile)."""

import json

import pytest

from tests.fuzz.laws import attack_charts
from tests.fuzz.mutants import children, fields_of, mutant, original_call
from tests.fuzz.operators import OPERATORS, Operator
from tests.fuzz.service import Service

STRIDE = 379  # a prime: neighbours among these numbers differ in child, operator and field
COUNT, PORTIONS = 480, 4


@pytest.fixture(scope="module")
def service() -> Service:
    return Service()


@pytest.mark.parametrize("portion", range(PORTIONS))
def test_a_changed_chart_is_answered_as_its_law_says(portion: int, service: Service) -> None:
    seen = attack_charts(service, range(portion * STRIDE, COUNT * STRIDE, PORTIONS * STRIDE))
    assert seen.statuses.total() == COUNT / PORTIONS
    assert seen.findings == []


def test_the_numbers_of_the_quick_profile_reach_every_child_and_every_operator() -> None:
    numbers = range(0, COUNT * STRIDE, STRIDE)
    assert {number % len(children()) for number in numbers} == set(range(len(children())))
    assert {number // len(children()) % len(OPERATORS) for number in numbers} == set(range(len(OPERATORS)))


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_every_operator_finds_something_to_change_in_every_child(operator: Operator) -> None:
    requests = {child: json.loads(original_call(child, "order-sign").body) for child in children()}
    assert [child for child, request in requests.items() if not fields_of(request, operator)] == []


def test_a_mutant_is_not_its_original_and_says_what_it_is() -> None:
    numbers = range(0, len(children()) * len(OPERATORS), 9)
    mutants = [mutant(number) for number in numbers]
    assert sum(made.call.body == made.original.body for made in mutants) < len(mutants) / 50
    assert [made.call for made in mutants[:20]] == [mutant(number).call for number in numbers[:20]]


def test_a_resource_that_stands_under_several_keys_is_changed_under_all_of_them() -> None:
    number = next(n for n in range(10_000) if mutant(n).call.told.startswith("equivalent unit: low-trough"))
    changed = json.loads(mutant(number).call.body)["prefetch"]
    for name in ("laboratory", "levels", "scores", "weight"):
        rows = {entry["resource"]["id"]: entry["resource"] for entry in changed[name]["entry"]}
        everywhere = {entry["resource"]["id"]: entry["resource"] for entry in changed["scores"]["entry"]}
        assert all(everywhere.get(identity, row) == row for identity, row in rows.items())
