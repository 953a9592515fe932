"""Whatever is broken in a request, the answer is cards or an OperationOutcome, never 500."""

import copy
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service import patients
from cds_service.app import create_app
from cds_service.hooks import clock
from cds_service.site.settings import Settings

EXPECTED = {200, 400, 412}
ODD: list[Any] = [
    None, "", " ", "x", "x" * 300, "µ\u202e\u0000", "2026-13-45", "0001-01-01", "9999-12-31T23:59:59+14:00", 0, -1,
    1.5, 1e12, 10**19, True, [], {}, [[]], [None], {"reference": "Patient/p2"}, {"resourceType": "Patient"},
    [{"resource": {}}],
]  # fmt: skip


@pytest.fixture(scope="module")
def service() -> FlaskClient:
    return create_app(Settings()).test_client()


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every member and item of a document, as its holder and key."""
    found = []
    pending = [node]
    while pending:
        holder = pending.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        found += [(holder, key) for key in keys]
        pending += [holder[key] for key in keys if isinstance(holder[key], dict | list)]
    return found


@settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(patients.names()),
    hook=st.sampled_from(["order-select", "order-sign", "patient-view"]),
    changes=st.lists(
        st.tuples(st.integers(0, 10**6), st.sampled_from([*ODD, "drop", "repeat"])), min_size=1, max_size=4
    ),
)
def test_a_request_with_broken_members_is_answered(
    name: str, hook: str, changes: list[tuple[int, Any]], service: FlaskClient
) -> None:
    request = copy.deepcopy(patients.hook_request(patients.load(name), hook, clock.now()))
    for number, value in changes:
        places = _places(request)
        holder, key = places[number % len(places)]
        if value == "drop" and isinstance(holder, dict):
            del holder[key]
        elif value == "repeat" and isinstance(holder, list):
            holder.append(holder[key])
        else:
            holder[key] = value
    response = service.post(f"/cds-services/infliximab-{hook}", json=request)
    assert response.status_code in EXPECTED
    answer = response.get_json()
    assert "cards" in answer if response.status_code == 200 else answer["resourceType"] == "OperationOutcome"


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4)), min_size=1, max_size=3))
def test_a_body_with_broken_bytes_is_answered(cuts: list[tuple[int, bytes]], service: FlaskClient) -> None:
    body = json.dumps(patients.hook_request(patients.load("low-trough"), "order-sign", clock.now())).encode()
    for place, piece in cuts:
        body = body[: place % len(body)] + piece + body[place % len(body) + 1 :]
    response = service.post("/cds-services/infliximab-order-sign", data=body, content_type="application/json")
    assert response.status_code in EXPECTED
