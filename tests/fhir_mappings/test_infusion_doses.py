"""Milligrams of an infusion: as written, or from millilitres of a bag and its strength (synthetic children)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.clinical.record import Moment
from tests.fhir_mappings.charts import RXNORM, SNOMED, coded, codes, infusion, quantity, read, without

TEN = Moment(datetime(2026, 9, 27, 10, tzinfo=UTC))


def bag(**more: Any) -> dict[str, Any]:
    """A mixture as Epic and Oracle Health send it: text only, strengths beside its ingredients."""
    strength = {"numerator": quantity(200, "mg"), "denominator": quantity(250, "mL")}
    parts = [
        {"itemCodeableConcept": coded(RXNORM, "213361"), "strength": strength},
        {"itemCodeableConcept": {"text": "sodium chloride 0.9 %"}},
    ]
    return {
        "resourceType": "Medication",
        "id": "bag",
        "code": {"text": "inFLIXimab 200 mg in 250 mL"},
        "ingredient": parts,
    } | more


@pytest.mark.parametrize(
    ("reference", "referenced"),
    [
        ("Medication/bag", {"Medication/bag": bag()}),
        ("https://ehr.example/fhir/Medication/bag", {"Medication/bag": bag()}),
        ("Medication/bag/_history/3", {"Medication/bag": bag()}),
        ("urn:uuid:7d0f", {"urn:uuid:7d0f": bag()}),
        ("#bag", {}),
    ],
)
def test_a_mixture_gives_milligrams_from_millilitres(reference: str, referenced: dict[str, Any]) -> None:
    given = without(infusion(), "medicationCodeableConcept") | {
        "medicationReference": {"reference": reference},
        "contained": [bag(), {"resourceType": "Medication", "id": "other"}],
        "dosage": {"dose": quantity(125, "mL"), "route": coded(SNOMED, "47625008")},
    }
    record = read(given, referenced=referenced)
    assert [one.dose_mg for one in record.infusions] == [100.0]
    assert record.issues == ()


def test_ingredients_may_be_medications_of_their_own() -> None:
    strength = {"numerator": quantity(0.5, "g"), "denominator": quantity(100, "mL")}
    parts = [{"itemReference": {"reference": "Medication/part"}, "strength": strength}]
    part = {"resourceType": "Medication", "id": "part", "code": coded(RXNORM, "191831")}
    given = without(infusion(), "medicationCodeableConcept") | {
        "medicationReference": {"reference": "Medication/bag"},
        "dosage": {"dose": quantity(100, "mL"), "route": {"text": "IV"}},
    }
    mixture = bag(ingredient=parts, code={"text": "mixture"})
    assert [one.dose_mg for one in read(given, mixture, part).infusions] == [500.0]


def test_contained_ingredients_are_found_in_the_resource_that_holds_both() -> None:
    parts = [{"itemReference": {"reference": "#part"}}]
    given = without(infusion(), "medicationCodeableConcept") | {
        "medicationReference": {"reference": "#bag"},
        "contained": [bag(ingredient=parts, code={}), {"id": "part", "code": coded(RXNORM, "191831")}],
    }
    assert len(read(given).infusions) == 1


def strength(**parts: Any) -> dict[str, Any]:
    return bag(ingredient=[{"itemCodeableConcept": {"text": "the powder"}, "strength": parts}])


@pytest.mark.parametrize(
    ("dose", "medication", "mg", "issue"),
    [
        (quantity(200, "mg"), None, 200.0, []),
        (quantity(0.2, "g"), None, 200.0, []),
        (quantity(200000, "ug"), None, 200.0, []),
        ({"value": 200, "unit": "mg"}, None, 200.0, []),
        (None, None, None, ["dose-missing"]),
        (quantity(250, "mL"), None, None, ["dose-not-readable"]),
        (quantity(2, "vial"), None, None, ["dose-not-readable"]),
        ({"unit": "mg"}, None, None, ["dose-not-readable"]),
        ({"value": 200}, None, None, ["dose-not-readable"]),
        (quantity(200, "mg", comparator="<"), None, None, ["dose-not-readable"]),
        ({"value": "200", "unit": "mg"}, None, None, ["dose-not-readable"]),
        (quantity(0, "mg"), None, None, ["dose-implausible"]),
        (quantity(20, "g"), None, None, ["dose-implausible"]),
        # one ingredient, and the drug is known from its own name
        (quantity(10, "mL"), strength(numerator=quantity(100, "mg"), denominator=quantity(10, "mL")), 100.0, []),
        (quantity(10, "mL"), strength(numerator=quantity(100, "mg")), None, ["dose-not-readable"]),
        (
            quantity(10, "mL"),
            strength(numerator=quantity(9, "mg"), denominator=quantity(0, "mL")),
            None,
            ["dose-not-readable"],
        ),
    ],
)
def test_a_dose_is_milligrams_or_an_issue(
    dose: dict[str, Any] | None, medication: dict[str, Any] | None, mg: float | None, issue: list[str]
) -> None:
    reference = {"medicationReference": {"reference": "#bag"}, "contained": [medication]} if medication else {}
    record = read(infusion(dosage={"dose": dose, "route": {"text": "iv"}}, **reference))
    assert [one.dose_mg for one in record.infusions] == [mg]
    assert codes(record.issues) == issue


def test_a_dosage_of_the_wrong_shape_leaves_the_date() -> None:
    record = read(infusion(dosage=[{"dose": quantity(200, "mg")}]))
    assert [(one.start, one.dose_mg) for one in record.infusions] == [(TEN, None)]
    assert codes(record.issues) == ["dose-not-readable", "route-assumed"]


def by_reference(medication: dict[str, Any], to: str) -> dict[str, Any]:
    return without(infusion(), "medicationCodeableConcept") | {
        "medicationReference": {"reference": to, "display": "inFLIXimab"},
        "contained": [medication],
    }


def test_a_contained_medication_of_the_wrong_shape_is_the_infusions_own_fault() -> None:
    assert codes(read(by_reference(bag(ingredient="salt"), "#bag")).issues) == ["resource-unreadable"]


def test_a_medication_of_the_wrong_shape_is_one_issue_and_leaves_the_name() -> None:
    broken = bag(ingredient="salt")
    given = [by_reference({}, "Medication/bag") | {"id": f"infusion-{n}"} for n in range(2)]
    for record in (read(*given, broken), read(*given, referenced={"Medication/bag": broken})):
        assert codes(record.issues) == ["resource-unreadable", "administration-by-name-only"]
        assert record.issues[0].evidence == "Medication/bag"


@pytest.mark.parametrize("reference", ["#part", "Medication/part"])
def test_a_broken_part_of_a_mixture_costs_the_mixture_only_where_it_holds_the_part(reference: str) -> None:
    strength = {"numerator": quantity(200, "mg"), "denominator": quantity(250, "mL")}
    parts = [
        {"itemCodeableConcept": coded(RXNORM, "191831"), "strength": strength},
        {"itemReference": {"reference": reference, "display": "salt"}},
    ]
    broken = {"resourceType": "Medication", "id": "part", "code": "salt"}
    given = by_reference(bag(ingredient=parts), "#bag") | {"dosage": {"dose": quantity(250, "mL")}}
    given["contained"].append(broken)
    record = read(given, broken)
    assert [one.dose_mg for one in record.infusions] == ([] if reference == "#part" else [200.0])


@pytest.mark.parametrize(
    ("rate", "mg"),
    [
        ({"rateQuantity": quantity(100, "mg/h")}, 200.0),
        ({"rateQuantity": quantity(2, "mg/min")}, 240.0),
        ({"rateQuantity": quantity(125, "mL/h")}, 200.0),
        ({"rateQuantity": {"value": 125, "unit": "ml/hr"}}, 200.0),
        ({"rateRatio": {"numerator": quantity(250, "mL"), "denominator": quantity(2, "h")}}, 200.0),
        ({"rateRatio": {"numerator": quantity(1, "g"), "denominator": quantity(5, "h")}}, 400.0),
        ({"rateRatio": {"numerator": quantity(250, "mL"), "denominator": quantity(0, "h")}}, None),
        ({"rateQuantity": quantity(125, "{drop}/min")}, None),
        ({"rateRatio": {}}, None),
    ],
)
def test_a_rate_gives_the_milligrams_of_the_time_it_ran(rate: dict[str, Any], mg: float | None) -> None:
    record = read(by_reference(bag(), "#bag") | {"dosage": rate | {"route": {"text": "IV"}}})
    assert [one.dose_mg for one in record.infusions] == [mg]
    assert codes(record.issues) == ["dose-missing" if mg is None else "dose-from-rate"]


def test_a_written_dose_goes_before_one_computed_from_the_rate() -> None:
    dosage = {"dose": quantity(150, "mg"), "rateQuantity": quantity(100, "mg/h"), "route": {"text": "IV"}}
    record = read(infusion(dosage=dosage))
    assert ([one.dose_mg for one in record.infusions], record.issues) == ([150.0], ())


def test_a_rate_in_millilitres_needs_the_strength() -> None:
    record = read(infusion(dosage={"rateQuantity": quantity(125, "mL/h"), "route": {"text": "IV"}}))
    assert codes(record.issues) == ["dose-missing"]


def test_a_rate_that_gives_a_dose_nobody_gives_is_refused() -> None:
    record = read(infusion(dosage={"rateQuantity": quantity(9000, "mg/h"), "route": {"text": "IV"}}))
    assert codes(record.issues) == ["dose-implausible"]
