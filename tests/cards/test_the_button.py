"""The suggestion: the EHR's own order with another interval, or no button at all."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cards.suggest import _holds_as_fhir, suggest

Order = dict[str, Any]


def medication_order(**repeat: object) -> Order:
    timing = {"repeat": {"frequency": 1, "period": 8, "periodUnit": "wk"} | repeat}
    return {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "191831"}]
        },
        "subject": {"reference": "Patient/p1"},
        "dosageInstruction": [{"timing": timing, "doseAndRate": [{"doseQuantity": {"value": 200, "unit": "mg"}}]}],
    }


def service_order(**repeat: object) -> Order:
    return {
        "resourceType": "ServiceRequest",
        "id": "draft-2",
        "status": "draft",
        "intent": "order",
        "code": {"text": "Infliximab infusion"},
        "subject": {"reference": "Patient/p1"},
        "occurrenceTiming": {"repeat": {"period": 8, "periodUnit": "wk"} | repeat},
    }


def changed(order: Order, weeks: float = 6) -> Order:
    """The resource of the one action of the one suggestion."""
    suggestion = suggest(order, weeks)
    assert suggestion is not None
    (action,) = suggestion.to_json()["actions"]  # type: ignore[misc]
    return action["resource"]  # type: ignore[no-any-return,call-overload]


def description(order: Order, weeks: float = 6) -> str:
    suggestion = suggest(order, weeks)
    assert suggestion is not None
    return suggestion.actions[0].description


@pytest.mark.parametrize(
    ("order", "path", "period"),
    [
        (medication_order(), ("dosageInstruction", 0, "timing", "repeat"), 6),
        (medication_order(period=56, periodUnit="d"), ("dosageInstruction", 0, "timing", "repeat"), 42),
        (medication_order(period=8.0), ("dosageInstruction", 0, "timing", "repeat"), 6),
        (
            medication_order(count=4, boundsPeriod={"start": "2026-11-22"}),
            ("dosageInstruction", 0, "timing", "repeat"),
            6,
        ),
        (service_order(), ("occurrenceTiming", "repeat"), 6),
        (service_order(period=60, periodUnit="d", frequency=1), ("occurrenceTiming", "repeat"), 42),
    ],
)
def test_only_the_period_changes_and_the_order_stays_valid_fhir(
    order: Order, path: tuple[Any, ...], period: int
) -> None:
    result = changed(order)
    expected = deepcopy(order)
    place: Any = expected
    for step in path:
        place = place[step]
    place["period"] = period
    assert result == expected
    get_fhir_model_class(order["resourceType"]).model_validate(result)


def test_the_draft_itself_is_never_changed() -> None:
    order = medication_order() | {"text": {"status": "generated"}}
    before = json.dumps(order)
    changed(order)
    assert json.dumps(order) == before


def test_the_description_alone_tells_the_whole_change() -> None:
    assert description(medication_order()) == "Change interval from every 8 weeks to every 6 weeks; dose unchanged"


def test_the_button_is_named_after_the_interval() -> None:
    suggestion = suggest(medication_order(), 4)
    assert suggestion is not None
    assert suggestion.to_json()["label"] == "Every 4 weeks"
    assert set(suggestion.to_json()) == {"label", "actions"}


def test_elements_that_we_do_not_know_and_defects_of_the_ehr_stay_as_they_came() -> None:
    order = medication_order() | {
        "extension": [{"url": "https://ehr.example/x", "valueString": "kept"}],
        "category": {"text": "an object where a list belongs"},
        "intent": None,
        "note": [{"text": "kept"}],
        "groupIdentifier": "not an Identifier",
    }
    result = changed(order)
    assert {key: result[key] for key in order if key != "dosageInstruction"} == {
        key: order[key] for key in order if key != "dosageInstruction"
    }


def test_instruction_text_is_said_anew_from_structured_dose_and_route() -> None:
    order = medication_order()
    order["dosageInstruction"][0] |= {"text": "200 mg IV q8w", "route": {"coding": [{"display": "intravenous"}]}}
    assert changed(order)["dosageInstruction"][0]["text"] == "200 mg intravenous every 6 weeks"
    assert "instruction text now “200 mg intravenous every 6 weeks”" in description(order)


def test_instruction_text_is_removed_where_it_cannot_be_said_anew_and_the_description_says_so() -> None:
    order = medication_order()
    order["dosageInstruction"][0] |= {"text": "as discussed, every 8 weeks", "patientInstruction": "Come every 8 weeks"}
    instruction = changed(order)["dosageInstruction"][0]
    assert "text" not in instruction
    assert "patientInstruction" not in instruction
    assert description(order).endswith("dose unchanged; instruction text removed; patient instruction removed")


@pytest.mark.parametrize(
    "dose_and_rate",
    [
        [],
        [{"doseQuantity": {"value": 100, "unit": "mg"}}, {"doseQuantity": {"value": 200, "unit": "mg"}}],
        [{"doseRange": {"low": {"value": 200, "unit": "mg"}}}],
        [{"doseQuantity": "200 mg"}],
        [{"doseQuantity": {"value": 200}}],
        "200 mg",
    ],
)
def test_instruction_text_is_not_said_anew_from_a_dose_that_is_not_one_quantity(dose_and_rate: object) -> None:
    order = medication_order()
    order["dosageInstruction"][0] |= {
        "text": "200 mg IV q8w",
        "route": {"text": "intravenous"},
        "doseAndRate": dose_and_rate,
    }
    assert "text" not in changed(order)["dosageInstruction"][0]
    assert description(order).endswith("; instruction text removed")


def test_a_schedule_code_that_states_the_former_interval_is_removed() -> None:
    order = service_order()
    order["occurrenceTiming"]["code"] = {"text": "Q8W"}
    assert "code" not in changed(order)["occurrenceTiming"]
    assert description(order).endswith("; schedule code removed")


def test_a_narrative_and_the_patient_instruction_of_a_service_request_are_removed() -> None:
    order = service_order() | {
        "text": {"status": "generated", "div": "<div>every 8 weeks</div>"},
        "patientInstruction": "x",
    }
    assert not {"text", "patientInstruction"} & set(changed(order))
    assert description(order).endswith("; patient instruction removed; narrative removed")


def test_a_supply_that_may_no_longer_fit_is_kept_and_named() -> None:
    order = medication_order() | {"dispenseRequest": {"numberOfRepeatsAllowed": 6}}
    assert changed(order)["dispenseRequest"] == order["dispenseRequest"]
    assert description(order).endswith("; supply left as ordered, check it")


def test_instructions_without_a_schedule_stay_beside_the_one_that_has_it() -> None:
    order = medication_order()
    order["dosageInstruction"].append({"text": "Premedicate"})
    assert changed(order)["dosageInstruction"][1] == {"text": "Premedicate"}


def without(*path: Any) -> Order:
    order = medication_order()
    place: Any = order
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return order


def twice() -> Order:
    order = medication_order()
    order["dosageInstruction"] *= 2
    return order


def placed(value: object, *path: Any) -> Order:
    order = medication_order()
    place: Any = order
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return order


TIMING = ("dosageInstruction", 0, "timing")


@pytest.mark.parametrize(
    "order",
    [
        without("id"),
        without("dosageInstruction"),
        without(*TIMING),
        without(*TIMING, "repeat"),
        without(*TIMING, "repeat", "period"),
        without(*TIMING, "repeat", "periodUnit"),
        twice(),
        placed("every 8 weeks", "dosageInstruction"),
        placed(None, "dosageInstruction"),
        placed(["x"], *TIMING),
        placed({"modifierExtension": [{}], "repeat": {"period": 8, "periodUnit": "wk"}}, *TIMING),
        placed({"event": ["2026-11-22"], "repeat": {"period": 8, "periodUnit": "wk"}}, *TIMING),
        placed([{"url": "x"}], "modifierExtension"),
        placed([{"url": "x"}], "dosageInstruction", 0, "modifierExtension"),
        medication_order(frequency=2),
        medication_order(frequency="1"),
        medication_order(frequencyMax=2),
        medication_order(periodMax=10),
        medication_order(count=1),
        medication_order(periodUnit="mo"),
        medication_order(periodUnit=["wk"]),
        medication_order(period="8"),
        medication_order(period=True),
        medication_order(period=-8),
        medication_order(period=6),
        medication_order(period=4),
        medication_order(period=42, periodUnit="d"),
        medication_order(_period={"extension": []}),
        {**medication_order(), "resourceType": "DeviceRequest"},
        {"resourceType": "ServiceRequest", "id": "1", "occurrenceDateTime": "2026-11-22"},
        {},
    ],
)
def test_an_order_that_could_be_meant_otherwise_gets_no_button(order: Order) -> None:
    assert suggest(order, 6) is None


def test_a_schedule_that_is_not_fhir_is_noticed_before_it_is_suggested() -> None:
    assert _holds_as_fhir(period=6, periodUnit="wk")
    assert not _holds_as_fhir(period="six", periodUnit="wk")
    assert not _holds_as_fhir(period=6, periodUnit="wk", every="week")


@pytest.mark.parametrize("order", [medication_order, lambda: medication_order(period=56, periodUnit="d")])
def test_an_interval_that_is_no_whole_number_of_the_orders_unit_gets_no_button(order: Callable[[], Order]) -> None:
    assert suggest(order(), 5.5) is None


def test_half_a_week_fits_an_order_in_days_only_when_it_is_whole_days() -> None:
    assert (
        changed(medication_order(period=56, periodUnit="d"), 40 / 7)["dosageInstruction"][0]["timing"]["repeat"][
            "period"
        ]
        == 40
    )
