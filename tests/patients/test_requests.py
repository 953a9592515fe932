"""The hook requests and the transaction of the bundled children."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service.patients import draft_orders, hook_request, load, names, resources, transaction
from cds_service.patients.serve import searchset
from fhir_mappings.searches import load_searches

AS_OF = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HOOKS = ("order-select", "order-sign", "patient-view")


def resource_references(value: Any) -> set[str]:
    """Every literal reference in a resource, contained ones left out."""
    if isinstance(value, dict):
        held = {value["reference"]} if isinstance(value.get("reference"), str) else set()
        return held.union(*(resource_references(child) for child in value.values()))
    if isinstance(value, list):
        return set().union(*(resource_references(child) for child in value))
    return set()


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("name", names())
def test_every_request_is_whole_and_its_fhir_parts_are_valid(name: str, hook: str) -> None:
    request = hook_request(load(name), hook, AS_OF)
    assert request["hook"] == hook
    assert uuid.UUID(request["hookInstance"]).version == 5
    assert request["context"]["patientId"] == load(name).id
    assert request["context"]["userId"].startswith("Practitioner/")
    assert set(request["prefetch"]) == {search.name for search in load_searches()}
    for resource in (*request["prefetch"].values(), request["context"].get("draftOrders")):
        if resource is not None:
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("name", names())
def test_order_select_points_to_a_draft_that_is_in_the_bundle(name: str) -> None:
    context = hook_request(load(name), "order-select", AS_OF)["context"]
    drafts = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in context["draftOrders"]["entry"]}
    assert set(context["selections"]) <= drafts


def test_patient_view_and_order_sign_have_no_selections() -> None:
    assert set(hook_request(load("low-trough"), "patient-view", AS_OF)["context"]) == {"userId", "patientId"}
    assert "selections" not in hook_request(load("low-trough"), "order-sign", AS_OF)["context"]


def test_a_request_can_carry_a_server_and_no_prefetch() -> None:
    request = hook_request(
        load("low-trough"), "order-sign", AS_OF, prefetch=False, fhir_server="http://127.0.0.1:8/fhir"
    )
    assert request["fhirServer"] == "http://127.0.0.1:8/fhir"
    assert "prefetch" not in request


def test_a_hook_that_we_do_not_serve_is_refused() -> None:
    with pytest.raises(ValueError, match="order-dispatch"):
        hook_request(load("low-trough"), "order-dispatch", AS_OF)


def test_the_same_instant_gives_the_same_request_and_each_hook_its_own_instance() -> None:
    patient = load("low-trough")
    assert hook_request(patient, "order-sign", AS_OF) == hook_request(patient, "order-sign", AS_OF)
    instances = {hook_request(load(name), hook, AS_OF)["hookInstance"] for name in names() for hook in HOOKS}
    assert len(instances) == len(names()) * len(HOOKS)


@pytest.mark.parametrize("name", names())
def test_the_prefetch_holds_the_whole_chart(name: str) -> None:
    prefetch = hook_request(load(name), "order-sign", AS_OF)["prefetch"]
    bundles = (part for part in prefetch.values() if part["resourceType"] == "Bundle")
    sent = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for part in bundles for e in part.get("entry", ())}
    chart = {f"{r['resourceType']}/{r['id']}" for r in resources(load(name), AS_OF)}
    assert sent | {f"Patient/{load(name).id}"} == chart


def test_a_search_takes_what_category_code_and_status_ask_for_and_nothing_else() -> None:
    chart = resources(load("low-trough"), AS_OF)

    def found(resource_type: str, *parameters: tuple[str, str]) -> set[str]:
        bundle = searchset(chart, resource_type, parameters)
        return {entry["resource"]["id"].removeprefix("ifxcds-low-trough-") for entry in bundle.get("entry", ())}

    assert found("Observation", ("category", "laboratory")) == {
        "level-0", "antibody-0", "crp-0", "calprotectin-0", "total-protein-0", "albumin-0",
    }  # fmt: skip
    assert found("Observation", ("code", "http://loinc.org|1988-5,1751-7")) == {"crp-0", "albumin-0"}
    assert found("Observation", ("code", "http://snomed.info/sct|1988-5")) == set()
    assert found("Observation", ("category", "laboratory"), ("code", "29463-7")) == set()
    assert len(found("MedicationAdministration", ("status", "completed,stopped"))) == 9
    assert found("MedicationAdministration", ("status", "stopped")) == set()


def test_a_search_parameter_that_the_server_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="'_sort'"):
        searchset(resources(load("low-trough"), AS_OF), "Observation", (("_sort", "-date"),))


def test_an_empty_answer_has_no_entries_and_a_referenced_medication_comes_along() -> None:
    chart = resources(load("undetectable-active"), AS_OF)
    assert searchset(chart, "AllergyIntolerance", ()) == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
    }
    bundle = searchset(chart, "MedicationAdministration", ())
    modes = [entry["search"]["mode"] for entry in bundle["entry"]]
    assert bundle["total"] == modes.count("match") == 6
    assert modes.count("include") == 3  # two bags and the drug in both


@pytest.mark.parametrize("name", names())
def test_the_draft_is_for_the_child_and_is_a_draft(name: str) -> None:
    draft = draft_orders(load(name), AS_OF)["entry"][0]["resource"]
    assert draft["status"] == "draft"
    assert draft["subject"] == {"reference": f"Patient/{load(name).id}"}


def test_the_transaction_is_valid_and_leaves_no_reference_open() -> None:
    bundle = transaction([load(name) for name in names()], AS_OF)
    get_fhir_model_class("Bundle").model_validate(bundle)
    put = {entry["request"]["url"] for entry in bundle["entry"]}
    assert len(put) == len(bundle["entry"])
    assert {entry["request"]["method"] for entry in bundle["entry"]} == {"PUT"}
    asked = {r for r in resource_references(bundle) if not r.startswith("#")}
    assert asked <= put
    assert hook_request(load("low-trough"), "order-sign", AS_OF)["context"]["userId"] in put
