"""The FHIR resources of the bundled children are valid R4 and tell the file's story."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service.patients import load, names, resources

AS_OF = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SHAPES = {
    "instant": "other-units",
    "period": "low-trough",
    "contained": "in-target",
    "reference": "unmapped-codes",
    "bag": "undetectable-active",
}


def of_type(name: str, resource_type: str, as_of: datetime = AS_OF) -> list[dict[str, Any]]:
    return [r for r in resources(load(name), as_of) if r["resourceType"] == resource_type]


@pytest.mark.parametrize("name", names())
def test_every_resource_is_valid_even_where_the_story_is_a_trap(name: str) -> None:
    for resource in resources(load(name), AS_OF):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_no_two_resources_of_all_children_share_an_id() -> None:
    every = [(r["resourceType"], r["id"]) for name in names() for r in resources(load(name), AS_OF)]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("name", names())
def test_every_id_is_one_that_a_server_takes_and_begins_with_the_name(name: str) -> None:
    for resource in resources(load(name), AS_OF):
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", resource["id"])
        assert resource["id"].startswith(load(name).id)


@pytest.mark.parametrize("name", names())
def test_every_resource_but_a_medication_belongs_to_the_child(name: str) -> None:
    for resource in resources(load(name), AS_OF):
        if resource["resourceType"] not in ("Patient", "Medication"):
            assert (resource.get("subject") or resource["patient"]) == {"reference": f"Patient/{load(name).id}"}


@pytest.mark.parametrize("name", names())
def test_the_patient_is_said_to_be_synthetic(name: str) -> None:
    (patient,) = of_type(name, "Patient")
    assert patient["meta"]["tag"][0]["code"] == "HTEST"
    assert "Synthetic child" in patient["text"]["div"]


def test_times_are_counted_back_from_the_order_in_its_own_time_zone() -> None:
    as_of = datetime(2026, 11, 22, 0, 30, 12, 345, tzinfo=timezone(timedelta(hours=8)))
    (level,) = [r for r in of_type("low-trough", "Observation", as_of) if r["id"] == "ifxcds-low-trough-level-0"]
    newest = of_type("low-trough", "MedicationAdministration", as_of)[-1]
    assert level["effectiveDateTime"] == "2026-11-21T23:30:12+08:00"
    assert newest["effectivePeriod"] == {
        "start": "2026-09-27T00:30:12+08:00",
        "end": "2026-09-27T02:30:12+08:00",
    }
    assert of_type("low-trough", "Patient", as_of)[0]["birthDate"] == "2014-07-22"


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        resources(load("low-trough"), AS_OF.replace(tzinfo=None))


@pytest.mark.parametrize(("shape", "name"), SHAPES.items())
def test_the_five_shapes_of_an_infusion_are_all_bundled(shape: str, name: str) -> None:
    assert load(name).infliximab.charted_as == shape


def test_a_bag_is_charted_in_millilitres_and_gives_its_drug_two_references_away() -> None:
    medications = {f"Medication/{m['id']}": m for m in of_type("undetectable-active", "Medication")}
    newest = of_type("undetectable-active", "MedicationAdministration")[-1]
    bag = medications[newest["medicationReference"]["reference"]]
    (ingredient,) = bag["ingredient"]
    assert newest["dosage"]["dose"]["unit"] == "mL"
    assert "coding" not in bag["code"]
    assert ingredient["strength"]["numerator"]["value"] / ingredient["strength"]["denominator"]["value"] * 250 == 200
    assert medications[ingredient["itemReference"]["reference"]]["code"]["coding"][0]["code"] == "191831"


def test_a_contained_drug_needs_no_other_resource() -> None:
    newest = of_type("in-target", "MedicationAdministration")[-1]
    assert newest["medicationReference"] == {"reference": f"#{newest['contained'][0]['id']}"}
    assert of_type("in-target", "Medication") == []


TRAPS = (
    ("undated-level", "level", "effectiveDateTime", None),
    ("date-only-sample", "level", "effectiveDateTime", "2026-09-27"),
    ("unknown-unit", "level", "valueQuantity", {"value": 1.7, "unit": "OD ratio"}),
    ("unmapped-codes", "level", "code", {"text": "Infliximab [Mass/volume] in Serum or Plasma"}),
    ("unmapped-codes", "ses-cd", "valueInteger", 11),
    ("unmapped-codes", "ses-cd", "category", None),
    ("low-trough", "antibody", "code", {"text": "Infliximab antibodies"}),
    ("level-preliminary", "level", "status", "preliminary"),
)


@pytest.mark.parametrize(("name", "what", "element", "sent"), TRAPS)
def test_a_trap_is_in_the_chart(name: str, what: str, element: str, sent: object) -> None:
    (observation,) = [r for r in of_type(name, "Observation") if r["id"] == f"{load(name).id}-{what}-0"]
    assert observation.get(element) == sent


def test_an_infusion_without_a_dose_is_in_the_chart() -> None:
    doses = [m["dosage"].get("dose") for m in of_type("dose-not-charted", "MedicationAdministration")]
    assert [dose is None for dose in doses] == [False] * 5 + [True]


def test_units_are_given_as_ucum_codes_and_the_arbitrary_one_is_not_an_astronomical_unit() -> None:
    (observation,) = [r for r in of_type("antibody-ungraded", "Observation") if r["id"].endswith("antibody-0")]
    assert observation["valueQuantity"] == {
        "value": 45,
        "unit": "AU/mL",
        "system": "http://unitsofmeasure.org",
        "code": "[arb'U]/mL",
    }
