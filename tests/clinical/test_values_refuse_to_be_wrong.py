"""Values of the record cannot be built wrong, and infusions are merged and compared as charted."""

from datetime import datetime

import pytest

from cds_service.clinical.applicability import age_in_years
from cds_service.clinical.courses import merge_infusions
from cds_service.clinical.explain import explain, not_applicable
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import Comparator, ConditionState, Diagnosis, InfusionOrder, Moment, Reading, Route
from tests.clinical.charts import VISIT, ago, chart, day, infusion, infusions, judge, level, measured, order


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Moment(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_reading_is_finite_and_not_negative(value: float) -> None:
    with pytest.raises(ValueError, match="finite number"):
        Reading(value)


@pytest.mark.parametrize("mg", [0, -5, 10_000])
def test_a_dose_is_a_dose(mg: float) -> None:
    with pytest.raises(ValueError, match="10,000 mg"):
        infusion(ago(weeks=8), mg)


def test_an_infusion_ends_after_it_starts() -> None:
    with pytest.raises(ValueError, match="ends after"):
        infusion(ago(weeks=8), end=ago(weeks=9))


@pytest.mark.parametrize("weeks", [0, -1, 105])
def test_an_interval_is_an_interval(weeks: float) -> None:
    with pytest.raises(ValueError, match="104 weeks"):
        InfusionOrder("MedicationRequest/1", interval_weeks=weeks)


def test_a_bound_is_an_interval() -> None:
    less = Reading(0.4, Comparator.LESS)
    assert (less.low, less.high) == (0, 0.4)
    assert less.surely_below(0.4)
    assert not Reading(0.4, Comparator.LESS_OR_EQUAL).surely_below(0.4)
    assert Reading(34, Comparator.GREATER).surely_above(34)
    assert not Reading(34, Comparator.GREATER_OR_EQUAL).surely_above(34)


def test_the_newest_date_of_a_diagnosis_is_the_later_one() -> None:
    entry = Diagnosis(frozenset(), "K50.9", "", ConditionState.ACTIVE, "Condition/1", ago(days=9), ago(days=2))
    assert entry.newest_date == ago(days=2)


@pytest.mark.parametrize(
    ("born", "years"), [("2014-11-23", 12.0), ("2014-11-24", 11.9), ("2008-11-23", 18.0), ("2012-02-29", 14.7)]
)
def test_age_is_never_rounded_up_over_a_birthday(born: str, years: float) -> None:
    assert age_in_years(datetime.fromisoformat(born).date(), VISIT) == pytest.approx(years)


def test_equal_records_of_one_infusion_count_once() -> None:
    twice = [*infusions(), infusion(ago(weeks=8), evidence="MedicationAdministration/copy")]
    given = judge(chart(level(1.7), given=twice)).given
    assert given is not None
    assert (given.infusions_on_record, given.dose_mg) == (9, 200)


@pytest.mark.parametrize("order", [(False, True), (True, False)])
def test_a_record_from_while_it_ran_and_the_completed_one_are_one_infusion(order: tuple[bool, bool]) -> None:
    records = [infusion(ago(weeks=8), 200.0, complete=done, evidence=f"e-{n}") for n, done in enumerate(order)]
    [(whole, evidence)] = merge_infusions(records)
    assert (whole.dose_mg, whole.complete, evidence) == (200.0, True, ("e-0", "e-1"))


def test_parts_of_one_infusion_add_up_and_an_unknown_part_leaves_the_dose_unknown() -> None:
    def last_dose(*parts: float | None) -> float | None:
        split = [infusion(ago(weeks=8, hours=-i), mg) for i, mg in enumerate(parts)]
        given = judge(chart(level(1.7), given=[*infusions()[:-1], *split])).given
        assert given is not None
        assert given.infusions_on_record == 9
        return given.dose_mg

    assert last_dose(100, 100) == 200
    assert last_dose(100, None) is None


def test_an_infusion_without_a_dose_still_has_an_interval() -> None:
    assessment = judge(chart(level(1.7), given=infusions(mg=None)))
    assert assessment.leading_rule == 14
    assert assessment.given is not None
    assert assessment.given.dose_mg_per_kg is None


def test_without_weights_milligrams_are_compared() -> None:
    record = chart(level(1.7), weights=[])
    assert judge(record, order(mg=400)).leading_rule == 7
    changed = [*infusions()[:-1], infusion(ago(weeks=8), 400)]
    assert judge(chart(level(1.7), given=changed, weights=[])).leading_rule == 8


def test_a_draft_in_milligrams_per_kilogram_is_read() -> None:
    ordered = judge(chart(level(1.7)), order(mg=None, dose_mg_per_kg=5.0)).ordered
    assert ordered is not None
    assert ordered.dose_mg == pytest.approx(200)


def test_a_draft_without_dose_or_interval_changes_nothing_that_is_known() -> None:
    ordered = judge(chart(level(1.7)), order(weeks=None, mg=None)).ordered
    assert ordered is not None
    assert (ordered.change.value, ordered.interval_inferred, ordered.interval_weeks) == ("unknown", True, 8)


def test_everything_that_can_be_unknown_is_written_as_null() -> None:
    document = not_applicable("p1", VISIT, "no infliximab order", Policy())
    usual = explain(judge(chart(level(1.7))))
    assert set(document) == set(usual)
    assert document["applies"] is False
    assert document["regimen"] == {"route": None, "given": None, "ordered": None}
    assert document["level"]["value"] is None
    assert document["advice"] == []


def test_the_json_names_the_subcutaneous_route() -> None:
    document = explain(judge(chart(level(12)), order(route=Route.SUBCUTANEOUS)))
    assert document["regimen"]["route"] == "subcutaneous"


def test_a_date_without_a_time_stays_a_date_in_the_json() -> None:
    assert explain(judge(chart(level(1.7, day()))))["level"]["drawn_at"] == "2026-11-23"


def test_returning_from_subcutaneous_infliximab_the_count_starts_again() -> None:
    given = [*infusions(), infusion(ago(weeks=2), 120, route=Route.SUBCUTANEOUS)]
    assessment = judge(chart(level(12), given=given))
    assert assessment.phase.value == "maintenance"
    assert assessment.leading_rule == 8


@pytest.mark.parametrize(("weeks", "known"), [(8, True), (20, True), (21, False), (7, False)])
def test_a_dose_per_kilogram_needs_a_weight_of_that_day_or_of_twelve_weeks_before(weeks: int, known: bool) -> None:
    given = judge(chart(level(1.7), weights=[measured("weight", 40, ago(weeks=weeks))])).given
    assert given is not None
    assert (given.dose_mg_per_kg is not None) == known
