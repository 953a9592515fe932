"""Which patient a resource names (one patient, or nothing is used)."""

from typing import Any

import pytest

from fhir_mappings.codings import relative
from fhir_mappings.identity import evidence, subjects


@pytest.mark.parametrize(
    ("resource", "found"),
    [
        ({"subject": {"reference": "Patient/p1"}}, ("Patient/p1",)),
        ({"patient": {"reference": " Patient/p1 "}}, ("Patient/p1",)),
        (
            {"beneficiary": {"reference": "Patient/p1"}, "subject": {"reference": "Patient/p2"}},
            ("Patient/p2", "Patient/p1"),
        ),
        ({"for": {"reference": "https://ehr.example/fhir/Patient/p1"}}, ("https://ehr.example/fhir/Patient/p1",)),
        ({"subject": "Patient/p1"}, ("Patient/p1",)),
        ({"subject": [{"reference": "Patient/p1"}, {"reference": "Patient/p2"}]}, ("Patient/p1", "Patient/p2")),
        ({"subject": {"reference": "Patient/p1"}, "patient": {"reference": "Patient/p1"}}, ("Patient/p1",)),
        ({"subject": {"identifier": {"value": "7"}}}, ()),
        ({"subject": {"reference": 7}}, ()),
        ({"subject": None}, ()),
        ({}, ()),
    ],
)
def test_every_patient_reference_is_named(resource: dict[str, Any], found: tuple[str, ...]) -> None:
    assert subjects(resource) == found


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({"resourceType": "Observation", "id": "a.b-c"}, "Observation/a.b-c"),
        ({"resourceType": "Observation"}, "Observation/(no id)"),
        ({"resourceType": "Observation", "id": 7}, "Observation/(no id)"),
        ({"resourceType": "Observation", "id": " "}, "Observation/(no id)"),
        ({"resourceType": 7}, "Resource/(no id)"),
    ],
)
def test_evidence_names_the_resource(resource: dict[str, Any], named: str) -> None:
    assert evidence(resource) == named


@pytest.mark.parametrize(
    ("reference", "short"),
    [
        ("Medication/m", "Medication/m"),
        ("https://ehr.example/r4/Medication/m", "Medication/m"),
        ("https://ehr.example/r4/Medication/m/_history/2", "Medication/m"),
        ("urn:uuid:1/2/3", "urn:uuid:1/2/3"),
        ("#m", "#m"),
        ("m", "m"),
    ],
)
def test_a_reference_is_shortened_to_type_and_id(reference: str, short: str) -> None:
    assert relative(reference) == short
