"""Orders, dispenses and procedures of infliximab are told and never counted as given (synthetic children)."""

from typing import Any

import pytest

from cds_service.clinical.record import IssueLevel
from tests.fhir_mappings.charts import RXNORM, coded, codes, infusion, prescription, read

IV, PEN, J1745 = coded(RXNORM, "191831"), coded(RXNORM, "2675742"), "J1745"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"


def dispense(drug: dict[str, Any], **more: Any) -> dict[str, Any]:
    handed = {"status": "completed", "whenHandedOver": "2026-11-02T10:00:00Z", "medicationCodeableConcept": drug}
    return {"resourceType": "MedicationDispense", "id": "dispense-1"} | handed | more


def procedure(**more: Any) -> dict[str, Any]:
    done = {"status": "completed", "performedDateTime": "2026-10-11", "code": coded(HCPCS, J1745)}
    return {"resourceType": "Procedure", "id": "procedure-1"} | done | more


@pytest.mark.parametrize(
    ("sent", "level", "says"),
    [
        (prescription(IV), IssueLevel.NOTE, "Infliximab was ordered on 1 Aug 2026, but no administration of it"),
        (prescription(IV, authoredOn=None), IssueLevel.NOTE, "Infliximab was ordered without a date, but"),
        (dispense(IV), IssueLevel.NOTE, "Infliximab was dispensed on 2 Nov 2026, but"),
        (dispense(IV, whenHandedOver=None, whenPrepared="2026-11-01"), IssueLevel.NOTE, "dispensed on 1 Nov 2026"),
        (dispense(PEN), IssueLevel.LIMITING, "Subcutaneous infliximab was dispensed on 2 Nov 2026, but"),
        (procedure(), IssueLevel.LIMITING, "An infusion of infliximab on 11 Oct 2026 is known from a procedure only"),
        (procedure(performedDateTime=None), IssueLevel.LIMITING, "An infusion of infliximab without a date is known"),
    ],
)
def test_what_no_administration_proves_is_inferred(sent: dict[str, Any], level: IssueLevel, says: str) -> None:
    record = read(sent)
    assert record.infusions == ()
    assert [(one.code, one.about, one.level) for one in record.issues] == [("infusion-inferred", "infusion", level)]
    assert says in record.issues[0].message
    assert "not counted as given" in record.issues[0].message


@pytest.mark.parametrize(
    "sent",
    [
        prescription(IV, status="draft"),
        prescription(coded(RXNORM, "161")),
        prescription(IV, authoredOn="2019-01-01"),
        dispense(IV, status="cancelled"),
        dispense(coded(RXNORM, "161")),
        procedure(status="not-done"),
        procedure(code=coded(HCPCS, "J0000")),
    ],
)
def test_what_is_not_infliximab_or_never_happened_hints_at_nothing(sent: dict[str, Any]) -> None:
    assert read(sent).issues == ()


def test_administrations_speak_for_the_orders_and_procedures_of_their_day() -> None:
    done = procedure(performedDateTime="2026-09-27T15:00:00Z")
    assert read(infusion(), prescription(IV), dispense(IV), done).issues == ()


def test_only_the_newest_of_several_orders_is_told() -> None:
    record = read(prescription(IV), prescription(IV, id="newer", authoredOn="2026-09-01"))
    assert [one.evidence for one in record.issues] == ["MedicationRequest/newer"]


@pytest.mark.parametrize(("day", "told"), [("2026-11-02", ["infusion-inferred"]), ("2026-09-01", [])])
def test_a_pen_counts_against_the_regimen_only_after_the_last_infusion(day: str, told: list[str]) -> None:
    assert codes(read(infusion(), dispense(PEN, whenHandedOver=day)).issues) == told
