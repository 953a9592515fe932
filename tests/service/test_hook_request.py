"""Strict where CDS Hooks says REQUIRED, tolerant of the imperfect FHIR inside."""

from typing import Any

import pytest

from cds_service.errors import BadHookRequest
from cds_service.hooks.request import read_hook_request

ORDER = {"resourceType": "MedicationRequest", "id": "draft-1"}


def _request(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "PractitionerRole/a.b-c",
            "patientId": "p1",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": ORDER}]},
        },
    }
    for path, value in changes.items():
        holder, *names = path.split("__")
        if names:
            body.setdefault(holder, {})[names[0]] = value
        else:
            body[holder] = value
    return body


def test_a_whole_request_is_read() -> None:
    request = read_hook_request(
        _request(
            fhirServer="https://fhir.example/r4",
            fhirAuthorization={"access_token": "canary", "token_type": "Bearer", "patient": "p1", "expires_in": 300},
            context__encounterId="e1",
            context__selections=["MedicationRequest/draft-1"],
            prefetch={"patient": None},
            extension={"com.example.anything": 1},
        ),
        "order-sign",
    )
    assert (request.hook, request.patient_id, request.user_id) == ("order-sign", "p1", "PractitionerRole/a.b-c")
    assert (request.encounter_id, request.fhir_server) == ("e1", "https://fhir.example/r4")
    assert (request.token, request.token_patient) == ("canary", "p1")
    assert (request.drafts, request.selections) == ((ORDER,), ("MedicationRequest/draft-1",))
    assert request.prefetch == {"patient": None}


def test_neither_token_nor_patient_are_in_the_repr() -> None:
    request = read_hook_request(
        _request(fhirAuthorization={"access_token": "canary", "patient": "p1-canary"}, context__patientId="p1-canary"),
        "order-sign",
    )
    assert "canary" not in repr(request)


@pytest.mark.parametrize("hook", ["order-select", "order-sign", "patient-view"])
def test_an_empty_context_lacks_whatever_is_required(hook: str) -> None:
    with pytest.raises(BadHookRequest) as refused:
        read_hook_request(_request(hook=hook, context={}), hook)
    lacking = {line.partition(":")[0] for line in refused.value.diagnostics}
    orders = set() if hook == "patient-view" else {"context.draftOrders"}
    assert lacking == {"context.patientId", "context.userId"} | orders


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hook": None}, "hook: a string expected, it is missing"),
        ({"hook": 7}, "hook: a string expected, got a number"),
        ({"hook": "order-select"}, "hook: 'order-sign' expected at this address, got 'order-select'"),
        ({"hookInstance": None}, "hookInstance: a string expected, it is missing"),
        ({"hookInstance": ""}, "hookInstance: a string expected, it is empty"),
        ({"hookInstance": {}}, "hookInstance: a string expected, got an object"),
        ({"context": None}, "context: an object expected, it is missing"),
        ({"context": []}, "context: an object expected, got a list"),
        ({"context__userId": None}, "context.userId: a string expected, it is missing"),
        ({"context__patientId": None}, "context.patientId: a string expected, it is missing"),
        ({"context__patientId": True}, "context.patientId: a string expected, got a truth value"),
        ({"context__patientId": "Patient/p1"}, "context.patientId: the id of a FHIR Patient"),
        ({"context__patientId": ".."}, "context.patientId: the id of a FHIR Patient"),
        ({"context__patientId": "p1\n"}, "context.patientId: the id of a FHIR Patient"),
        ({"context__patientId": "x" * 257}, "context.patientId: the id of a FHIR Patient"),
        ({"context__encounterId": 3}, "context.encounterId: a string expected"),
        ({"context__draftOrders": None}, "context.draftOrders: an object expected, it is missing"),
        ({"context__draftOrders": ORDER}, "context.draftOrders.resourceType: 'Bundle' expected, got 'Med"),
        (
            {"context__draftOrders": {"resourceType": "J. Doe"}},
            "context.draftOrders.resourceType: 'Bundle' expected, got a string",
        ),
        (
            {"context__draftOrders": {"resourceType": "Bundle", "entry": [{"resource": {"id": "1"}}]}},
            "context.draftOrders.entry[0].resource.resourceType: a string expected, it is missing",
        ),
        ({"context__draftOrders": {}}, "context.draftOrders.resourceType: 'Bundle' expected, it is missing"),
        (
            {"context__draftOrders": {"resourceType": "Bundle", "entry": {}}},
            "context.draftOrders.entry: a list expected, got an object",
        ),
        (
            {"context__draftOrders": {"resourceType": "Bundle", "entry": [{"resource": ORDER}, "x"]}},
            "context.draftOrders.entry[1]: an object expected, got a string",
        ),
        (
            {"context__draftOrders": {"resourceType": "Bundle", "entry": [{}]}},
            "context.draftOrders.entry[0].resource: an object expected, it is missing",
        ),
        ({"context__selections": "MedicationRequest/1"}, "context.selections: a list expected, got a string"),
        ({"context__selections": [1]}, "context.selections[0]: a string expected, got a number"),
        ({"prefetch": []}, "prefetch: an object expected, got a list"),
        ({"fhirServer": 1}, "fhirServer: a string expected"),
        ({"fhirAuthorization": "token"}, "fhirAuthorization: an object expected"),
        ({"fhirAuthorization__access_token": 7}, "fhirAuthorization.access_token: a string expected"),
        ({"fhirAuthorization__access_token": "a\r\nX: y"}, "fhirAuthorization.access_token: printable"),
        (
            {"fhirAuthorization": {"access_token": "a", "token_type": "mac"}},
            "fhirAuthorization.token_type: 'Bearer' expected",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadHookRequest) as refused:
        read_hook_request(_request(**changes), "order-sign")
    assert len(refused.value.diagnostics) == 1
    assert refused.value.diagnostics[0].startswith(named)


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(BadHookRequest) as refused:
        read_hook_request({"hook": "order-sign", "context": {"selections": []}}, "order-sign")
    assert [line.split(":")[0] for line in refused.value.diagnostics] == [
        "hookInstance",
        "context.patientId",
        "context.userId",
        "context.draftOrders",
    ]


@pytest.mark.parametrize("body", [None, [], "x", 7, True])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(BadHookRequest, match="body: an object expected"):
        read_hook_request(body, "order-sign")


@pytest.mark.parametrize(
    "changes",
    [
        {"prefetch": None},
        {"fhirServer": None, "fhirAuthorization": None},
        {"fhirServer": ""},
        {"fhirAuthorization": {"access_token": "", "token_type": "Bearer"}},
        {"context__encounterId": None},
        {"context__selections": None},
        {"context__userId": "Practitioner/1"},
        {"hookInstance": "not-a-uuid"},
        {"context__draftOrders": {"resourceType": "Bundle"}},
        {"context__draftOrders": {"resourceType": "Bundle", "entry": None}},
        {"context__patientId": "e" + "Ab3.-" * 38 + "xyz"},
        {"unheard": {"of": [None]}},
    ],
)
def test_what_may_be_absent_or_imperfect_is_accepted(changes: dict[str, Any]) -> None:
    request = read_hook_request(_request(**changes), "order-sign")
    assert request.token is None


def test_patient_view_needs_no_orders_and_reads_none() -> None:
    request = read_hook_request(_request(hook="patient-view", context__draftOrders=None), "patient-view")
    assert request.draft_orders is None
    assert request.drafts == ()
