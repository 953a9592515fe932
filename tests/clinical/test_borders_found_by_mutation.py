"""Borders that no other check held: each case fails when one place of the decision is changed (docs/mutation.md)."""

from datetime import date

import pytest

from cds_service.clinical.assessment import GivenRegimen, Qualification, TroughStatus
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import Infusion, InfusionOrder, Measurement, Moment, Route, TreatmentRecord
from cds_service.clinical.trough import IMPLAUSIBLE
from tests.clinical.charts import (
    ACTIVE,
    CROHNS,
    DOSE_MG,
    EIGHT_WEEKLY,
    ago,
    antibody,
    chart,
    diagnosed,
    infusion,
    infusions,
    judge,
    level,
    measured,
    order,
)
from tests.spec.case import Case, all_cases
from tests.spec.chart import judge as judge_case

FOUR_WEEKLY = (62, 60, *range(56, 3, -4))

# The level and its interval

# Every 8 weeks, but for the infusion 12 weeks ago, which came two weeks before it was due.
ONCE_TWO_WEEKS_EARLY = (64, 62, 58, 50, 42, 34, 26, 18, 12, 4)


@pytest.mark.parametrize(("days_after", "expected"), [(41, "induction"), (42, "first-maintenance")])
def test_six_weeks_after_infusion_3_are_forty_two_days(days_after: int, expected: str) -> None:
    given = [infusion(ago(days=days_after + before)) for before in (42, 28, 0)]
    assert judge(chart(level(1.7), given=given)).trough.qualification.value == expected


def test_the_twenty_fourth_hour_after_the_end_of_an_infusion_still_belongs_to_it() -> None:
    trough = judge(chart(level(90, ago(weeks=8, hours=-26)))).trough
    assert trough.qualification is Qualification.DURING_OR_AFTER_INFUSION


def test_a_first_trough_before_an_infusion_with_another_dose_is_older_than_the_regimen() -> None:
    given = [*infusions((22, 20, 16)), infusion(ago(weeks=8), 400)]
    trough = judge(chart(level(1.7, ago(weeks=8, hours=1)), given=given)).trough
    assert trough.qualification is Qualification.BEFORE_STEADY_STATE


def test_an_early_sample_before_infusion_4_that_proves_nothing_is_no_first_trough() -> None:
    trough = judge(chart(level(7, ago(days=14)), given=infusions((14, 12, 8)))).trough
    assert trough.qualification is Qualification.TOO_EARLY


def test_a_level_in_the_middle_of_an_earlier_interval_is_no_trough() -> None:
    trough = judge(chart(level(9, ago(weeks=10)))).trough
    assert (trough.qualification, trough.implied_trough) == (Qualification.TOO_EARLY, pytest.approx((2.25, 4.5)))
    assert trough.reasons == ("drawn too early to tell the trough",)


def test_an_early_sample_whose_value_could_not_be_read_proves_nothing() -> None:
    assert judge(chart(level(None, ago(days=10)))).trough.qualification is Qualification.TOO_EARLY


@pytest.mark.parametrize(("value", "status"), [(100, "above"), (100.1, "undetermined")])
def test_above_a_hundred_a_level_is_not_believed(value: float, status: str) -> None:
    trough = judge(chart(level(value))).trough
    assert trough.status.value == status
    assert (IMPLAUSIBLE in trough.reasons) is (status == "undetermined")


def test_an_infusion_exactly_seven_days_early_still_ends_its_interval() -> None:
    given = infusions((61, 59, 55, 47, 39, 31, 23, 15, 7, 0))
    trough = judge(chart(level(7, ago(hours=1)), given=given)).trough
    assert (trough.qualification, trough.status) == (Qualification.TROUGH, TroughStatus.WITHIN)


def test_before_an_infusion_given_too_early_even_a_very_high_level_proves_nothing_and_decays_to_the_due_date() -> None:
    trough = judge(chart(level(80, ago(weeks=14)), given=infusions(ONCE_TWO_WEEKS_EARLY))).trough
    assert trough.qualification is Qualification.TOO_EARLY
    assert trough.implied_trough == pytest.approx((5, 20))


@pytest.mark.parametrize(
    ("value", "drawn", "expected", "implied"),
    [
        (15, ago(days=7), ("early", "within"), (7.5, 10.61)),  # above when drawn, in target at the due date
        (">34", ago(days=14), ("early", "within"), (8.5, 17)),
        (">7", ago(days=3), ("early", "undetermined"), (5.2, 6.03)),  # reaches the target, may be above it
        ("<4", ago(days=14), ("early", "below"), (1, 2)),
        ("<7", ago(days=3), ("too-early", "undetermined"), (5.2, 6.03)),  # may be anything under 7
    ],
)
def test_an_early_level_is_judged_by_the_trough_it_implies(
    value: float | str, drawn: Moment, expected: tuple[str, str], implied: tuple[float, float]
) -> None:
    trough = judge(chart(level(value, drawn))).trough
    assert (trough.qualification.value, trough.status.value) == expected
    assert trough.implied_trough == pytest.approx(implied, abs=0.01)


@pytest.mark.parametrize(
    ("level_weeks", "given", "reason"),
    [
        (24, EIGHT_WEEKLY, "drawn more than 16 weeks ago"),
        (12, (42, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4), "more than two infusions since the sample"),
    ],
)
def test_a_stale_level_says_which_of_both_reasons_holds(
    level_weeks: int, given: tuple[float, ...], reason: str
) -> None:
    assert judge(chart(level(3, ago(weeks=level_weeks, hours=1)), given=infusions(given))).trough.reasons == (reason,)


def test_only_a_sample_of_the_day_of_an_infusion_says_that_it_was_read_as_drawn_before_it() -> None:
    assert judge(chart(level(1.7, ago(weeks=8, hours=1)))).trough.reasons == ()


def test_a_dated_level_goes_before_one_without_a_date() -> None:
    trough = judge(chart(level(3, drawn=None), level(9, ago(weeks=4)))).trough
    assert trough.drawn == ago(weeks=4)


def test_an_active_fistula_has_no_upper_limit() -> None:
    record = chart(level(12), diagnoses=[CROHNS, diagnosed("perianal_fistula", recorded=ago(days=30))])
    assert judge(record).trough_status is TroughStatus.WITHIN


@pytest.mark.parametrize(
    ("levels", "rule"),
    [
        ([level(3, ago(weeks=8, hours=-1)), level(6)], 21),  # the first was drawn during the infusion
        ([level(None, ago(hours=2)), level(7)], 21),  # one of them could not be read
        ([level(7, ago(hours=5)), level(7)], 21),  # twice the same
        ([level(6, ago(hours=25)), level(6.9)], 21),  # 15 % more within a day: the assay
        ([level(6), level(6.9)], 21),
        ([level(3, ago(weeks=80)), level(6, ago(weeks=79))], 8),  # before any infusion on record
    ],
)
def test_levels_that_do_not_contradict_each_other(levels: list[object], rule: int) -> None:
    assert judge(chart(*levels)).leading_rule == rule  # type: ignore[arg-type]


# The table


@pytest.mark.parametrize("draft", [order(mg=150), order(weeks=10)])
def test_a_draft_that_gives_less_is_no_matter_while_the_level_is_in_target(draft: InfusionOrder) -> None:
    assert judge(chart(level(7)), draft).leading_rule == 21


@pytest.mark.parametrize(("weeks", "rule", "severity"), [(6, 17, "warning"), (4, 16, "info")])
def test_at_both_limits_only_a_draft_that_gives_less_is_warned_of(weeks: float, rule: int, severity: str) -> None:
    assessment = judge(chart(level(1.7), given=infusions(FOUR_WEEKLY, 400)), order(weeks=weeks, mg=400))
    lead = assessment.advice[0]
    assert (lead.kind.value, assessment.leading_rule, lead.severity.value) == ("at_limit", rule, severity)


@pytest.mark.parametrize(
    ("record", "row"),
    [
        (chart(level(7), born=date(2000, 1, 1), markers=ACTIVE), 1),
        (chart(level(7), diagnoses=[], markers=ACTIVE), 3),
        (chart(level(1.7), antibodies=[], born=date(2000, 1, 1)), 1),
    ],
)
def test_no_further_row_follows_what_is_not_ours_or_cannot_be_judged(record: TreatmentRecord, row: int) -> None:
    assessment = judge(record)
    assert (assessment.leading_rule, len(assessment.advice)) == (row, 0 if row == 1 else 1)


def test_a_first_trough_after_induction_leaves_the_warning_of_a_stop_condition() -> None:
    record = chart(level(1.7), given=infusions((14, 12, 8)), diagnoses=[CROHNS, diagnosed("stop.abscess")])
    assert [(entry.rule, entry.severity.value) for entry in judge(record).advice] == [(2, "warning")]


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.title)
def test_the_leading_entry_carries_the_number_of_the_leading_row(case: Case) -> None:
    assessment = judge_case(case)
    assert [entry.rule for entry in assessment.advice[:1]] in ([assessment.leading_rule], [])


@pytest.mark.parametrize(
    ("weeks", "draft", "expected"),
    [
        (EIGHT_WEEKLY, order(), [("shorten_interval", 14), ("consider_reinduction", 14)]),
        (EIGHT_WEEKLY, order(weeks=10), [("shorten_interval", 17), ("consider_reinduction", 14)]),
        (FOUR_WEEKLY, order(weeks=4), [("review_dose", 15), ("consider_reinduction", 15)]),
    ],
)
def test_reinduction_stands_beside_the_row_that_offers_it(
    weeks: tuple[float, ...], draft: InfusionOrder, expected: list[tuple[str, int]]
) -> None:
    advice = judge(chart(level("<0.4"), given=infusions(weeks)), draft).advice
    assert [(entry.kind.value, entry.rule) for entry in advice] == expected
    assert advice[0].reasons[0] == "trough below target"


def test_row_14_names_the_antibody_among_its_reasons() -> None:
    assert "antibody negative" in judge(chart(level(1.7))).advice[0].reasons


def test_row_8_tells_why_the_level_is_not_usable() -> None:
    assert judge(chart(level(9, ago(weeks=4)))).advice[0].reasons == ("drawn too early to tell the trough",)


# The infusions


def test_without_a_plan_the_fourth_infusion_is_due_eight_weeks_after_the_third() -> None:
    given = judge(chart(given=infusions((10, 8, 4))), order(weeks=None)).given
    assert given is not None
    assert given.due == ago(weeks=-4)


@pytest.mark.parametrize(("days_ago", "due_in_days"), [(49, -7), (50, 6)])
def test_a_draft_plans_the_fourth_infusion_until_it_is_a_week_late_by_that_plan(
    days_ago: int, due_in_days: int
) -> None:
    given = judge(chart(given=[infusion(ago(days=days_ago + d)) for d in (42, 28, 0)]), order(weeks=6)).given
    assert given is not None
    assert given.due == ago(days=-due_in_days)


def test_the_interval_is_the_median_of_the_last_three_kept() -> None:
    given = judge(chart(given=infusions((45, 43, 39, 31, 23, 14, 5))), None).given
    assert given is not None
    assert (given.interval_weeks, given.due) == (9, ago(weeks=-4))


def test_the_fourth_infusion_was_due_by_the_interval_that_the_regimen_then_kept() -> None:
    trough = judge(chart(level(7, ago(weeks=8, hours=1)), given=infusions((20, 18, 14, 8, 2)))).trough
    assert trough.qualification is Qualification.FIRST_MAINTENANCE


def test_a_sample_before_the_dose_changed_was_due_by_the_last_interval_before_it() -> None:
    given = [*infusions((30, 28, 24, 18)), infusion(ago(weeks=10), 400)]  # six weeks, then eight
    trough = judge(chart(level(1.7, ago(weeks=10, hours=1)), given=given)).trough
    assert trough.qualification is Qualification.AFTER_DELAYED_INFUSION


def test_a_sample_after_one_early_infusion_and_before_another_dose_does_not_qualify() -> None:
    given = [*infusions((52, 50, 46, 38, 30, 22, 16)), infusion(ago(weeks=8), 400)]
    assert not judge(chart(level(1.7, ago(weeks=8, hours=1)), given=given)).trough.qualification.qualifies


def every(interval: int, newest: float) -> tuple[float, ...]:
    """An induction and five infusions after it, so many weeks before the visit."""
    regular = [newest + interval * before for before in (5, 4, 3, 2, 1, 0)]
    return regular[0] + 6, regular[0] + 4, *regular


@pytest.mark.parametrize(
    ("weeks", "row"),
    [
        ((*every(8, 14), 2), 5),  # twelve weeks apart, four weeks late
        ((*every(8, 14 - 1 / 7), 2), 7),  # a day less
        ((*every(4, 14 - 1 / 7), 2), 7),  # very late, yet less than twelve weeks apart
        ((*every(9, 14), 2), 7),  # twelve weeks apart, yet three weeks late
        ((14, 2), 5),  # only two on record, the beginning is not
        ((20, 18, 14, 2), 5),  # the gap follows the induction
        ((10, 8, 4), 8),  # an induction just ended, and no gap
    ],
)
def test_induction_spacing_is_a_restart_only_after_a_gap(weeks: tuple[float, ...], row: int) -> None:
    assert judge(chart(given=infusions(weeks)), order(weeks=2)).leading_rule == row


def test_a_gap_is_measured_by_the_interval_kept_before_the_injections() -> None:
    given = [*infusions(every(12, 15)), *injections(8), infusion(ago(weeks=2))]
    assert judge(chart(given=given), order(weeks=2)).leading_rule == 8


def injections(*weeks: float) -> list[Infusion]:
    """Subcutaneous doses so many weeks before the visit."""
    return [infusion(ago(weeks=w), 120, route=Route.SUBCUTANEOUS) for w in weeks]


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ((44, 20), 2),  # two infusions since the second of them
        ((16,), 1),  # the infusion charted at the same time is not one after it
    ],
)
def test_infusions_count_anew_after_the_last_injection(weeks: tuple[float, ...], expected: int) -> None:
    given = judge(chart(given=[*infusions(), *injections(*weeks)])).given
    assert given is not None
    assert given.infusions_on_regimen == expected


def test_a_child_back_on_infusions_is_ours_again_also_without_an_order() -> None:
    assert judge(chart(given=[*infusions(), *injections(20)]), None).applies
    assert not judge(chart(given=[*infusions(), *injections(4)]), None).applies


def regimen_of(weeks: tuple[float, ...], **more: object) -> tuple[float | None, int]:
    """The interval in weeks that is read from infusions so many weeks before the visit, and how many keep it."""
    given = judge(chart(given=infusions(weeks), **more), None).given  # type: ignore[arg-type]
    assert given is not None
    return given.interval_weeks, given.infusions_on_regimen


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ((23, 21, 17, 8), (9, 2)),  # the first interval may be a week longer than the label's
        ((37, 35, 31, 20, 10), (10.5, 3)),  # eleven, then ten: a longer regimen from the first interval on
        ((34, 32, 28, 16, 8), (8, 3)),  # twelve, then eight: the fourth infusion came late
        ((51, 49, 45, 37, 29, 19, 8), (10.5, 3)),  # eight, then ten and eleven: a longer regimen
        ((45, 43, 39, 31, 23, 17, 8), (8, 5)),  # eight, then six and nine: one came early
        ((26, 24, 20, 8), (None, 2)),  # the fourth came late, and no interval was kept yet
        ((48, 46, 42, 34, 26, 16, 8), (8, 5)),  # eight, once ten, and eight again: one came late
        ((43, 41, 37, 29, 21, 13, 7), (8, 5)),  # eight, then six, and seven weeks of waiting: one came early
        ((42, 40, 36, 28, 20, 12, 7 - 1 / 7), (5 + 1 / 7, 2)),  # a day less: every five weeks from now on
    ],
)
def test_a_regimen_is_an_interval_within_one_week(weeks: tuple[float, ...], expected: tuple[float, int]) -> None:
    assert regimen_of(weeks) == expected


def test_the_usual_interval_follows_the_last_three_as_they_drift() -> None:
    drifting = infusions((59, 57, 53, 45, 37, 28, 19, 9))  # eight, eight, nine, nine, ten
    assert judge(chart(level(1.7), given=drifting)).trough.qualification is Qualification.TROUGH


def test_another_dose_at_the_third_infusion_of_a_regimen_starts_a_new_one() -> None:
    given = [*infusions((30, 28, 24, 16)), infusion(ago(weeks=8), 400)]
    assert judge(chart(level(1.7), given=given)).trough.qualification is Qualification.BEFORE_STEADY_STATE


@pytest.mark.parametrize("more", [{}, {"weights": ()}])
def test_a_dose_at_the_border_of_the_tolerance_is_the_same_dose(more: dict[str, object]) -> None:
    given = [*infusions(EIGHT_WEEKLY[:-1]), infusion(ago(weeks=8), 250)]
    trough = judge(chart(level(1.7), given=given, **more), policy=Policy(regimen_dose_tolerance=0.25)).trough  # type: ignore[arg-type]
    assert trough.qualification is Qualification.TROUGH


@pytest.mark.parametrize(
    ("days_ago", "phase"),
    [
        ((14, 0), "induction"),
        ((83, 69, 41), "induction"),
        ((84, 70, 42), "maintenance"),
        ((112, 98, 70, 14), "maintenance"),
    ],
)
def test_the_induction_ends_six_weeks_after_infusion_3(days_ago: tuple[int, ...], phase: str) -> None:
    assert judge(chart(given=[infusion(ago(days=d)) for d in days_ago]), None).phase.value == phase


def infusions_on_regimen(doses: tuple[float | None, ...], **more: object) -> int:
    """How many infusions keep the newest dose: two of the induction, then every 8 weeks; under 200 mg is a part."""
    regular = [8 * before for before in range(len(doses) - 2, 0, -1)]
    weeks = (regular[0] + 6, regular[0] + 4, *regular)
    given = [
        infusion(ago(weeks=w), mg, complete=mg is None or mg >= DOSE_MG) for w, mg in zip(weeks, doses, strict=True)
    ]
    regimen = judge(chart(given=given, **more), None).given  # type: ignore[arg-type]
    assert regimen is not None
    return regimen.infusions_on_regimen


@pytest.mark.parametrize(
    ("doses", "expected"),
    [
        ((200, 200, 200, 100, 200), 3),  # the fourth was stopped after half of it
        ((200, 200, 200, 200, 235, 235, 270), 5),  # growing with the child
        ((200, 200, 200, 200, 235, 255), 1),  # more than a fifth over the median of three, not of two
    ],
)
def test_a_dose_is_compared_with_the_median_of_the_last_three_complete_ones(
    doses: tuple[float, ...], expected: int
) -> None:
    assert infusions_on_regimen(doses) == expected


@pytest.mark.parametrize(
    ("doses", "expected"),
    [((200, 200, None, 200, 200), 3), ((None, None, None, None, 200), 3), ((200, 200, None, 200, 400), 1)],
)
def test_without_weights_doses_are_compared_in_milligrams_where_they_are_known(
    doses: tuple[float | None, ...], expected: int
) -> None:
    assert infusions_on_regimen(doses, weights=()) == expected


def test_the_last_three_intervals_are_shown_newest_first() -> None:
    given = judge(chart(given=infusions((47, 45, 41, 33, 24, 16, 8))), None).given
    assert given is not None
    assert given.intervals_weeks == (8, 8, 9)
    assert (given.infusions_on_regimen, given.infusions_on_record) == (5, 7)


def test_the_intended_dose_is_the_median_of_the_last_three_complete_infusions() -> None:
    doses = (200, 200, 200, 200, 230, 250, 100, 220)
    given = judge(
        chart(
            given=[
                infusion(ago(weeks=w), mg, complete=mg >= DOSE_MG)
                for w, mg in zip((54, 52, 48, 40, 32, 24, 16, 8), doses, strict=True)
            ]
        ),
        None,
    ).given
    assert given is not None
    assert given.intended_mg_per_kg == pytest.approx(230 / 40)


@pytest.mark.parametrize(("weeks_ago", "told"), [(32, True), (40, False)])
def test_a_part_of_an_infusion_is_told_for_the_last_four_infusions(weeks_ago: int, told: bool) -> None:
    given = [infusion(ago(weeks=w), 200, complete=w != weeks_ago) for w in EIGHT_WEEKLY]
    codes = {issue.code for issue in judge(chart(given=given)).issues}
    assert ("partial-infusion" in codes) is told


@pytest.mark.parametrize(
    ("weeks", "row"),
    [
        (every(8, 12), 4),
        (every(8, 12 - 1 / 7), 8),
        (every(9, 12), 8),  # twelve weeks ago, three weeks overdue
        (every(9, 13), 4),
        (every(9, 13 - 1 / 7), 8),  # a day less than four weeks overdue
        (every(4, 12 - 1 / 7), 8),
        ((14, 12), 4),  # an induction that was not carried on
    ],
)
def test_a_gap_is_twelve_weeks_and_four_weeks_overdue(weeks: tuple[float, ...], row: int) -> None:
    assert judge(chart(given=infusions(weeks)), None).leading_rule == row


@pytest.mark.parametrize(
    ("weeks", "told"),
    [
        ((16, 8), True),
        ((22, 20, 16, 8), False),
        ((17, 13, 8), True),  # every four weeks, give or take one
        ((28, 24, 16, 8), False),  # four, then eight: may be the second half of an induction
        ((14, 10, 6, 4), True),  # every four weeks, then a re-induction
        ((11, 8, 5), False),  # three weeks may be an induction
        ((11, 7, 4), False),  # even after four
        ((18, 14, 8), False),  # four, then six
        ((13, 8), True),  # five weeks are no induction interval
        ((13 - 1 / 7, 8), False),
    ],
)
def test_only_a_record_that_begins_in_maintenance_says_that_it_began_elsewhere(
    weeks: tuple[float, ...], told: bool
) -> None:
    assert ("started-elsewhere" in {issue.code for issue in judge(chart(given=infusions(weeks))).issues}) is told


def told_of(code: str, record: TreatmentRecord) -> list[str | None]:
    """The evidence of every note of one kind."""
    return [issue.evidence for issue in judge(record).issues if issue.code == code]


def test_records_of_one_infusion_are_told_by_the_first_of_them() -> None:
    first = infusion(ago(weeks=8), 100, evidence="MedicationAdministration/1")
    second = infusion(ago(weeks=8, hours=-1), 100, evidence="MedicationAdministration/2", complete=False)
    record = chart(given=[*infusions(EIGHT_WEEKLY[:-1]), first, second])
    assert told_of("merged-infusions", record) == ["MedicationAdministration/1"]
    assert told_of("partial-infusion", record) == ["MedicationAdministration/1"]
    assert told_of("merged-infusions", chart()) == told_of("partial-infusion", chart()) == []


@pytest.mark.parametrize(
    ("end", "hours_after_start", "expected"),
    [
        (None, 25.9, "during-or-after-infusion"),  # two hours where the chart does not say
        (None, 26.1, "too-early"),
        (ago(weeks=8, hours=-6), 29.9, "during-or-after-infusion"),
        (ago(weeks=8, hours=-6), 30.1, "too-early"),
    ],
)
def test_a_day_after_an_infusion_counts_from_its_end(
    end: Moment | None, hours_after_start: float, expected: str
) -> None:
    given = [*infusions(EIGHT_WEEKLY[:-1]), infusion(ago(weeks=8), end=end)]
    record = chart(level(90, ago(weeks=8, hours=-hours_after_start)), given=given)
    assert judge(record).trough.qualification.value == expected


def last_of(parts: list[Infusion]) -> GivenRegimen:
    """What is read of the regimen where these records follow the infusions before the newest."""
    given = judge(chart(given=[*infusions(EIGHT_WEEKLY[:-1]), *parts]), None).given
    assert given is not None
    return given


@pytest.mark.parametrize("hours", [(0, 20, 40), (0, 1, 24)])
def test_parts_of_an_infusion_lie_within_a_day_of_its_first(hours: tuple[int, ...]) -> None:
    given = last_of([infusion(ago(weeks=8, hours=-h), 100) for h in hours])
    assert (given.infusions_on_record, given.dose_mg) == (len(EIGHT_WEEKLY) + 1, 100)


def test_an_infusion_in_parts_begins_with_the_first_and_its_dose_is_known_where_all_are() -> None:
    begun = infusion(ago(weeks=8), 50)
    known = last_of([begun, infusion(ago(weeks=8, hours=-1), 150)])
    assert (known.last_infusion, known.dose_mg) == (begun.start, 200)
    assert last_of([begun, infusion(ago(weeks=8, hours=-1), None)]).dose_mg is None


def test_the_whole_infusion_ends_with_the_last_of_its_parts_whose_end_is_told() -> None:
    parts = [infusion(ago(weeks=8), 100, end=None), infusion(ago(weeks=8, hours=-1), 50)]
    parts = [*parts, infusion(ago(weeks=8, hours=-5), 50)]
    record = chart(level(90, ago(weeks=8, hours=-30)), given=[*infusions(EIGHT_WEEKLY[:-1]), *parts])
    assert judge(record).trough.qualification is Qualification.DURING_OR_AFTER_INFUSION


def test_an_induction_left_for_twelve_weeks_begins_anew() -> None:
    assessment = judge(chart(given=infusions((16, 14, 2))))
    assert (assessment.phase.value, assessment.leading_rule) == ("re-induction", 5)


@pytest.mark.parametrize(
    ("weeks", "advice"),
    [
        ((*EIGHT_WEEKLY[:-2], 4, 2), ["measure_trough"]),  # the next is the third of a re-induction
        ((40, 38, 20, 2), []),  # left after two infusions, and after one: the next is the second
        ((18, 16, 12, 4, 2), ["measure_trough"]),  # begun with the first infusion after the induction
    ],
)
def test_a_course_begun_anew_is_counted_from_its_first_infusion(weeks: tuple[float, ...], advice: list[str]) -> None:
    assessment = judge(chart(given=infusions(weeks)))
    assert (assessment.phase.value, assessment.leading_rule) == ("re-induction", 5)
    assert [entry.kind.value for entry in assessment.advice] == advice


@pytest.mark.parametrize(("waited", "phase"), [(5, "maintenance"), (5 - 1 / 7, "re-induction")])
def test_a_reinduction_is_given_up_five_weeks_after_its_second_infusion(waited: float, phase: str) -> None:
    given = infusions((62, 60, 56, 48, 40, 32, 24, 16, waited + 2, waited))
    assert judge(chart(given=given), None).phase.value == phase


@pytest.mark.parametrize(("third_after", "phase"), [(5, "maintenance"), (5 - 1 / 7, "re-induction")])
def test_a_third_infusion_five_weeks_after_an_extra_one_makes_no_reinduction(third_after: float, phase: str) -> None:
    given = infusions((62, 60, 56, 48, 40, 32, 24, 16, third_after + 3, third_after + 1, 1))
    assert judge(chart(given=given), None).phase.value == phase


@pytest.mark.parametrize(("days", "counted"), [(7, 2), (6.9, 1), (1.5, 1)])
def test_what_was_left_of_an_infusion_belongs_to_it_for_seven_days(days: float, counted: int) -> None:
    stopped = infusion(ago(weeks=8), 50, complete=False)
    rest = infusion(ago(weeks=8, days=-days), 150)
    given = last_of([stopped, rest])
    assert (given.infusions_on_record, given.dose_mg) == (len(EIGHT_WEEKLY) - 1 + counted, 200 if counted == 1 else 150)


def test_two_complete_infusions_a_few_days_apart_are_two() -> None:
    assert last_of([infusion(ago(weeks=8), 50), infusion(ago(weeks=8, days=-3), 150)]).dose_mg == 150


@pytest.mark.parametrize(("weeks_apart", "phase"), [(3, "maintenance"), (3 - 1 / 7, "re-induction")])
def test_a_reinduction_is_told_by_less_than_three_weeks(weeks_apart: float, phase: str) -> None:
    given = infusions((*(w - 12 for w in EIGHT_WEEKLY[:-1]), 4 - weeks_apart))
    assert judge(chart(given=given), None).phase.value == phase


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        (measured("weight", 50, ago(weeks=8, hours=20)), 50),  # the evening before
        (measured("weight", 50, ago(weeks=8, hours=-1)), 50),  # an hour after its start
        (measured("weight", 50, ago(weeks=8, hours=-20)), 40),  # the next morning
        (measured("weight", ">50", ago(weeks=8, hours=20)), 40),  # no exact weight
    ],
)
def test_an_infusion_takes_the_newest_exact_weight_up_to_its_own_day(newest: Measurement, expected: float) -> None:
    given = judge(chart(weights=[measured("weight", 40, ago(weeks=10)), newest]), None).given
    assert given is not None
    assert given.dosing_weight_kg == expected


# The antibody


def test_the_pending_antibody_is_shown_and_not_one_of_another_day() -> None:
    other_day = antibody("<20", drawn=ago(weeks=8), evidence="Observation/other-day")
    judged = judge(chart(level(1.7), antibodies=[other_day, antibody(None, pending=True)])).antibody
    assert judged.result is not None
    assert judged.result.pending


def test_an_antibody_without_a_time_is_never_paired() -> None:
    assert judge(chart(level(1.7), antibodies=[antibody("<20", drawn=None)])).antibody.status.value == "unknown"


def test_one_specimen_is_one_sample_even_where_its_days_are_told_differently() -> None:
    result = antibody("<20", drawn=ago(days=1), specimen="Specimen/1")
    judged = judge(chart(level(1.7, specimen="Specimen/1"), antibodies=[result])).antibody
    assert (judged.status.value, judged.same_sample) == ("negative", True)


def test_a_specimen_named_on_one_side_only_leaves_the_time_to_decide() -> None:
    assert judge(chart(level(1.7, specimen="Specimen/1"))).antibody.same_sample
    assert judge(chart(level(1.7), antibodies=[antibody("<20", specimen="Specimen/1")])).antibody.same_sample


def test_of_two_equal_results_the_same_one_is_shown_whatever_their_order() -> None:
    one, other = antibody("<20", evidence="Observation/1"), antibody("<20", evidence="Observation/2")
    shown = [judge(chart(level(1.7), antibodies=both)).antibody.result for both in ([one, other], [other, one])]
    assert shown == [other, other]


def test_without_a_level_no_antibody_is_of_another_day() -> None:
    assert told_of("antibody-other-day", chart()) == []


def test_a_level_that_could_not_be_read_is_not_above_the_laboratorys_reflex_limit() -> None:
    assert told_of("antibody-reflex", chart(level(None, assay="mayo-ecl"), antibodies=[])) == []


# The facts


def test_the_intended_dose_is_the_one_given_where_that_is_more_than_the_labels() -> None:
    leading = judge(chart(level(1.7), given=infusions(mg=300))).leading
    assert leading is not None
    assert (leading.kind.value, leading.dose_mg_per_kg) == ("restore_dose", 7.5)
