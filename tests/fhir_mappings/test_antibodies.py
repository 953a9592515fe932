"""What becomes of an antibody to infliximab: its unit is its assay's own and is never converted (synthetic results)."""

from pathlib import Path
from typing import Any

import pytest

from cds_service.clinical.record import Comparator, Reading, ReportedSign
from fhir_mappings.tables import load_tables
from tests.fhir_mappings.charts import LOINC, SNOMED, antibody, coded, codes, level, observation, quantity, read

NEGATIVE, POSITIVE = ReportedSign.NEGATIVE, ReportedSign.POSITIVE


def doubts(record: Any) -> list[str]:
    return [code for code in codes(record.issues) if code != "recognised-by-name"]


@pytest.mark.parametrize(
    ("sent", "unit"),
    [
        ({"value": 20, "unit": "U/mL"}, "U/mL"),
        ({"value": 20, "unit": "units/mL"}, "U/mL"),
        (quantity(20, "[U]/mL") | {"unit": "U/mL"}, "U/mL"),
        ({"value": 20, "unit": "AU/mL"}, "AU/mL"),
        (quantity(20, "[arb'U]/mL"), "AU/mL"),
        ({"value": 20, "unit": "AU"}, "AU/mL"),
        ({"value": 20, "unit": "NG/ML"}, "ng/mL"),
        ({"value": 20, "unit": "µg/mL"}, "ug/mL"),
        ({"value": 20, "unit": "titer"}, "titre"),
    ],
)
def test_the_unit_is_spelled_our_way_and_the_number_stays(sent: dict[str, Any], unit: str) -> None:
    record = read(antibody({"valueQuantity": sent}))
    assert [(one.reading, one.unit) for one in record.antibodies] == [(Reading(20.0), unit)]
    assert doubts(record) == []


@pytest.mark.parametrize(
    ("value", "unit", "code"),
    [
        ({"valueQuantity": {"value": 20}}, None, "unit-missing"),
        ({"valueQuantity": quantity(20, "U/mL") | {"unit": "ng/mL"}}, None, "unit-contradictory"),
        ({"valueString": "see comment"}, None, "value-not-a-number"),
        ({"valueRange": {}}, None, "value-form"),
        ({"dataAbsentReason": {"text": "masked"}}, None, "value-absent"),
    ],
)
def test_an_antibody_without_a_scale_has_no_reading(value: dict[str, Any], unit: str | None, code: str) -> None:
    record = read(antibody(value))
    assert [(one.reading, one.unit, one.reported) for one in record.antibodies] == [(None, unit, None)]
    assert doubts(record) == [code]


def test_an_unknown_unit_stays_as_the_laboratory_wrote_it() -> None:
    record = read(antibody({"valueQuantity": {"value": 20, "unit": "RU/mL"}}))
    assert [(one.reading, one.unit) for one in record.antibodies] == [(Reading(20.0), "RU/mL")]
    assert doubts(record) == ["unit-unknown"]


def flagged(code: str, **more: Any) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    return {"interpretation": [coded(system, code)]} | more


RANGE = {"referenceRange": [{"high": quantity(50, "U/mL")}]}


@pytest.mark.parametrize(
    ("value", "more", "sign"),
    [
        ({"valueString": "Not detected"}, {}, NEGATIVE),
        ({"valueString": "NEGATIVE."}, {}, NEGATIVE),
        ({"valueString": "Detected"}, {}, POSITIVE),
        ({"valueCodeableConcept": {"text": "none detected"}}, {}, NEGATIVE),
        ({"valueCodeableConcept": coded(SNOMED, "260385009")}, {}, NEGATIVE),
        ({"valueCodeableConcept": coded(SNOMED, "10828004")}, {}, POSITIVE),
        (None, flagged("N"), NEGATIVE),
        (None, flagged("NEG"), NEGATIVE),
        (None, flagged("HH"), POSITIVE),
        (None, flagged("a"), POSITIVE),
        (None, {"interpretation": [{"coding": [{"code": "POS"}]}]}, POSITIVE),
        (None, {"interpretation": [{"text": "Negative"}]}, NEGATIVE),
        (None, flagged("L"), None),
        (None, {}, None),
        (None, RANGE, NEGATIVE),
        ({"valueQuantity": quantity(50, "U/mL")}, RANGE, NEGATIVE),
        ({"valueQuantity": quantity(51, "U/mL")}, RANGE, POSITIVE),
        ({"valueQuantity": quantity(20, "U/mL", comparator="<")}, RANGE, NEGATIVE),
        ({"valueQuantity": quantity(20, "U/mL", comparator=">")}, RANGE, None),
        ({"valueQuantity": quantity(20, "ng/mL")}, RANGE, None),
        (None, {"referenceRange": [{"high": {"value": 50}}]}, None),
        (None, {"referenceRange": [*RANGE["referenceRange"], {"high": quantity(5, "U/mL")}]}, None),
        (None, {"referenceRange": [{"high": quantity(50, "U/mL", comparator="<")}]}, None),
        ({"valueQuantity": quantity(99, "U/mL")}, flagged("N", **RANGE), NEGATIVE),
    ],
)
def test_what_the_laboratory_itself_says(value: Any, more: dict[str, Any], sign: ReportedSign | None) -> None:
    record = read(antibody(value, **more))
    assert [one.reported for one in record.antibodies] == [sign]
    assert doubts(record) == []


def test_negative_in_words_and_flagged_positive_is_neither() -> None:
    record = read(antibody({"valueString": "negative"}, **flagged("POS")))
    assert [one.reported for one in record.antibodies] == [None]
    assert doubts(record) == ["antibody-contradictory"]


def test_a_bound_stays_a_bound() -> None:
    record = read(antibody({"valueQuantity": quantity(20, "U/mL", comparator="<")}))
    assert record.antibodies[0].reading == Reading(20.0, Comparator.LESS)


def test_a_preliminary_antibody_is_pending_and_shows_no_number() -> None:
    record = read(antibody(status="preliminary"))
    assert [(one.pending, one.reading) for one in record.antibodies] == [(True, None)]


@pytest.mark.parametrize(
    ("more", "assay", "place"),
    [
        ({}, None, None),
        ({"method": {"text": "Mayo ECL bridging"}}, "mayo-ecl", "method text"),
        ({"method": {"coding": [{"display": "Anser IFX"}]}}, "prometheus-hmsa", "method code"),
        ({"code": {"text": "Infliximab antibodies (DoseASSURE)"}}, "labcorp-doseassure", "code text"),
        ({"method": {"text": "hmsa"}, "code": {"text": "IFX Ab, HMSA"}}, "prometheus-hmsa", "method text"),
        ({"method": {"text": "Exeter total ADA"}}, "exeter-total-ada", "method text"),
        ({"method": {"text": "Oxford"}}, "oxford-elisa", "method text"),
        ({"method": {"text": "Leuven DT"}}, "leuven-dt-elisa", "method text"),
        ({"method": {"text": "anti-human lambda-chain ELISA"}}, "lambda-chain-elisa", "method text"),
        ({"method": {"text": "Lisa-Tracker"}}, "theradiag", "method text"),
        ({"method": {"text": "Bühlmann"}}, "quantum-blue", "method text"),
        ({"method": {"text": "Quest 36310"}}, "quest-elisa", "method text"),
        ({"method": {"text": "Requested from outside"}}, None, None),  # no whole word
        ({"method": {"text": "ARUP"}}, "arup-nab", "method text"),
    ],
)
def test_the_assay_is_taken_from_method_or_code(more: dict[str, Any], assay: str | None, place: str | None) -> None:
    assert [(one.assay, one.assay_from) for one in read(antibody(**more)).antibodies] == [(assay, place)]


PERFORMERS = {
    "display": {"display": "Reference Laboratory North, Room 2"},
    "number": {"identifier": {"value": "00D0000000"}},
    "reference": {"reference": "Organization/77"},
    "contained": {"reference": "#lab"},
}


@pytest.mark.parametrize("performer", PERFORMERS.values(), ids=PERFORMERS)
def test_the_laboratory_tells_the_assay_only_where_the_site_says_so(tmp_path: Path, performer: dict[str, Any]) -> None:
    rows = ("Reference Laboratory North", "00D0000000", "Organization/77", "West Laboratory")
    table = "\n".join(["assay,words,source", *(f"oxford-elisa,{words},site" for words in rows)])
    (tmp_path / "performers.csv").write_text(table, encoding="utf-8")
    laboratory = [{"resourceType": "Organization", "id": "lab", "name": "West Laboratory"}]
    told = antibody(performer=[{"display": "Somebody"}, performer], contained=laboratory)
    site = {"tables": load_tables(tmp_path)}
    assert [(one.assay, one.assay_from) for one in read(told, **site).antibodies] == [("oxford-elisa", "performer")]
    assert [one.assay for one in read(told).antibodies] == [None]
    named = told | {"method": {"text": "Mayo"}}
    assert [(one.assay, one.assay_from) for one in read(named, **site).antibodies] == [("mayo-ecl", "method text")]
    lost = told | {"contained": []}
    assert [one.assay for one in read(lost, **site).antibodies] == [
        None if "#lab" in performer.values() else "oxford-elisa"
    ]


def test_two_assays_are_no_assay() -> None:
    record = read(antibody(method={"text": "Mayo"}, code={"text": "Infliximab Ab, Prometheus"}))
    assert [one.assay for one in record.antibodies] == [None]
    assert doubts(record) == ["assay-contradictory"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Infliximab antibodies", "antibody"),
        ("INFLIXIMAB ANTIBODY", "antibody"),
        ("Antibodies to infliximab, serum", "antibody"),
        ("IFX Abs", "antibody"),
        ("inFLIXimab Ab [Units/volume] in Serum", "antibody"),
        ("Infliximab ADA", "antibody"),
        ("HACA (infliximab)", "antibody"),
        ("ATI", "antibody"),
        ("anti-infliximab", "antibody"),
        ("Infliximab trough and antibodies", "antibody"),
        ("Infliximab level", "level"),
        ("infliximab troughs", "level"),
        ("Infliximab quantitation", "level"),
        ("Infliximab, serum", "level"),
        ("IFX concentration", "level"),
        ("Albumin/Globulin ratio", None),
        ("Albumin", None),  # too many look-alikes: only by code
        ("Adalimumab antibodies", None),
        ("Infliximabs antibodylike", None),
    ],
)
def test_level_and_antibody_are_recognised_by_whole_words(text: str, found: str | None) -> None:
    record = read(observation({"text": text}, {"valueQuantity": quantity(3, "ug/mL")}))
    assert [len(record.levels), len(record.antibodies)] == [found == "level", found == "antibody"]
    assert codes(record.issues) == (["recognised-by-name"] if found else [])


def test_a_display_names_as_well_as_the_text() -> None:
    record = read(observation(coded("urn:local", "17", "Infliximab Abs"), {"valueQuantity": quantity(3, "U/mL")}))
    assert len(record.antibodies) == 1


def test_a_result_that_only_mentions_infliximab_is_named_once() -> None:
    odd = [observation({"text": "Infliximab activity"}, {"valueString": "x"}, id=f"odd-{n}") for n in range(3)]
    record = read(*odd, observation({"text": "Infliximab"}, id="panel"))
    assert codes(record.issues) == ["result-not-recognised"]
    assert record.levels == ()


def test_recognition_by_name_is_said_once_for_each_concept() -> None:
    names = ["Infliximab Ab", "IFX Ab", "ATI", "Infliximab ADA", "Infliximab Ab"]
    record = read(
        *(antibody(id=f"antibody-{n}", code={"text": name}) for n, name in enumerate(names)),
        level(code={"text": "Infliximab level"}),
    )
    assert [(one.about, one.message) for one in record.issues] == [
        (
            "infliximab_antibody",
            (
                "The antibody to infliximab was recognised by its name only ('ATI', 'IFX Ab', 'Infliximab ADA', …): "
                "no code is mapped."
            ),
        ),
        (
            "infliximab_level",
            "The infliximab level was recognised by its name only ('Infliximab level'): no code is mapped.",
        ),
    ]


def test_codes_of_two_tests_are_neither() -> None:
    both = {"coding": [{"system": LOINC, "code": "1751-7"}, {"system": LOINC, "code": "1988-5"}]}
    record = read(observation(both, {"valueQuantity": quantity(3, "mg/L")}))
    assert record.measurements == ()
    assert codes(record.issues) == ["codes-disagree"]
