"""Whole hook calls for synthetic children: from the request to the cards, by prefetch and by FHIR server."""

import copy
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service import patients
from cds_service.app import create_app
from cds_service.hooks import clock
from cds_service.site.settings import Fhir, Settings

ORDER_HOOKS = ("order-select", "order-sign")


@pytest.fixture(scope="module")
def service() -> FlaskClient:
    return create_app(Settings(fhir=Fhir(deadline_seconds=10))).test_client()


def _request(name: str, hook: str = "order-sign", **options: Any) -> Any:
    return patients.hook_request(patients.load(name), hook, clock.now(), **options)


def _call(service: FlaskClient, request: Any) -> Any:
    response = service.post(f"/cds-services/infliximab-{request['hook']}", json=request)
    assert response.status_code == 200, response.get_json()
    return response.get_json()


def _refused(service: FlaskClient, request: Any, status: int = 412) -> str:
    response = service.post(f"/cds-services/infliximab-{request['hook']}", json=request)
    assert response.status_code == status
    assert response.get_json()["resourceType"] == "OperationOutcome"
    return " ".join(issue["diagnostics"] for issue in response.get_json()["issue"])


@pytest.mark.parametrize("hook", ORDER_HOOKS)
def test_a_low_trough_gives_one_card_with_a_shorter_interval(hook: str, service: FlaskClient) -> None:
    (card,) = _call(service, _request("low-trough", hook))["cards"]
    assert "every 5 weeks" in card["summary"]
    assert card["suggestions"][0]["actions"][0]["type"] == "update"
    assert card["selectionBehavior"] == "at-most-one"


def test_patient_view_gives_the_card_without_suggestions(service: FlaskClient) -> None:
    (card,) = _call(service, _request("low-trough", "patient-view"))["cards"]
    assert "suggestions" not in card


@pytest.mark.parametrize("name", patients.names())
def test_the_fhir_server_gives_the_same_cards_as_the_prefetch(name: str, service: FlaskClient, ehr: Any) -> None:
    now, child = clock.now(), patients.load(name)
    ehr.holds(*patients.resources(child, now))
    prefetched = patients.hook_request(child, "order-sign", now)
    bare = patients.hook_request(child, "order-sign", now, prefetch=False, fhir_server=ehr.base)
    assert _call(service, bare) == _call(service, prefetched)


def test_an_order_select_without_medication_or_intent_is_silent(service: FlaskClient) -> None:
    request = _request("low-trough", "order-select")
    draft = {"resourceType": "MedicationRequest", "id": "draft", "status": "draft", "category": {"coding": []}}
    request["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
    assert _call(service, request) == {"cards": []}


def test_other_orders_are_silent_and_leave_the_chart_alone(service: FlaskClient, ehr: Any) -> None:
    request = _request("low-trough", prefetch=False, fhir_server=ehr.base)
    draft = {
        "resourceType": "MedicationRequest",
        "subject": {"reference": "Patient/ifxcds-low-trough"},
        "medicationCodeableConcept": {"text": "Amoxicillin 500 mg"},
    }
    request["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
    assert _call(service, request) == {"cards": []}
    assert ehr.requests == []


def _first_draft(request: Any) -> Any:
    return request["context"]["draftOrders"]["entry"][0]["resource"]


def test_every_infliximab_order_is_examined_and_gets_its_own_card(service: FlaskClient) -> None:
    request = _request("low-trough")
    second = copy.deepcopy(request["context"]["draftOrders"]["entry"][0])
    second["resource"]["id"] = "second"
    request["context"]["draftOrders"]["entry"].append(second)
    cards = _call(service, request)["cards"]
    assert [c["suggestions"][0]["actions"][0]["resource"]["id"] for c in cards] == [
        _first_draft(request)["id"],
        "second",
    ]


def test_a_draft_without_a_subject_is_used_and_the_card_says_so(service: FlaskClient) -> None:
    request = _request("low-trough")
    del _first_draft(request)["subject"]
    (card,) = _call(service, request)["cards"]
    assert "names no patient" in card["detail"]


def test_a_draft_for_another_patient_is_412_without_a_card(service: FlaskClient) -> None:
    request = _request("low-trough")
    _first_draft(request)["subject"] = {"reference": "Patient/someone-else"}
    assert "another patient" in _refused(service, request)


def test_a_token_for_another_patient_is_412_without_a_card(service: FlaskClient) -> None:
    request = _request("low-trough")
    request["fhirAuthorization"] = {"access_token": "a", "token_type": "Bearer", "patient": "someone-else"}
    assert "not the patient of the context" in _refused(service, request)


def test_a_foreign_result_is_412_without_a_card(service: FlaskClient) -> None:
    request = _request("low-trough")
    request["prefetch"]["laboratory"]["entry"][0]["resource"]["subject"] = {"reference": "Patient/someone-else"}
    assert "another patient" in _refused(service, request)


def _order_by_reference_only(request: Any, reference: str) -> Any:
    draft = _first_draft(request)
    draft.pop("medicationCodeableConcept")
    draft["medicationReference"] = {"reference": reference}
    return draft


def test_a_drug_that_is_only_a_reference_is_read_from_the_server(service: FlaskClient, ehr: Any) -> None:
    request = _request("low-trough", fhir_server=ehr.base)
    drug = {"code": _first_draft(request)["medicationCodeableConcept"]}
    _order_by_reference_only(request, "Medication/ifx")
    ehr.holds({"resourceType": "Medication", "id": "ifx", **drug})
    assert len(_call(service, request)["cards"]) == 1
    assert "Medication/ifx" in ehr.asked()


def test_a_drug_that_is_only_a_reference_and_not_to_be_had_is_412(service: FlaskClient, ehr: Any) -> None:
    request = _request("low-trough")
    _order_by_reference_only(request, "Medication/ifx")
    assert "only a reference, and no fhirServer given" in _refused(service, request)
    request["fhirServer"] = ehr.base
    assert "only a reference, and the FHIR server did not give it" in _refused(service, request)


def test_a_drug_among_the_draft_orders_needs_no_server(service: FlaskClient) -> None:
    request = _request("low-trough")
    drug = {"resourceType": "Medication", "code": _first_draft(request)["medicationCodeableConcept"]}
    _order_by_reference_only(request, "Medication/ifx")
    request["context"]["draftOrders"]["entry"].append({"resource": {**drug, "id": "ifx"}})
    assert len(_call(service, request)["cards"]) == 1
    _first_draft(request)["medicationReference"] = {"reference": "urn:uuid:7"}
    request["context"]["draftOrders"]["entry"][-1] = {"fullUrl": "urn:uuid:7", "resource": drug}
    assert len(_call(service, request)["cards"]) == 1


def test_a_failing_optional_part_still_gives_the_card(service: FlaskClient) -> None:
    request = _request("low-trough")
    del request["prefetch"]["allergies"]
    (card,) = _call(service, request)["cards"]
    assert "allerg" in card["detail"]


def test_a_failing_required_part_is_412_and_named(service: FlaskClient) -> None:
    request = _request("low-trough")
    request["prefetch"]["conditions"] = "<html>"
    assert "diagnoses (conditions): prefetched, but a string came" in _refused(service, request)


def test_a_hanging_server_is_412_within_the_deadline(ehr: Any, synthetic: Any) -> None:
    def hang(_: Any) -> Any:
        time.sleep(1.2)
        return synthetic.answer(synthetic.searchset())

    ehr.quirks["Observation"] = hang
    ehr.holds({"resourceType": "Patient", "id": "ifxcds-low-trough"})
    hasty = create_app(Settings(fhir=Fhir(deadline_seconds=0.5))).test_client()
    request = _request("low-trough", prefetch=False, fhir_server=ehr.base)
    begin = time.monotonic()
    assert "no answer within 0.4 s" in _refused(hasty, request)
    assert time.monotonic() - begin < 0.6


def test_the_same_call_twice_gives_the_same_answer(service: FlaskClient) -> None:
    request = _request("low-trough")
    assert _call(service, request) == _call(service, request)


def test_calls_at_the_same_time_never_mix_children() -> None:
    app = create_app(Settings(fhir=Fhir(deadline_seconds=10)))
    requests = [_request(name) for name in ("low-trough", "antibody-high", "near-target")] * 20
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda request: _call(app.test_client(), request), requests))
    alone = [_call(app.test_client(), request) for request in requests[:3]]
    assert answers == alone * 20
    assert len({answer["cards"][0]["summary"] for answer in alone}) == 3


@pytest.mark.parametrize("hook", [*ORDER_HOOKS, "patient-view"])
@pytest.mark.parametrize("name", patients.names())
def test_every_bundled_child_is_answered(name: str, hook: str, service: FlaskClient) -> None:
    answer = _call(service, _request(name, hook))
    assert len(answer["cards"]) <= 1
    assert "null" not in json.dumps(answer)
