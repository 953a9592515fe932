"""Administrations of infliximab: drug, time, dose, route, and whether it was given in full (synthetic children)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.clinical.record import IssueLevel, Moment, Route
from tests.fhir_mappings.charts import ATC, NDC, RXNORM, SNOMED, coded, codes, infusion, quantity, read

EXTENSION = "https://fhir-ehr.cerner.com/r4/StructureDefinition/infuse-over-time"
TEN = Moment(datetime(2026, 9, 27, 10, tzinfo=UTC))
TWELVE = Moment(datetime(2026, 9, 27, 12, tzinfo=UTC))


def drug(code: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"medicationCodeableConcept": code} | more


@pytest.mark.parametrize(
    "named",
    [
        coded(RXNORM, "191831"),
        coded(RXNORM, "1790541"),
        coded("urn:oid:2.16.840.1.113883.6.88", "2266525"),
        coded(ATC, "L04AB02"),
        coded(ATC, "L04AA12"),
        coded(NDC, "57894-030-01"),
        coded(NDC, "57894-0030-01"),
        coded(NDC, "57894003001"),
        coded(NDC, "0069-0809-01"),
        coded("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "J1745"),
        coded("http://fdasis.nlm.nih.gov", "B72HH48FLU"),
        {"coding": [{"system": "urn:local", "code": "1"}, {"system": RXNORM, "code": "191831"}]},
    ],
)
def test_infliximab_is_known_by_any_of_its_codes(named: dict[str, Any]) -> None:
    record = read(infusion(**drug(named)))
    assert [(one.start, one.end, one.dose_mg, one.route, one.complete) for one in record.infusions] == [
        (TEN, TWELVE, 200.0, Route.INTRAVENOUS, True)
    ]
    assert record.issues == ()


@pytest.mark.parametrize("named", [coded(NDC, "5789413001"), coded(RXNORM, "797544"), coded(ATC, "L04AB04"), None, {}])
def test_other_codes_are_not_infliximab(named: dict[str, Any] | None) -> None:
    record = read(infusion(**drug(named)))
    assert record.infusions == ()
    assert record.issues == ()


@pytest.mark.parametrize(
    "named", [coded(RXNORM, "2675742"), coded(NDC, "72606-047-01"), coded(RXNORM, "191831", "Zymfentra 120 mg/mL")]
)
def test_the_subcutaneous_product_is_subcutaneous_whatever_else_is_coded(named: dict[str, Any]) -> None:
    record = read(infusion(**drug(named), dosage={"dose": quantity(120, "mg")}))
    assert [one.route for one in record.infusions] == [Route.SUBCUTANEOUS]
    assert record.issues == ()


@pytest.mark.parametrize(
    ("status", "complete", "issues"),
    [
        ("completed", True, []),
        ("completed ", True, []),
        ("stopped", False, []),
        ("in-progress", False, []),
        ("on-hold", False, ["status-unknown"]),
        ("unknown", False, ["status-unknown"]),
        ("done", False, ["status-unknown"]),
        (None, False, ["status-unknown"]),
    ],
)
def test_only_a_completed_infusion_was_given_in_full(status: str | None, complete: bool, issues: list[str]) -> None:
    record = read(infusion(status=status))
    assert [one.complete for one in record.infusions] == [complete]
    assert codes(record.issues) == issues


def test_an_infusion_that_was_not_given_is_a_note() -> None:
    record = read(infusion(status="not-done"), infusion(id="undated", status="not-done", effectivePeriod=None))
    assert record.infusions == ()
    assert [one.message for one in record.issues] == [
        "An infusion planned for 27 Sep 2026 was not given.",
        "An infusion was not given.",
    ]


def test_an_infusion_entered_in_error_never_was() -> None:
    record = read(infusion(status="entered-in-error "))
    assert (record.infusions, record.issues) == ((), ())


@pytest.mark.parametrize(
    ("more", "end", "issues"),
    [
        ({}, TWELVE, []),
        ({"effectivePeriod": {"start": "2026-09-27T10:00:00Z"}}, None, []),
        ({"effectivePeriod": None, "effectiveDateTime": "2026-09-27T10:00:00Z"}, None, []),
        ({"effectivePeriod": {"start": "2026-09-27T10:00:00Z", "end": "2026-09-27"}}, None, []),
        (
            {"effectivePeriod": {"start": "2026-09-27T10:00:00Z", "end": "2026-09-27T09:00:00Z"}},
            None,
            ["end-before-start"],
        ),
    ],
)
def test_the_end_of_an_infusion(more: dict[str, Any], end: Moment | None, issues: list[str]) -> None:
    record = read(infusion(**more))
    assert [(one.start, one.end) for one in record.infusions] == [(TEN, end)]
    assert codes(record.issues) == issues


@pytest.mark.parametrize(
    ("extension", "end"),
    [
        ({"url": EXTENSION, "valueQuantity": quantity(120, "min")}, TWELVE),
        ({"url": EXTENSION, "valueQuantity": quantity(2, "h")}, TWELVE),
        ({"url": EXTENSION, "valueQuantity": quantity(9000, "min")}, None),
        ({"url": EXTENSION}, None),
        ({"url": "urn:other", "valueQuantity": quantity(120, "min")}, None),
    ],
)
def test_oracle_health_tells_the_minutes_in_an_extension(extension: dict[str, Any], end: Moment | None) -> None:
    given = infusion(effectivePeriod=None, effectiveDateTime="2026-09-27T10:00:00Z", extension=[extension])
    assert [one.end for one in read(given).infusions] == [end]


@pytest.mark.parametrize("more", [{"effectivePeriod": None}, {"effectivePeriod": {"start": "2026-09"}}])
def test_an_infusion_without_a_date_blocks(more: dict[str, Any]) -> None:
    record = read(infusion(**more))
    assert record.infusions == ()
    assert [(one.code, one.about, one.level) for one in record.issues] == [
        ("infusion-without-time", "infusion", IssueLevel.BLOCKING)
    ]


def test_an_infusion_of_the_wrong_shape_blocks() -> None:
    record = read(infusion(effectivePeriod="yesterday"))
    assert [(one.code, one.level) for one in record.issues] == [("infusion-unreadable", IssueLevel.BLOCKING)]


@pytest.mark.parametrize(
    ("route", "read_as", "issues"),
    [
        ({"text": "IV"}, Route.INTRAVENOUS, []),
        ({"text": "Intravenous piggyback (IVPB)"}, Route.INTRAVENOUS, []),
        (coded(SNOMED, "47625008"), Route.INTRAVENOUS, []),
        (coded(SNOMED, "34206005"), Route.SUBCUTANEOUS, []),
        ({"text": "subcut"}, Route.SUBCUTANEOUS, []),
        ({"text": "oral"}, Route.UNKNOWN, ["route-unclear"]),
        ({"text": "as charted"}, Route.UNKNOWN, ["route-unclear"]),
        ({"text": "IV or SC"}, Route.UNKNOWN, ["route-unclear"]),
        (None, Route.INTRAVENOUS, ["route-assumed"]),
    ],
)
def test_the_route_is_read_or_assumed_aloud(route: dict[str, Any] | None, read_as: Route, issues: list[str]) -> None:
    record = read(infusion(dosage={"dose": quantity(200, "mg"), "route": route}))
    assert [one.route for one in record.infusions] == [read_as]
    assert codes(record.issues) == issues


def test_a_subcutaneous_product_given_into_a_vein_is_unclear() -> None:
    record = read(infusion(**drug(coded(RXNORM, "2675742"))))
    assert [one.route for one in record.infusions] == [Route.SUBCUTANEOUS]
    assert codes(record.issues) == ["route-unclear"]


def test_an_assumed_route_is_said_once_for_all_infusions() -> None:
    given = [infusion(id=f"infusion-{n}", dosage={"dose": quantity(200, "mg")}) for n in range(5)]
    assert codes(read(*given).issues) == ["route-assumed"]


def test_several_records_of_one_order_know_it() -> None:
    order = {"request": {"reference": "https://ehr.example/fhir/MedicationRequest/order-7"}}
    assert [one.part_of for one in read(infusion(**order)).infusions] == ["MedicationRequest/order-7"]


BY_NAME = [
    drug({"text": "inFLIXimab (Remicade) 200 mg in NS"}),
    drug(None, medicationReference={"reference": "Medication/unknown", "display": "Inflectra"}),
]


@pytest.mark.parametrize("named", BY_NAME)
def test_an_administration_by_name_only_blocks_until_a_site_decides(named: dict[str, Any]) -> None:
    record = read(infusion(**named))
    assert record.infusions == ()
    assert [(one.code, one.about, one.level) for one in record.issues] == [
        ("administration-by-name-only", "infusion", IssueLevel.BLOCKING)
    ]


@pytest.mark.parametrize("named", BY_NAME)
def test_a_site_may_let_the_name_count(named: dict[str, Any]) -> None:
    record = read(infusion(**named), drug_by_name=True)
    assert len(record.infusions) == 1
    assert [(one.code, one.level) for one in record.issues] == [("recognised-by-name", IssueLevel.NOTE)]


def test_a_medication_that_was_not_found_is_said_once() -> None:
    lost = drug(None, medicationReference={"reference": "Medication/lost"})
    record = read(*(infusion(id=f"infusion-{n}", **lost) for n in range(3)))
    assert record.infusions == ()
    assert [one.message for one in record.issues] == [
        "Some administered medication could not be read: it refers to a Medication that was not found or not readable."
    ]
