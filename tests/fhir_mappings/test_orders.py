"""Draft orders: which of them order infliximab, and what each asks for (synthetic drafts)."""

from typing import Any

import pytest

from cds_service.clinical.record import LevelOrder, Route
from fhir_mappings.orders import DraftOrder, also_ordered, read_orders
from tests.fhir_mappings.charts import ICD, LOINC, RXNORM, SNOMED, coded, codes, quantity

EVERY_8_WEEKS = {"repeat": {"frequency": 1, "period": 8, "periodUnit": "wk"}}
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"


def draft(*dosages: dict[str, Any], **more: Any) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "status": "draft",
        "medicationCodeableConcept": coded(RXNORM, "191831", "infliximab"),
        "dosageInstruction": list(dosages),
    }
    return resource | more


def service(**more: Any) -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "id": "draft-2", "status": "draft", "code": {"text": "x"}} | more


def dosage(timing: dict[str, Any] | None = None, *doses: dict[str, Any]) -> dict[str, Any]:
    rows = [{"doseQuantity": dose} for dose in doses]
    return {"route": {"text": "IV"}, "timing": timing, "doseAndRate": rows}


def bundle(*resources: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]} | more


def one(*resources: Any, **options: Any) -> DraftOrder:
    (found,) = read_orders(bundle(*resources), **options)
    return found


@pytest.mark.parametrize(
    ("timing", "weeks", "issues"),
    [
        (EVERY_8_WEEKS, 8.0, []),
        ({"repeat": {"period": 6, "periodUnit": "wk"}}, 6.0, []),
        ({"repeat": {"period": 56, "periodUnit": "d"}}, 8.0, []),
        ({"repeat": {"frequency": 2, "period": 8, "periodUnit": "wk"}}, 4.0, []),
        ({"repeat": {"period": 8, "periodMax": 8, "periodUnit": "wk"}}, 8.0, []),
        (None, None, []),
        ({"repeat": {"period": 2, "periodUnit": "mo"}}, None, ["order-timing-unit"]),
        ({"repeat": {"period": 6, "periodMax": 8, "periodUnit": "wk"}}, None, ["order-timing-range"]),
        ({"repeat": {"frequencyMax": 2, "period": 8, "periodUnit": "wk"}}, None, ["order-timing-range"]),
        ({"repeat": {"count": 1, "period": 1, "periodUnit": "d"}}, None, ["order-timing-once"]),
        ({"repeat": {"period": 300, "periodUnit": "wk"}}, None, ["order-timing-implausible"]),
        ({"repeat": {"period": 0, "periodUnit": "wk"}}, None, ["order-timing-implausible"]),
        ({"repeat": {"period": 8}}, None, ["order-timing-not-structured"]),
        ({"repeat": {"boundsPeriod": {"start": "2026-11-22"}}}, None, []),
        ({"repeat": {"count": 3}}, None, ["order-timing-not-structured"]),
        ({"event": ["2026-11-22"]}, None, ["order-timing-not-structured"]),
        ({"repeat": {"period": "8", "periodUnit": "wk"}}, None, ["order-timing-unreadable"]),
        ("every 8 weeks", None, ["order-timing-unreadable"]),
    ],
)
def test_the_interval_is_read_from_a_structured_timing(timing: Any, weeks: float | None, issues: list[str]) -> None:
    found = one(draft(dosage(timing, quantity(200, "mg"))))
    assert (found.order.interval_weeks, found.order.dose_mg) == (weeks, 200.0)
    assert codes(found.issues) == issues


@pytest.mark.parametrize(
    ("code", "weeks"),
    [
        ({"text": "every 4 weeks"}, 4.0),
        ({"text": "Every  8 Weeks"}, 8.0),
        ({"text": "q8w"}, 8.0),
        ({"text": "Q 6 weeks"}, 6.0),
        ({"text": "every 42 days"}, 6.0),
        ({"text": "every 4 weeks", "coding": [{"display": "Q4W"}]}, 4.0),
        ({"text": "every 4 weeks", "coding": [{"display": "every 8 weeks"}]}, None),
        ({"text": "every 4 weeks", "coding": [{"display": "as discussed"}]}, None),
        ({"coding": [{"code": "Q8W"}]}, None),
        ({"text": "every 4 to 6 weeks"}, None),
        ({"text": "every 4 weeks for 3 doses"}, None),
        ({"text": "every 6.5 weeks"}, None),
        ({"text": "every 2 months"}, None),
        ({"text": "every 0 weeks"}, None),
        ({"text": "every 1234567 weeks"}, None),
    ],
)
def test_an_interval_in_words_is_read_where_the_table_knows_them_as_a_whole(
    code: dict[str, Any], weeks: float | None
) -> None:
    found = one(draft(dosage({"code": code, "repeat": {"boundsPeriod": {"start": "2026-11-22"}}})))
    assert found.order.interval_weeks == weeks
    assert [(issue.code[:13], issue.level) for issue in found.issues] == (
        [] if weeks else [("order-timing-", "limiting")]
    )


@pytest.mark.parametrize("beside", [{"event": ["2026-11-22"]}, {"repeat": {"count": 3}}])
def test_an_interval_in_words_is_not_read_beside_anything_else(beside: dict[str, Any]) -> None:
    found = one(draft(dosage({"code": {"text": "every 4 weeks"}} | beside)))
    assert (found.order.interval_weeks, codes(found.issues)) == (None, ["order-timing-not-structured"])


@pytest.mark.parametrize(
    ("doses", "mg", "per_kg", "issues"),
    [
        ([quantity(200, "mg")], 200.0, None, []),
        ([quantity(5, "mg/kg")], None, 5.0, []),
        ([quantity(5, "mg/kg"), quantity(200, "mg")], 200.0, 5.0, []),
        ([quantity(0.2, "g"), quantity(200, "mg")], 200.0, None, []),
        ([], None, None, []),
        ([quantity(200, "mg"), quantity(300, "mg")], None, None, ["order-dose-ambiguous"]),
        ([quantity(2, "vial")], None, None, ["dose-not-readable"]),
        ([quantity(500, "mg/kg")], None, None, ["dose-not-readable"]),
        ([{"value": True, "unit": "mg"}], None, None, ["dose-not-readable"]),
    ],
)
def test_the_dose_is_read_in_mg_or_in_mg_per_kg(
    doses: list[dict[str, Any]], mg: float | None, per_kg: float | None, issues: list[str]
) -> None:
    found = one(draft(dosage(EVERY_8_WEEKS, *doses)))
    assert (found.order.dose_mg, found.order.dose_mg_per_kg) == (mg, per_kg)
    assert codes(found.issues) == issues


def span(low: float, high: float, unit: str) -> dict[str, Any]:
    return {"low": quantity(low, unit), "high": quantity(high, unit)}


@pytest.mark.parametrize(
    "order",
    [
        draft(dosage() | {"doseAndRate": [{"doseRange": span(5, 10, "mg/kg")}]}),
        draft(dosage() | {"doseAndRate": [{"doseRange": span(5, 10, "mg/kg")}, {"doseQuantity": quantity(200, "mg")}]}),
        draft(dosage() | {"doseAndRate": [{"doseRange": {"low": quantity(5, "mg/kg")}}]}),
        service(code=coded(RXNORM, "1927290"), quantityRange=span(200, 300, "mg")),
    ],
)
def test_a_range_of_doses_is_told_and_is_no_dose(order: dict[str, Any]) -> None:
    found = one(order)
    assert (found.order.dose_mg, found.order.dose_mg_per_kg) == (None, None)
    assert "order-dose-range" in codes(found.issues)


def test_a_range_from_and_to_one_dose_is_that_dose() -> None:
    found = one(draft(dosage() | {"doseAndRate": [{"doseRange": span(200, 200, "mg")}]}))
    assert (found.order.dose_mg, found.issues) == (200.0, ())


def test_several_timings_are_no_interval() -> None:
    every_6 = {"repeat": {"period": 6, "periodUnit": "wk"}}
    found = one(draft(dosage(EVERY_8_WEEKS), dosage(every_6)))
    assert found.order.interval_weeks is None
    assert codes(found.issues) == ["order-timing-ambiguous"]


def test_induction_and_maintenance_in_one_order_are_no_interval() -> None:
    found = one(draft(dosage({"code": {"text": "weeks 0, 2, 6"}}), dosage(EVERY_8_WEEKS)))
    assert found.order.interval_weeks is None
    assert codes(found.issues) == ["order-timing-not-structured", "order-timing-ambiguous"]


@pytest.mark.parametrize(
    ("more", "by_name"),
    [
        ({}, False),
        ({"medicationCodeableConcept": {"text": "Remicade 100 mg"}}, True),
        ({"medicationCodeableConcept": None, "medicationReference": {"reference": "Medication/m"}}, False),
        ({"medicationCodeableConcept": None, "medicationReference": {"reference": "urn:uuid:9"}}, False),
        ({"medicationCodeableConcept": None, "medicationReference": {"display": "Avsola"}}, True),
        ({"medicationCodeableConcept": "infliximab 200 mg"}, True),
        ({"medicationCodeableConcept": [{"text": "Infliximab"}]}, True),
    ],
)
def test_an_infliximab_order_is_never_passed_over(more: dict[str, Any], by_name: bool) -> None:
    medication = {"resourceType": "Medication", "id": "m", "code": coded(RXNORM, "1927290")}
    drafts = bundle(draft(dosage(EVERY_8_WEEKS, quantity(200, "mg")), **more), medication)
    drafts["entry"][1]["fullUrl"] = "urn:uuid:9"
    (found,) = read_orders(drafts)
    assert (found.order.by_name_only, found.order.interval_weeks) == (by_name, 8.0)
    assert ("order-by-name-only" in codes(found.issues)) is by_name


def test_a_medication_read_from_the_server_names_the_drug() -> None:
    medication = {"resourceType": "Medication", "id": "m", "code": coded(RXNORM, "191831")}
    order = draft(medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"})
    assert read_orders(bundle(order)) == ()
    assert len(read_orders(bundle(order), referenced={"Medication/m": medication})) == 1


@pytest.mark.parametrize(
    "resource",
    [
        draft(medicationCodeableConcept=coded(RXNORM, "8640", "prednisone")),
        draft(medicationCodeableConcept=None),  # order-select: no medication chosen yet
        draft(status="entered-in-error"),
        draft(status="cancelled"),
        draft(status="stopped"),
        draft(status="completed"),
        draft(doNotPerform=True),
        draft(medicationCodeableConcept=7),
        service(code={"text": "Infliximab level"}),
        service(code=coded(LOINC, "39803-2", "infliximab")),
        service(code={"text": "MRI"}),
        service(status="revoked", code={"text": "Infliximab infusion"}),
        {"resourceType": "Medication", "id": "m", "code": coded(RXNORM, "191831")},
        {"resourceType": 7},
        "text",
        None,
    ],
)
def test_other_drafts_are_left_alone(resource: Any) -> None:
    assert read_orders(bundle(resource)) == ()


@pytest.mark.parametrize("drafts", [None, {}, {"entry": None}, {"entry": "x"}, {"entry": ["x", {"resource": []}]}, "x"])
def test_no_drafts_are_no_orders(drafts: Any) -> None:
    assert read_orders(drafts) == ()
    assert also_ordered(drafts) == ()


@pytest.mark.parametrize(
    ("more", "by_name"),
    [
        ({"code": coded(HCPCS, "J1745")}, False),
        ({"code": {"text": "Infliximab infusion"}}, True),
        ({"code": {"text": "Infusion"}, "orderDetail": [coded(RXNORM, "191831")]}, False),
    ],
)
def test_a_service_request_may_order_the_infusion(more: dict[str, Any], by_name: bool) -> None:
    found = one(service(occurrenceTiming=EVERY_8_WEEKS, quantityQuantity=quantity(200, "mg"), **more))
    assert (found.order.interval_weeks, found.order.dose_mg, found.order.by_name_only) == (8.0, 200.0, by_name)
    assert found.order.evidence == "ServiceRequest/draft-2"


def test_every_draft_is_examined_and_the_selected_ones_are_marked() -> None:
    drafts = bundle(draft(), draft(id="draft-9"), draft(id=None))
    found = read_orders(drafts, ["MedicationRequest/draft-9"])
    assert [(order.order.evidence, order.selected) for order in found] == [
        ("MedicationRequest/draft-1", False),
        ("MedicationRequest/draft-9", True),
        ("MedicationRequest/(no id)", False),
    ]


@pytest.mark.parametrize(
    ("drug", "route", "read_as", "issues"),
    [
        ("191831", {"text": "IV"}, Route.INTRAVENOUS, []),
        ("191831", coded(SNOMED, "34206005"), Route.SUBCUTANEOUS, []),
        ("2675742", None, Route.SUBCUTANEOUS, []),
        ("191831", None, Route.INTRAVENOUS, ["route-assumed"]),
        ("191831", {"text": "oral"}, Route.UNKNOWN, ["route-unclear"]),
    ],
)
def test_the_route_of_an_order(drug: str, route: Any, read_as: Route, issues: list[str]) -> None:
    found = one(draft({"route": route}, medicationCodeableConcept=coded(RXNORM, drug)))
    assert found.order.route is read_as
    assert codes(found.issues) == issues


ARTHRITIS = {"resourceType": "Condition", "id": "c", "code": coded(ICD, "M08.00")}


@pytest.mark.parametrize(
    ("more", "reasons", "has_reason", "issues"),
    [
        ({}, set(), False, []),
        ({"reasonCode": [coded(ICD, "K50.90")]}, {"crohns"}, True, []),
        ({"reasonCode": [{"text": "Crohn's disease"}]}, set(), True, []),
        ({"reasonReference": [{"reference": "Condition/c"}]}, {"other_indication.juvenile_arthritis"}, True, []),
        (
            {"reasonReference": [{"reference": "#c"}], "contained": [ARTHRITIS]},
            {"other_indication.juvenile_arthritis"},
            True,
            [],
        ),
        ({"reasonReference": [{"reference": "Condition/gone"}]}, set(), True, ["order-reason-unresolved"]),
        ({"reasonCode": "K50.90"}, set(), False, ["order-unreadable"]),
    ],
)
def test_the_reason_of_an_order(more: dict[str, Any], reasons: set[str], has_reason: bool, issues: list[str]) -> None:
    found = one(draft(dosage(EVERY_8_WEEKS), **more), referenced={"Condition/c": ARTHRITIS})
    assert (set(found.order.reasons), found.order.has_reason) == (reasons, has_reason)
    assert codes(found.issues) == issues


def test_the_resource_is_handed_on_as_the_ehr_sent_it() -> None:
    sent = draft(dosage(EVERY_8_WEEKS), odd={"left": "alone"})
    assert one(sent).resource is sent


def test_tests_ordered_beside_the_infusion_are_known() -> None:
    drafts = bundle(
        draft(),
        service(code={"text": "Infliximab level"}),
        service(id="alone", code={"text": "Infliximab antibodies"}),
        service(id="other", code={"text": "CBC"}),
        service(id="odd", code="Infliximab level"),
    )
    assert also_ordered(drafts) == (
        LevelOrder("ServiceRequest/draft-2"),
        LevelOrder("ServiceRequest/alone", antibody=True),
    )
