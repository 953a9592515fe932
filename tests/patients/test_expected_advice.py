"""The whole line from the chart to the card, for every bundled child, against what its file expects."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cards.write import write_cards
from cds_service.clinical.assess import assess
from cds_service.clinical.assessment import Assessment
from cds_service.clinical.policy import Policy
from cds_service.patients import hook_request, load, names
from fhir_mappings.chart import ChartPart, RawChart
from fhir_mappings.orders import read_orders
from fhir_mappings.read import read_record
from fhir_mappings.tables import load_tables

AS_OF = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def raw_chart(request: dict[str, Any]) -> RawChart:
    """The chart as the prefetch gives it."""
    held = {
        name: [part] if part["resourceType"] == "Patient" else [entry["resource"] for entry in part.get("entry", ())]
        for name, part in request["prefetch"].items()
    }
    referenced = {
        f"Medication/{r['id']}": r for rows in held.values() for r in rows if r["resourceType"] == "Medication"
    }
    parts = {name: ChartPart(resources=tuple(rows)) for name, rows in held.items()}
    return RawChart(request["context"]["patientId"], parts, referenced)


def concluded(name: str, hook: str = "order-sign") -> tuple[Assessment, tuple[Any, ...]]:
    """The assessment and the cards for one child."""
    request = hook_request(load(name), hook, AS_OF)
    chart = raw_chart(request)
    record = read_record(chart, since=AS_OF - timedelta(days=1095), until=AS_OF)
    context = request["context"]
    (draft,) = read_orders(context["draftOrders"], context.get("selections", ()), load_tables(), chart.referenced)
    assessment = assess(record, draft.order, Policy(), AS_OF)
    return assessment, write_cards(assessment, hook=hook, draft=draft.resource)


@pytest.mark.parametrize("name", names())
def test_every_child_gets_the_advice_of_its_row(name: str) -> None:
    expect = load(name).expect
    assessment, cards = concluded(name)
    leading = assessment.leading
    found = {
        "applies": assessment.applies,
        "rule": assessment.leading_rule,
        "kind": leading and leading.kind,
        "severity": leading and leading.severity,
        "interval_weeks": leading and leading.interval_weeks,
        "qualification": assessment.trough.qualification,
        "trough_status": assessment.trough_status,
        "antibody": assessment.antibody.status,
        "target": assessment.target.profile,
        "cards": len(cards),
        "button": any(card.suggestions for card in cards),
    }
    stated = {key: getattr(expect, key) for key in found if getattr(expect, key) is not None}
    assert {key: found[key] for key in stated} == stated
    assert set(expect.also) <= {entry.kind for entry in assessment.advice[1:]}
    assert set(expect.issues) <= {issue.code for issue in assessment.issues}


@pytest.mark.parametrize("name", names())
def test_a_silent_child_gets_no_card_and_a_speaking_one_the_severity_of_its_advice(name: str) -> None:
    assessment, cards = concluded(name, "order-select")
    assert len(cards) == load(name).expect.cards
    assert [card.indicator for card in cards] == [a.severity for a in assessment.advice[:1] if cards]


def test_total_protein_in_other_units_is_the_same_protein() -> None:
    assessment, _ = concluded("other-units")
    (protein,) = [p for p in assessment.predictors if p.name == "total_protein"]
    assert protein.value == 62.0
    assert assessment.trough.level is not None
    assert assessment.trough.level.reading is not None
    assert assessment.trough.level.reading.value == 1.9
