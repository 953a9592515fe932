"""Whatever happens to the bytes of a valid request, the answer has a documented status and form: the quick profile."""

import pytest

from tests.fuzz.service import Service
from tests.fuzz.spoiled_bytes import OPERATORS, Bodies, attack_bytes, spoiled_call, valid_bodies

PORTION = 500


@pytest.fixture(scope="module")
def service() -> Service:
    return Service()


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    return valid_bodies()


@pytest.mark.parametrize("first", range(0, 2_000, PORTION))
def test_a_body_with_spoiled_bytes_is_cards_or_an_operation_outcome(
    first: int, service: Service, bodies: Bodies
) -> None:
    seen = attack_bytes(service, range(first, first + PORTION), bodies)
    assert seen.findings == []
    assert {200, 400} <= seen.statuses.keys()  # some come through, or nothing behind the gate would be tried


def test_a_seed_says_all_about_a_spoiled_body(bodies: Bodies) -> None:
    assert [spoiled_call(seed, bodies) for seed in range(20)] == [spoiled_call(seed, bodies) for seed in range(20)]


def test_two_thousand_seeds_use_every_operator_and_spoil_nearly_every_body(bodies: Bodies) -> None:
    calls = [spoiled_call(seed, bodies) for seed in range(2_000)]
    assert {name for call in calls for name in call.told.split()} == {one.__name__ for one in OPERATORS}
    valid = {body for _, body in bodies}
    assert sum(call.body in valid for call in calls) < 40
