"""Requests that the OpenAPI file allows are answered, others refused, all in the form that it gives: quick profile."""

import pytest

from tests.fuzz.operations import CAMPAIGNS, examine


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_an_operation_is_as_described(name: str) -> None:
    statuses = examine(name, 15)
    assert statuses.total() >= 15
    assert ({200, 412} & statuses.keys() == set()) == name.endswith("forbidden")
