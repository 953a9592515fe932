"""Laboratory values, weights and scores in our units, exactly (synthetic results)."""

from decimal import Decimal
from typing import Any

import pytest

from cds_service.clinical.record import Comparator, Reading
from tests.fhir_mappings.charts import LOINC, coded, codes, observation, quantity, read, without


@pytest.mark.parametrize(
    ("code", "value", "unit", "concept", "expected", "canonical"),
    [
        ("2885-2", 6.2, "g/dL", "total_protein", 62.0, "g/L"),
        ("2885-2", 62, "g/L", "total_protein", 62.0, "g/L"),
        ("2885-2", Decimal("6.20"), "gm/dL", "total_protein", 62.0, "g/L"),
        ("1751-7", 3.9, "g/dL", "albumin", 39.0, "g/L"),
        ("2862-1", 39, "g/L", "albumin", 39.0, "g/L"),
        ("1988-5", 0.3, "mg/dL", "crp", 3.0, "mg/L"),
        ("30522-7", 3, "mg/L", "crp", 3.0, "mg/L"),
        ("71426-1", 3, "ug/mL", "crp", 3.0, "mg/L"),
        ("48421-2", 3, "mg/L", "crp", 3.0, "mg/L"),
        ("4537-7", 12, "mm/h", "esr", 12.0, "mm/h"),
        ("30341-2", 12, "mm/hr", "esr", 12.0, "mm/h"),
        ("38445-3", 80, "ug/g", "calprotectin", 80.0, "ug/g"),
        ("38445-3", 80, "mg/kg", "calprotectin", 80.0, "ug/g"),
        ("29463-7", 38.2, "kg", "weight", 38.2, "kg"),
        ("29463-7", 38200, "g", "weight", 38.2, "kg"),
        ("3141-9", 100, "[lb_av]", "weight", 45.359237, "kg"),
        ("3141-9", 100, "lbs", "weight", 45.359237, "kg"),
        ("1988-5", 0, "mg/L", "crp", 0.0, "mg/L"),
        ("1742-6", 121, "U/L", "alt", 121.0, "U/L"),
        ("1743-4", 121, "IU/L", "alt", 121.0, "U/L"),
        ("1744-2", Decimal("0.7"), "ukat/L", "alt", 42.0, "U/L"),
        ("76625-3", Decimal("0.7"), "µkat/L", "alt", 42.0, "U/L"),
        ("77144-4", 700, "nkat/L", "alt", 42.0, "U/L"),
        ("6690-2", 2.9, "10*9/L", "leukocytes", 2.9, "10*9/L"),
        ("6690-2", 2.9, "10*3/uL", "leukocytes", 2.9, "10*9/L"),
        ("6690-2", 2.9, "K/uL", "leukocytes", 2.9, "10*9/L"),
        ("26464-8", 2900, "/uL", "leukocytes", 2.9, "10*9/L"),
        ("26464-8", 2900, "cells/mm3", "leukocytes", 2.9, "10*9/L"),
        ("777-3", 99, "x10E3/uL", "platelets", 99.0, "10*9/L"),
        ("777-3", 99, "G/L", "platelets", 99.0, "10*9/L"),
        ("26515-7", 99000, "/uL", "platelets", 99.0, "10*9/L"),
        ("778-1", 99000, "10*6/L", "platelets", 99.0, "10*9/L"),
        ("49497-1", 99, "10^9/L", "platelets", 99.0, "10*9/L"),
    ],
)
def test_units_convert_by_exact_factors(
    code: str, value: Any, unit: str, concept: str, expected: float, canonical: str
) -> None:
    record = read(observation(coded(LOINC, code), {"valueQuantity": quantity(value, unit)}))
    found = [(one.concept, one.reading.value, one.unit) for one in record.measurements]
    assert found == [(concept, expected, canonical)]
    assert record.issues == ()


@pytest.mark.parametrize(
    ("code", "value", "issue"),
    [
        ("76485-2", {"valueQuantity": quantity(28, "nmol/L")}, "code-refused"),
        ("76486-0", {"valueQuantity": quantity(28, "mg/L")}, "code-refused"),
        ("18184-2", {"valueQuantity": quantity(12, "mm/h")}, "code-refused"),
        ("1988-5", {"valueQuantity": quantity(28, "nmol/L")}, "unit-unknown"),
        ("2885-2", {"valueQuantity": {"value": 62}}, "unit-missing"),
        ("2885-2", {"valueString": "normal"}, "value-not-a-number"),
        ("2885-2", {"valueRatio": {}}, "value-form"),
        ("29463-7", {"valueQuantity": quantity(38, "stone")}, "unit-unknown"),
        ("6690-2", {"valueQuantity": {"value": 2.9}}, "unit-missing"),
        ("6690-2", {"valueQuantity": quantity(4, "/[HPF]")}, "unit-unknown"),
        ("777-3", {"valueQuantity": quantity(0.2, "M/uL")}, "unit-unknown"),
        ("777-3", {"valueQuantity": quantity(99, "10*3/uL") | {"unit": "/uL"}}, "unit-contradictory"),
        ("777-3", {"valueString": "adequate"}, "value-not-a-number"),
        ("1742-6", {"valueInteger": 121}, "unit-missing"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_an_issue(code: str, value: dict[str, Any], issue: str) -> None:
    record = read(observation(coded(LOINC, code), value))
    assert record.measurements == ()
    assert codes(record.issues) == [issue]


def test_a_birth_weight_is_no_weight_even_under_both_codes() -> None:
    both = {"coding": [{"system": LOINC, "code": "29463-7"}, {"system": LOINC, "code": "8339-4"}]}
    record = read(observation(both, {"valueQuantity": quantity(3400, "g")}))
    assert record.measurements == ()
    assert record.issues == ()


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("SES-CD", "ses_cd"),
        ("SES CD total", "ses_cd"),
        ("Simple Endoscopic Score for Crohn's Disease", "ses_cd"),
        ("Simplified Endoscopic Score for Crohn’s Disease", "ses_cd"),
        ("wPCDAI", "wpcdai"),
        ("Weighted PCDAI", "wpcdai"),
        ("PCDAI", "pcdai"),
        ("Pediatric Crohn's Disease Activity Index", "pcdai"),
        ("paediatric Crohn's disease activity index", "pcdai"),
        ("SES-CD ileum subscore", None),
        ("short PCDAI", None),
        ("PCDAI perianal item", "perianal_item"),
        ("wPCDAI - perirectal disease", "perianal_item"),
        ("Weighted Paediatric Crohn's Disease Activity Index, perianal disease", "perianal_item"),
        ("PCDAI total without perianal item", None),
        ("Perianal examination", None),
        ("Mayo endoscopic score", None),
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        {"valueInteger": 7},
        {"valueQuantity": {"value": 7}},
        {"valueQuantity": quantity(7, "{score}")},
        {"valueQuantity": quantity(7, "1")},
        {"valueString": "7"},
    ],
)
def test_scores_are_recognised_by_their_names(text: str, concept: str | None, value: dict[str, Any]) -> None:
    record = read(observation({"text": text}, value))
    found = [(one.concept, one.reading, one.unit) for one in record.measurements]
    assert found == ([(concept, Reading(7.0), "{score}")] if concept else [])
    assert codes(record.issues) == (["recognised-by-name"] if concept else [])


def test_the_reports_own_upper_limit_is_converted_too() -> None:
    crp = observation(
        coded(LOINC, "1988-5"),
        {"valueQuantity": quantity(12, "mg/L"), "referenceRange": [{"high": quantity(0.5, "mg/dL")}, {"text": "x"}]},
    )
    assert [one.upper_limit for one in read(crp).measurements] == [5.0]


@pytest.mark.parametrize("high", [{"value": 5}, quantity(5, "nmol/L"), {"unit": "mg/L"}])
def test_an_upper_limit_in_another_unit_is_left_out(high: dict[str, Any]) -> None:
    value = {"valueQuantity": quantity(12, "mg/L"), "referenceRange": [{"high": high}]}
    assert [one.upper_limit for one in read(observation(coded(LOINC, "1988-5"), value)).measurements] == [None]


def test_a_bounded_value_keeps_its_bound() -> None:
    value = {"valueQuantity": quantity(0.5, "mg/dL", comparator="<")}
    record = read(observation(coded(LOINC, "1988-5"), value))
    assert [one.reading for one in record.measurements] == [Reading(5.0, Comparator.LESS)]


def test_a_value_without_a_date_or_not_final_is_not_used() -> None:
    crp = observation(coded(LOINC, "1988-5"), {"valueQuantity": quantity(3, "mg/L")})
    record = read(without(crp, "effectiveDateTime"), crp | {"id": "early", "status": "preliminary"})
    assert record.measurements == ()
    assert codes(record.issues) == ["result-pending", "result-without-date"]


def test_a_withdrawn_value_and_one_without_a_value_leave_no_trace() -> None:
    crp = observation(coded(LOINC, "1988-5"))
    record = read(crp, crp | {"id": "wrong", "status": "entered-in-error"})
    assert record.measurements == ()
    assert record.issues == ()


@pytest.mark.parametrize("value", [True, "62", -1, 1e300, 10**30, 1e-20, 0.1234567890123456789, [62], {"a": 1}])
def test_a_number_that_is_none_is_refused(value: Any) -> None:
    record = read(observation(coded(LOINC, "2885-2"), {"valueQuantity": quantity(value, "g/L")}))
    accepted = isinstance(value, float) and value == 0.1234567890123456789
    assert len(record.measurements) == accepted
    assert codes(record.issues) == ([] if accepted else ["resource-unreadable"])


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1." + "1" * 30), float("nan")])
def test_an_unbounded_decimal_is_refused(value: Any) -> None:
    record = read(observation(coded(LOINC, "2885-2"), {"valueQuantity": quantity(value, "g/L")}))
    assert record.measurements == ()
    assert codes(record.issues) == ["resource-unreadable"]


def test_the_limit_of_a_liver_value_is_read_in_its_own_unit() -> None:
    value = {"valueQuantity": quantity(2.1, "ukat/L"), "referenceRange": [{"high": quantity(40, "U/L")}]}
    (alt,) = read(observation(coded(LOINC, "1742-6"), value)).measurements
    assert (alt.reading, alt.upper_limit) == (Reading(126.0), 40.0)


PERIANAL_PART = {"code": {"text": "Perianal disease"}, "valueInteger": 10}


@pytest.mark.parametrize(
    ("whole", "part", "concepts"),
    [
        ("PCDAI", PERIANAL_PART, ["pcdai", "perianal_item"]),
        ("wPCDAI", {"code": {"text": "Perirectal disease"}, "valueInteger": 15}, ["perianal_item", "wpcdai"]),
        ("wPCDAI", {"code": {"text": "wPCDAI perianal"}, "valueInteger": 15}, ["perianal_item", "wpcdai"]),
        ("PCDAI", {"code": {"text": "Abdomen"}, "valueInteger": 10}, ["pcdai"]),
        ("SES-CD", PERIANAL_PART, ["ses_cd"]),
        ("Physical examination", PERIANAL_PART, []),
    ],
)
def test_the_perianal_part_of_an_index_is_its_item(whole: str, part: dict[str, Any], concepts: list[str]) -> None:
    record = read(observation({"text": whole}, {"valueInteger": 30}, component=[part]))
    assert sorted(one.concept for one in record.measurements) == concepts
    assert [m.evidence for m in record.measured("perianal_item")] == ["Observation/result-1#component-1"] * (
        "perianal_item" in concepts
    )
