"""Is this level a trough? The qualification table of the clinical contract, its borders and its order."""

from datetime import timedelta, timezone

import pytest

from cds_service.clinical.assessment import Qualification, TroughStatus
from cds_service.clinical.record import Moment, Route
from tests.clinical.charts import (
    EIGHT_WEEKLY,
    VISIT,
    ago,
    chart,
    day,
    infusion,
    infusions,
    judge,
    level,
    order,
)

BELOW, WITHIN, ABOVE, OPEN = (s.value for s in TroughStatus)


def qualified(record: object) -> tuple[str, str]:
    trough = judge(record).trough  # type: ignore[arg-type]
    return trough.qualification.value, trough.status.value


@pytest.mark.parametrize(
    ("drawn", "value", "expected"),
    [
        # around the due date, which is the visit
        (ago(hours=1), 1.7, ("trough", BELOW)),
        (ago(hours=24), 1.7, ("trough", BELOW)),
        (ago(hours=25), 1.7, ("early", BELOW)),
        (ago(days=41), 1.7, ("early", BELOW)),
        (ago(days=43), 1.7, ("too-early", OPEN)),  # under 14 days after the infusion, though low
        # adequate: only conclusive if still in target at a half-life of 7 days
        (ago(hours=1), 7, ("trough", WITHIN)),
        (ago(days=3), 7, ("early", WITHIN)),
        (ago(days=7), 9.9, ("too-early", OPEN)),
        (ago(days=7), 10, ("early", WITHIN)),
        (ago(days=7), 22, ("early", ABOVE)),
        # around the infusion 8 weeks ago, which took two hours
        (ago(weeks=8), 90, ("during-or-after-infusion", OPEN)),
        (ago(weeks=8, hours=-25.9), 90, ("during-or-after-infusion", OPEN)),
        (ago(weeks=8, hours=-26.1), 90, ("too-early", OPEN)),
        (ago(weeks=8, hours=1), 1.7, ("trough", BELOW)),
        # dates without times
        (day(), 1.7, ("trough", BELOW)),
        (day(days=1), 1.7, ("trough", BELOW)),
        (day(days=2), 1.7, ("early", BELOW)),
        (day(weeks=8), 1.7, ("trough", BELOW)),
    ],
)
def test_on_an_eight_weekly_regimen(drawn: Moment, value: float, expected: tuple[str, str]) -> None:
    assert qualified(chart(level(value, drawn))) == expected


def test_a_sample_on_the_day_of_the_infusion_without_a_time_is_read_as_drawn_before_it_and_says_so() -> None:
    assessment = judge(chart(level(1.7, day(weeks=8))))
    assert "read as drawn before it" in assessment.trough.reasons[0]


def test_an_infusion_with_a_date_only_does_not_turn_the_sample_of_that_day_into_a_peak() -> None:
    given = [*infusions(EIGHT_WEEKLY[:-1]), infusion(day(weeks=8))]
    assert qualified(chart(level(1.7, ago(weeks=8, hours=-1)), given=given)) == ("trough", BELOW)


def test_the_time_zone_of_a_sample_does_not_move_it() -> None:
    elsewhere = Moment((VISIT - timedelta(hours=1)).astimezone(timezone(timedelta(hours=-7))))
    assert qualified(chart(level(1.7, elsewhere))) == ("trough", BELOW)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("<0.4", BELOW),
        ("<5", BELOW),
        ("<=5", OPEN),
        ("<7", OPEN),
        (">34", ABOVE),
        (">10", ABOVE),
        (">7", OPEN),
        (5, WITHIN),
        (10, WITHIN),
        (10.1, ABOVE),
        (4.99, BELOW),
    ],
)
def test_a_bound_counts_only_where_its_whole_interval_falls_on_one_side(value: str | float, status: str) -> None:
    assert qualified(chart(level(value)))[1] == status


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ((2,), "induction"),
        ((6, 4), "induction"),
        ((11, 9, 5), "induction"),  # five weeks after infusion 3
        ((12, 10, 6), "first-maintenance"),
        ((14, 12, 8), "first-maintenance"),
        ((15.2, 13.2, 9.2), "after-delayed-infusion"),
        ((22, 20, 16, 8), "trough"),
        ((11, 10, 8), "first-maintenance"),  # accelerated: infusions are counted
    ],
)
def test_infusions_are_counted_through_the_induction(weeks: tuple[float, ...], expected: str) -> None:
    assert qualified(chart(level(1.7), given=infusions(weeks)))[0] == expected


def test_a_record_that_begins_in_maintenance_is_read_as_maintenance() -> None:
    assert qualified(chart(level(1.7), given=infusions((16, 8))))[0] == "trough"
    assert qualified(chart(level(1.7), given=infusions((12, 8, 4))))[0] == "trough"


def test_two_infusions_four_weeks_apart_are_read_as_induction_since_they_may_be() -> None:
    assert qualified(chart(level(1.7), given=infusions((8, 4))))[0] == "induction"


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ((64, 62, 58, 50, 42, 34, 26, 18, 8), "after-delayed-infusion"),  # 10 weeks before it
        ((63, 61, 57, 49, 41, 33, 25, 17, 8), "trough"),  # 9 weeks: 7 days late is not more than 7
        ((64, 62, 58, 50, 42, 34, 26, 18, 10), "after-delayed-infusion"),  # the sample itself
        ((80, 78, 74, 66, 58, 50, 42, 34, 26, 16, 8), "trough"),  # the delay was one infusion earlier
    ],
)
def test_after_a_delay_nothing_is_judged_until_an_infusion_on_time(weeks: tuple[float, ...], expected: str) -> None:
    assert qualified(chart(level(1.7), given=infusions(weeks)))[0] == expected


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ((60, 58, 54, 46, 38, 30, 22, 14, 6), "early"),  # every 8 weeks, drawn at 6: early and low
        ((66, 64, 60, 52, 44, 36, 28, 20, 12, 6), "trough"),  # 8, then 6: two infusions on the new regimen
        ((70, 68, 64, 56, 48, 40, 30, 20, 10), "trough"),  # 8, then 10 twice: a longer regimen, not a delay
    ],
)
def test_a_change_of_interval_starts_a_new_regimen(weeks: tuple[float, ...], expected: str) -> None:
    assert qualified(chart(level(1.7), given=infusions(weeks)))[0] == expected


def test_a_level_from_before_a_change_of_interval_is_too_old_for_the_new_regimen() -> None:
    given = infusions((62, 60, 56, 48, 40, 32, 24, 16, 10, 4))
    assert qualified(chart(level(1.7, ago(weeks=16, hours=1)), given=given))[0] == "before-steady-state"
    assert qualified(chart(level(1.7, ago(weeks=10, hours=1)), given=given))[0] == "before-steady-state"
    assert qualified(chart(level(1.7, ago(weeks=4, hours=1)), given=given))[0] == "trough"


def test_one_early_infusion_does_not_start_a_new_regimen() -> None:
    given = infusions((62, 60, 56, 48, 40, 32, 24, 18, 10, 2))
    assert judge(chart(level(1.7), given=given)).given.interval_weeks == pytest.approx(8)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("mg", "expected"), [(400, "before-steady-state"), (230, "trough"), (241, "before-steady-state")]
)
def test_a_change_of_dose_starts_a_new_regimen_but_vial_rounding_does_not(mg: float, expected: str) -> None:
    given = [*infusions(EIGHT_WEEKLY[:-1]), infusion(ago(weeks=8), mg)]
    assert qualified(chart(level(1.7), given=given))[0] == expected


def test_an_infusion_given_more_than_a_week_early_makes_an_adequate_level_prove_nothing() -> None:
    given = infusions((60, 58, 54, 46, 38, 30, 22, 14, 8, 0))
    early = chart(level(7, ago(weeks=8, hours=1)), given=[*given[:-1], infusion(ago(hours=-1))])
    assert qualified(early)[0] in ("too-early", "before-steady-state")


@pytest.mark.parametrize(
    ("drawn", "value", "expected"),
    [
        (ago(weeks=16, hours=1), 3, ("trough", BELOW)),
        (ago(weeks=16, days=1), 3, ("stale", BELOW)),
        (ago(weeks=24, hours=1), 7, ("stale", WITHIN)),
    ],
)
def test_a_level_goes_stale_after_sixteen_weeks_and_keeps_its_status(
    drawn: Moment, value: float, expected: tuple[str, str]
) -> None:
    assert qualified(chart(level(value, drawn))) == expected


def test_a_level_goes_stale_after_more_than_two_infusions() -> None:
    given = infusions((42, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4))
    assert qualified(chart(level(3, ago(weeks=8, hours=1)), given=given))[0] == "trough"
    assert qualified(chart(level(3, ago(weeks=12, hours=1)), given=given))[0] == "stale"


def test_a_trough_drawn_at_the_last_infusion_and_reported_after_it_counts() -> None:
    assert qualified(chart(level(3, ago(weeks=8, hours=1)))) == ("trough", BELOW)


def test_without_an_infusion_before_it_a_level_is_unpaired() -> None:
    assert qualified(chart(level(3, ago(weeks=80)))) == ("unpaired", OPEN)
    assert qualified(chart(level(3, drawn=None))) == ("unpaired", OPEN)


def test_without_a_level_there_is_none() -> None:
    assert qualified(chart()) == ("none", OPEN)


def test_the_newest_qualifying_level_decides_and_newer_ones_are_named() -> None:
    record = chart(level(1.7, ago(weeks=8, hours=1)), level(20, ago(weeks=6)), level(None, ago(days=1)))
    assessment = judge(record)
    assert assessment.trough.level is not None
    assert assessment.trough.level.reading.value == 1.7  # type: ignore[union-attr]
    assert [j.qualification for j in assessment.newer_levels] == [Qualification.TROUGH, Qualification.TOO_EARLY]
    assert sum(issue.code == "level-not-usable" for issue in assessment.issues) == 2


def test_hours_to_both_neighbouring_infusions_are_told() -> None:
    trough = judge(chart(level(1.7, ago(weeks=8, hours=1)))).trough
    assert (trough.hours_after_previous_infusion, trough.hours_before_next_infusion) == (8 * 168 - 1, 1)


def test_a_too_early_level_says_which_trough_it_implies() -> None:
    trough = judge(chart(level(8, ago(days=14)))).trough
    assert trough.qualification is Qualification.TOO_EARLY
    assert trough.implied_trough == pytest.approx((2, 4))


def test_a_draft_for_later_does_not_make_the_first_trough_late() -> None:
    first = chart(level(3), given=infusions((14, 12, 8)))
    assert judge(first, order(weeks=6)).trough.qualification is Qualification.FIRST_MAINTENANCE
    assert judge(first, order(weeks=4)).trough.qualification is Qualification.FIRST_MAINTENANCE


def test_the_draft_says_when_the_fourth_infusion_is_due() -> None:
    given = judge(chart(given=infusions((10, 8, 4))), order(weeks=6)).given
    assert given is not None
    assert given.due == ago(weeks=-2)


def test_a_level_of_an_earlier_regimen_is_judged_by_its_own_interval() -> None:
    given = infusions((62, 60, 56, 48, 40, 32, 24, 16, 10, 4))
    trough = judge(chart(level(1.7, ago(weeks=16, hours=1)), given=given), order(weeks=6)).trough
    assert trough.qualification is Qualification.BEFORE_STEADY_STATE


def test_a_change_of_dose_keeps_the_interval() -> None:
    weeks = (62, 60, 56, *range(52, 3, -4))
    given = [*infusions(weeks)[:-1], infusion(ago(weeks=4), 400)]
    regimen = judge(chart(given=given), None).given
    assert regimen is not None
    assert (regimen.interval_weeks, regimen.due, regimen.infusions_on_regimen) == (4, ago(), 1)


def test_injections_since_the_last_infusion_are_no_gap() -> None:
    injections = [infusion(ago(weeks=w), 120, route=Route.SUBCUTANEOUS) for w in (8, 6, 4, 2)]
    given = [*infusions((78, 76, 72, 64, 56, 48, 40, 32, 24, 16)), *injections]
    assert judge(chart(given=given)).leading_rule == 8


def test_a_bound_drawn_early_proves_nothing_and_leaves_the_older_trough_to_decide() -> None:
    trough = judge(chart(level(2, ago(weeks=8, hours=1)), level("<7", ago(days=2)))).trough
    assert trough.reading is not None
    assert trough.reading.value == 2
