"""A code may be as long as a body lets it be: reading it takes no longer for that, and finds the same rows."""

import time
from typing import Any

import pytest

from fhir_mappings.orders import read_orders
from fhir_mappings.tables import load_tables
from fhir_mappings.vocabulary import LONGEST_PREFIX, beginnings
from tests.fhir_mappings.charts import ICD, coded, condition, infusion, prescription, read

ATC = "http://www.whocc.no/atc"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
LONG = 65_536
MOST_SECONDS = 0.05


def busy(do: Any) -> float:
    """How long the processor works, at its best of three."""

    def once() -> float:
        begun = time.thread_time()
        do()
        return time.thread_time() - begun

    return min(once() for _ in range(3))


@pytest.mark.parametrize(
    "resource",
    [
        condition(coded(ICD, "K50" + "x" * LONG), id="long"),
        condition({"coding": [{"code": "K50" + "x" * LONG}]}, id="long"),
        infusion(id="long", medicationCodeableConcept=coded(ATC, "L04" + "x" * LONG)),
        prescription(coded(ATC, "L04" + "x" * LONG), id="long"),
        {
            "resourceType": "Procedure",
            "id": "long",
            "status": "completed",
            "subject": {"reference": "Patient/p1"},
            "code": coded(PCS, "0D9" + "x" * LONG),
        },
    ],
    ids=["diagnosis", "diagnosis without a system", "infusion", "prescription", "procedure"],
)
def test_a_code_of_64_k_characters_is_read_at_once(resource: dict[str, Any]) -> None:
    assert busy(lambda: read(resource)) < MOST_SECONDS


def test_a_reason_of_an_order_with_such_a_code_is_read_at_once() -> None:
    draft = prescription(coded(ATC, "L04AB02"), id="d", reasonCode=[coded(ICD, "K50" + "x" * LONG)])
    orders = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
    assert busy(lambda: read_orders(orders, (), load_tables())) < MOST_SECONDS


@pytest.mark.parametrize("code", ["K50.90", "K50.90" + "x" * 40])
def test_a_long_code_still_begins_with_its_category(code: str) -> None:
    (diagnosis,) = read(condition(coded(ICD, code))).diagnoses
    assert "crohns" in diagnosis.concepts


def test_beginnings_have_three_characters_and_more_and_end_where_no_row_can_go_on() -> None:
    assert [beginnings(code) for code in ("", "K5", "K50", "K5090")] == [[], [], ["K50"], ["K50", "K509", "K5090"]]
    assert len(beginnings("x" * LONG)[-1]) == LONGEST_PREFIX
