"""Results that are positive or negative and no number: which test, which sign, and what is never a sign (synthetic)."""

from typing import Any

import pytest

from cds_service.clinical.record import Finding, ReportedSign
from tests.fhir_mappings.charts import LOINC, SNOMED, coded, codes, observation, quantity, read, without

POSITIVE, NEGATIVE = ReportedSign.POSITIVE, ReportedSign.NEGATIVE
YES = {"valueCodeableConcept": coded(SNOMED, "10828004", "Positive")}


def flagged(code: str) -> dict[str, Any]:
    return {"interpretation": [{"coding": [{"code": code}]}]}


def only(resource: dict[str, Any]) -> Finding:
    (found,) = read(resource).findings
    return found


@pytest.mark.parametrize(
    ("code", "concept"),
    [
        ("5195-3", "hbs_antigen"),
        ("5196-1", "hbs_antigen"),
        ("75410-1", "hbs_antigen"),
        ("63557-3", "hbs_antigen"),
        ("71773-6", "igra"),
        ("71775-1", "igra"),
        ("34468-9", "c_difficile_toxin"),
        ("13957-6", "c_difficile_toxin"),
        ("54067-4", "c_difficile_toxin_gene"),
        ("80685-1", "c_difficile_toxin_gene"),
        ("82197-5", "c_difficile_toxin_gene"),
        ("104731-5", "c_difficile_toxin_gene"),
    ],
)
def test_a_test_is_known_by_its_code(code: str, concept: str) -> None:
    record = read(observation(coded(LOINC, code), YES))
    assert [(f.concept, f.sign, f.code, f.evidence) for f in record.findings] == [
        (concept, POSITIVE, code, "Observation/result-1")
    ]
    assert record.issues == ()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("71774-4", "QuantiFERON mitogen minus nil"),
        ("71772-8", "Mitogen stimulated gamma interferon"),
        ("71776-9", "QuantiFERON nil"),
        ("64084-7", "QuantiFERON TB1 antigen minus nil"),
        ("46217-6", "QuantiFERON antigen"),
        ("57901-1", "C. difficile GDH antigen"),
    ],
)
def test_controls_and_parts_of_a_test_are_no_result_of_it(code: str, name: str) -> None:
    by_code = observation(coded(LOINC, code, "QuantiFERON-TB Gold"), YES)
    by_name = observation({"text": name}, YES, id="named")
    record = read(by_code, by_name)
    assert (record.findings, record.issues) == ((), ())


@pytest.mark.parametrize(
    ("name", "concept"),
    [
        ("HBsAg", "hbs_antigen"),
        ("Hepatitis B Surface Antigen (HBsAg) Screen", "hbs_antigen"),
        ("HBsAg confirmation", "hbs_antigen"),
        ("Hepatitis B surface antibody", None),
        ("HBsAg/anti-HBs panel", None),
        ("QuantiFERON-TB Gold Plus", "igra"),
        ("T-SPOT.TB", "igra"),
        ("TB IGRA interpretation", "igra"),
        ("Mycobacterium tuberculosis stimulated gamma interferon [Interpretation] in Blood", "igra"),
        ("QuantiFERON CMV", None),
        ("T-SPOT.COVID", None),
        ("C. difficile toxin A/B, EIA", "c_difficile_toxin"),
        ("Clostridium difficile Toxin Antigen, Feces", "c_difficile_toxin"),
        ("Clostridioides difficile toxin A+B [Presence] in Stool", "c_difficile_toxin"),
        ("C diff toxin B gene PCR", "c_difficile_toxin_gene"),
        ("CDIFF NAAT", "c_difficile_toxin_gene"),
        ("C. difficile antigen (GDH) and toxin", None),
        ("C. difficile culture", None),
        ("C. difficile PCR, NAP1/027", None),
        ("WBC differential", None),
    ],
)
def test_a_test_without_a_known_code_is_known_by_its_name_and_that_is_said(name: str, concept: str | None) -> None:
    record = read(observation({"text": name}, {"valueString": "Positive"}))
    assert [f.concept for f in record.findings] == ([concept] if concept else [])
    assert codes(record.issues) == (["recognised-by-name"] if concept else [])
    if concept:
        assert record.findings[0].code == f"'{name}'" if len(name) <= 60 else record.findings[0].code.endswith("…'")


@pytest.mark.parametrize(
    ("value", "sign"),
    [
        ({"valueString": "Positive"}, POSITIVE),
        ({"valueString": "DETECTED."}, POSITIVE),
        ({"valueString": "Reactive"}, POSITIVE),
        ({"valueString": "Non-Reactive"}, NEGATIVE),
        ({"valueString": "Not Detected\nAssay: see report"}, NEGATIVE),
        ({"valueCodeableConcept": coded(SNOMED, "260373001", "Detected")}, POSITIVE),
        ({"valueCodeableConcept": coded(SNOMED, "260415000", "Not detected")}, NEGATIVE),
        ({"valueCodeableConcept": coded(SNOMED, "11214006")}, POSITIVE),
        ({"valueCodeableConcept": coded(SNOMED, "131194007")}, NEGATIVE),
        ({"valueCodeableConcept": {"text": "negative"}}, NEGATIVE),
        (flagged("POS"), POSITIVE),
        (flagged("DET"), POSITIVE),
        (flagged("ND"), NEGATIVE),
        ({"valueQuantity": quantity(3.2, "[IU]/mL")} | flagged("H"), POSITIVE),
        ({"valueQuantity": quantity(0.01, "[IU]/mL")} | flagged("N"), NEGATIVE),
    ],
)
def test_the_sign_is_what_the_laboratory_itself_says(value: dict[str, Any], sign: ReportedSign) -> None:
    assert only(observation(coded(LOINC, "5196-1"), value)).sign is sign


@pytest.mark.parametrize(
    "value",
    [
        {"valueQuantity": quantity(12.4, "[IU]/mL")},  # a bare number, however high
        {"valueQuantity": quantity(12.4, "[IU]/mL"), "referenceRange": [{"high": quantity(0.35, "[IU]/mL")}]},
        {"valueInteger": 1},
        {"valueBoolean": True},
        {"valueString": "Indeterminate"},
        {"valueString": "Indeterminate"} | flagged("A"),  # flagged as abnormal, and still not positive
        {"valueString": "Borderline"} | flagged("POS"),
        {"valueString": "Positive for GDH antigen, toxin not tested"},
        {"valueCodeableConcept": coded(SNOMED, "82334004", "Indeterminate")},
        {"valueQuantity": quantity(0.3, "[IU]/mL")} | flagged("IND"),
    ],
)
def test_a_bare_number_and_an_indeterminate_result_have_no_sign(value: dict[str, Any]) -> None:
    assert only(observation(coded(LOINC, "71773-6"), value)).sign is None


def test_a_result_that_says_both_has_no_sign_and_a_doubt() -> None:
    both = observation(coded(LOINC, "5196-1"), {"valueString": "Negative"} | flagged("A"))
    assert only(both).sign is None
    assert codes(read(both).issues) == ["sign-contradictory"]


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_a_withdrawn_result_leaves_no_trace(status: str) -> None:
    record = read(observation(coded(LOINC, "5196-1"), YES, status=status))
    assert (record.findings, record.issues) == ((), ())


@pytest.mark.parametrize(("status", "pending"), [("final", False), ("amended", False), ("preliminary", True)])
def test_what_is_not_final_is_marked_as_pending(status: str, pending: bool) -> None:
    assert only(observation(coded(LOINC, "5196-1"), YES, status=status)).pending is pending


@pytest.mark.parametrize("value", [{}, {"dataAbsentReason": {"text": "not performed"}}])
@pytest.mark.parametrize("status", ["registered", "final"])
def test_a_test_without_an_answer_says_nothing(value: dict[str, Any], status: str) -> None:
    record = read(observation(coded(LOINC, "5196-1"), value, status=status))
    assert (record.findings, record.issues) == ((), ())


def test_a_result_without_a_date_is_kept_and_doubted() -> None:
    record = read(without(observation(coded(LOINC, "5196-1"), YES), "effectiveDateTime"))
    assert [f.at for f in record.findings] == [None]
    assert codes(record.issues) == ["result-without-date"]


def test_a_part_of_a_panel_is_a_result_of_its_own() -> None:
    gene = {"code": coded(LOINC, "82197-5"), **YES}
    panel = observation({"text": "Gastrointestinal pathogen panel"}, component=[gene])
    assert [(f.concept, f.evidence) for f in read(panel).findings] == [
        ("c_difficile_toxin_gene", "Observation/result-1#component-1")
    ]
