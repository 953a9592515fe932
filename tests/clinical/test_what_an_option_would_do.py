"""Which regimens are compared, what each is expected to do, and when nothing is forecast. All charts are synthetic."""

from collections.abc import Sequence
from datetime import date

import pytest

from cds_service.clinical.assessment import Assessment, Forecast, Option
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import (
    ConditionState,
    InfusionOrder,
    MedicationUse,
    ReportedSign,
    SourceState,
    TreatmentRecord,
)
from tests.clinical.charts import (
    ACTIVE,
    CROHNS,
    QUIET,
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
from tests.clinical.test_rows_of_the_precedence_table import FOUR_WEEKLY

ALBUMIN = measured("albumin", 38, ago(weeks=1))
KNOWN = (*QUIET, ALBUMIN)
GROWN = [measured("weight", kg, ago(weeks=w)) for kg, w in ((40, 60), (40, 8), (48, 1))]
HEART_FAILURE = diagnosed("stop.heart_failure")


def forecast_of(assessment: Assessment) -> Forecast:
    assert assessment.forecast is not None, [issue.message for issue in assessment.issues]
    return assessment.forecast


def told(option: Option | None) -> tuple[float, float] | None:
    """Weeks and milligrams."""
    return None if option is None or option.dose_mg is None else (option.interval_weeks, round(option.dose_mg))


def compared(assessment: Assessment) -> set[tuple[float, float] | None]:
    return {told(option) for option in forecast_of(assessment).options}


def issues(assessment: Assessment) -> dict[str, str]:
    return {issue.code: issue.message for issue in assessment.issues if issue.about == "forecast"}


def width(assessment: Assessment) -> float:
    """How many times the upper end of the unchanged regimen is the lower one."""
    expected = forecast_of(assessment).unchanged.expected
    assert expected is not None
    return expected.second_trough.p95 / expected.second_trough.p05


# Which regimens are compared


def test_every_allowed_interval_is_compared_with_the_same_and_with_each_higher_dose() -> None:
    found = judge(chart(level(3.5)))
    assert told(forecast_of(found).unchanged) == (8, 200)
    every = {(weeks, mg) for weeks in (8, 7, 6, 5, 4) for mg in (200, 300, 400)}
    assert compared(found) == every - {(8, 200)}


@pytest.mark.parametrize(
    ("why", "given", "draft", "unchanged", "goes_on", "this_order"),
    [
        ("the draft changes nothing", 200, order(), (8, 200), 200, None),
        ("no draft", 200, None, (8, 200), 200, None),
        ("the draft rounds to other vials", 200, order(8, 220), (8, 220), 220, None),
        ("the draft names no dose", 200, order(8, None), (8, 200), 200, None),
        ("the draft names a dose per kilogram", 200, order(8, None, dose_mg_per_kg=5.5), (8, 220), 220, None),
        ("the draft comes later", 200, order(10), (8, 200), 200, (10, 200)),
        ("the draft comes sooner", 200, order(5), (8, 200), 200, (5, 200)),
        ("the draft gives more", 200, order(8, 300), (8, 200), 200, (8, 300)),
        ("the draft gives too little", 200, order(8, 150), (8, 200), 200, (8, 150)),
        ("the draft keeps a dose that was too little", 160, order(8, 160), (8, 160), 200, None),
        ("the draft gives still less", 160, order(8, 120), (8, 160), 200, (8, 120)),
    ],
)
def test_unchanged_is_what_would_be_given_anyway_and_options_go_on_with_the_intended_dose(
    why: str,
    given: float,
    draft: InfusionOrder | None,
    unchanged: tuple[float, float],
    goes_on: float,
    this_order: tuple[float, float] | None,
) -> None:
    found = judge(chart(level(3.5), given=infusions(mg=given)), draft)
    forecast = forecast_of(found)
    assert told(forecast.unchanged) == unchanged, why
    assert forecast.unchanged.current
    assert told(forecast.draft) == this_order, why
    assert min(mg for _, mg in filter(None, compared(found))) == goes_on, why
    assert unchanged not in compared(found)


def test_the_dose_of_a_child_who_has_grown_is_compared_per_kilogram_of_today() -> None:
    found = judge(chart(level(3.5), weights=GROWN))
    unchanged = forecast_of(found).unchanged
    assert (found.leading_rule, unchanged.dose_mg, unchanged.dose_mg_per_kg) == (12, 200, pytest.approx(200 / 48))
    assert {(8, 240), (7, 240), (6, 240)} <= compared(found)


@pytest.mark.parametrize(
    ("why", "mg", "diagnoses", "doses"),
    [
        ("5 mg/kg", 200, [CROHNS], {200, 300, 400}),
        ("within a tenth of 7.5 mg/kg", 280, [CROHNS], {280, 400}),
        ("within a tenth of the cap", 380, [CROHNS], {380}),
        ("heart failure: 5 mg/kg is the cap", 200, [CROHNS, HEART_FAILURE], {200}),
        (
            "heart failure long over counts no less while it is active",
            200,
            [CROHNS, diagnosed("stop.heart_failure", recorded=ago(weeks=300), state=ConditionState.ACTIVE)],
            {200},
        ),
    ],
)
def test_no_dose_above_the_cap_and_none_that_is_hardly_another_is_compared(
    why: str, mg: float, diagnoses: Sequence[object], doses: set[float]
) -> None:
    found = judge(chart(level(3.5), given=infusions(mg=mg), diagnoses=diagnoses), order(8, mg))  # type: ignore[arg-type]
    assert {mg for _, mg in filter(None, compared(found))} == doses, why


@pytest.mark.parametrize(
    ("policy", "weeks"),
    [
        (Policy(), {8, 7, 6, 5, 4}),
        (Policy(forecast_intervals_weeks=(8, 6, 4)), {8, 6, 4}),
        (Policy(minimum_interval_weeks=6), {8, 7, 6}),
        (Policy(intervals_weeks=(8, 6)), {8, 7, 6}),
        (Policy(higher_doses_mg_per_kg=()), {7, 6, 5, 4}),
    ],
)
def test_no_interval_below_the_minimum_or_the_shortest_of_the_hospitals_list_is_compared(
    policy: Policy, weeks: set[float]
) -> None:
    assert {option.interval_weeks for option in forecast_of(judge(chart(level(3.5)), policy=policy)).options} == weeks


@pytest.mark.parametrize("draft", [order(0.3), order(0.3, 400)])
def test_a_draft_of_less_than_a_week_is_not_forecast(draft: InfusionOrder) -> None:
    found = judge(chart(level(3.5)), draft)
    assert (found.leading_rule, forecast_of(found).draft) == (7, None)


def test_a_first_trough_with_a_draft_of_days_still_gets_an_answer() -> None:
    assert judge(chart(level(3.0), given=infusions((14, 12, 8))), order(0.3)).leading is not None


# What they are expected to do


def test_more_drug_never_promises_less() -> None:
    by_drug = forecast_of(judge(chart(level(3.5)))).options
    at_eight = [o.expected for o in by_drug if o.interval_weeks == 8 and o.expected]
    same_dose = [o.expected for o in by_drug if o.dose_mg == 200 and o.expected]
    for row in (at_eight, same_dose):
        assert len(row) >= 2
        assert [e.at_least_low for e in row] == sorted(e.at_least_low for e in row)
        assert [e.second_trough.median for e in row] == sorted(e.second_trough.median for e in row)


def test_a_draft_that_intensifies_is_forecast_and_nothing_is_chosen() -> None:
    found = judge(chart(level(1.7)), order(5))
    forecast = forecast_of(found)
    assert (found.leading_rule, forecast.choice) == (7, None)
    assert forecast.draft is not None
    assert forecast.draft.expected == next(o.expected for o in forecast.options if told(o) == (5, 200))


@pytest.mark.parametrize(
    ("row", "record", "draft"),
    [
        (12, chart(level(1.7), weights=GROWN), order()),
        (13, chart(level(4.5)), order()),
        (14, chart(level(1.7)), order()),
        (15, chart(level(3.0), given=infusions(FOUR_WEEKLY)), order(4)),
        (17, chart(level(1.7)), order(10)),
    ],
)
def test_rows_7_12_and_13_show_what_is_expected_and_rows_14_15_and_17_also_choose(
    row: int, record: TreatmentRecord, draft: InfusionOrder
) -> None:
    found = judge(record, draft)
    assert found.leading_rule == row
    assert (forecast_of(found).choice is not None) == (row in (14, 15, 17))


@pytest.mark.parametrize(
    "found",
    [
        judge(chart(level(7))),
        judge(chart(level(1.7), antibodies=[antibody(300)])),
        judge(chart(level(1.7), antibodies=[]), order(4)),
        judge(chart(level(1.7)), policy=Policy(forecast=False)),
        judge(chart(level(1.7), given=infusions((62, 60, 56, 48, 40, 32)))),
    ],
)
def test_other_rows_an_antibody_that_forbids_more_and_the_setting_leave_the_forecast_out(found: Assessment) -> None:
    assert found.forecast is None
    assert issues(found) == {}


def test_a_target_without_an_upper_end_has_no_chance_above_it() -> None:
    found = judge(chart(level(3.5)), policy=Policy(target_profile="low-trigger-6"))
    assert {(o.expected and o.expected.above_high) for o in forecast_of(found).options} == {None}
    assert forecast_of(found).choice is not None


# What had to be assumed


@pytest.mark.parametrize(
    ("missing", "record", "note"),
    [
        ("albumin_g_per_dl", chart(level(1.7)), "the albumin is not known and 3.8 g/dL is assumed"),
        (
            "albumin_g_per_dl",
            chart(level(1.7), markers=(*QUIET, measured("albumin", 38, ago(weeks=40)))),
            "the albumin of 16 Feb 2026 is taken to hold, though it is older than six months",
        ),
        (
            "immunomodulator",
            chart(level(1.7), markers=KNOWN, sources={"prescriptions": SourceState.UNREADABLE}),
            "the immunomodulator is not known and none is assumed",
        ),
    ],
)
def test_what_is_assumed_is_named_and_widens_the_ranges(missing: str, record: TreatmentRecord, note: str) -> None:
    found, known = judge(record), judge(chart(level(1.7), markers=KNOWN))
    assert forecast_of(found).assumed == (missing,)
    assert forecast_of(known).assumed == ()
    assert [message for message in issues(found).values() if note in message and "its ranges are wider" in message]
    assert width(found) > width(known)


def test_an_antibody_that_the_site_accepts_without_a_result_that_can_tell_is_named_as_assumed() -> None:
    blind = antibody(None, None, "theradiag", reported=ReportedSign.NEGATIVE)
    found = judge(chart(level(1.7), markers=KNOWN, antibodies=[blind]), policy=Policy(free_antibody_accepted=True))
    assert forecast_of(found).assumed == ("antibody_positive",)


def test_a_low_antibody_and_an_immunomodulator_change_what_is_expected() -> None:
    def median(record: TreatmentRecord) -> float:
        expected = forecast_of(judge(record)).unchanged.expected
        assert expected is not None
        return expected.second_trough.median

    treated = (MedicationUse("immunomodulator", ago(weeks=70), "MedicationRequest/1"),)
    usual = median(chart(level(1.7), markers=KNOWN))
    assert median(chart(level(1.7), markers=KNOWN, antibodies=[antibody("5", assay="prometheus-hmsa")])) != usual
    assert median(chart(level(1.7), markers=KNOWN, medications=treated)) != usual


def test_that_the_models_were_not_checked_against_their_papers_is_always_said() -> None:
    assert "secondary sources" in issues(judge(chart(level(1.7), markers=KNOWN)))["forecast-models"]


def test_a_treatment_that_began_before_the_record_says_that_its_beginning_is_assumed() -> None:
    found = judge(chart(level(1.7), given=infusions((48, 40, 32, 24, 16, 8))))
    assert "forecast-beginning" in issues(found)
    assert "forecast-beginning" not in issues(judge(chart(level(1.7))))


# When nothing is forecast


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (chart(level(1.7), weights=[]), "no recent weight"),
        (chart(level(1.7), weights=[measured("weight", 40, ago(weeks=13))]), "no recent weight"),
        (
            chart(level(1.7), given=[infusion(ago(weeks=62), None), *infusions((60, 56, 48, 40, 32, 24, 16, 8))]),
            "the dose of the infusion of 15 Sep 2025 is not known",
        ),
        (
            chart(
                level(1.7),
                weights=[measured("weight", 101, ago(weeks=w)) for w in range(0, 80, 8)],
                given=infusions(mg=505),
            ),
            "a weight in kg of 101 lies outside 15 to 100",
        ),
        (
            chart(level(1.7), markers=[measured("albumin", 24, ago(weeks=1))]),
            "an albumin in g/dL of 2.4 lies outside 2.5 to 5.5",
        ),
    ],
)
def test_without_what_the_models_need_the_reason_is_told_and_the_next_step_of_the_list_stays(
    record: TreatmentRecord, reason: str
) -> None:
    found = judge(record, order(8, record.infusions[-1].dose_mg))
    assert found.forecast is None
    assert issues(found) == {"no-forecast": f"Expected troughs not forecast: {reason}."}
    assert found.leading_rule == 14
    assert found.advice[0].interval_weeks == 6


def test_under_six_years_nothing_is_forecast_even_where_the_site_allows_advice() -> None:
    found = judge(chart(level(1.7), born=date(2021, 6, 1)), policy=Policy(allow_under_six=True))
    assert (found.leading_rule, found.forecast, found.advice[0].interval_weeks) == (14, None, 6)
    assert "no model was built from children under 6 years" in issues(found)["no-forecast"]


@pytest.mark.parametrize(
    "levels",
    [
        [level(40, ago(weeks=16, hours=1)), level(40, ago(weeks=8, hours=1)), level(0.5)],
        [level(20, ago(weeks=16, hours=1)), level(20, ago(weeks=8, hours=1)), level("<0.4")],
        [level(">300", ago(weeks=4)), level(1.7)],
    ],
)
def test_levels_that_no_model_explains_are_not_forecast_from_and_take_the_button_away(levels: list[object]) -> None:
    found = judge(chart(*levels))  # type: ignore[arg-type]
    assert found.leading_rule == 14
    assert found.forecast is None
    assert list(issues(found)) == ["level-not-explained"]
    assert (found.advice[0].interval_weeks, found.advice[0].button) == (6, False)


@pytest.mark.parametrize(
    "levels", [[level("<1")], [level("<4.9")], [level(">20", ago(weeks=8, hours=1)), level(6, ago(days=57)), level(4)]]
)
def test_a_bound_on_the_right_side_of_the_curve_is_explained(levels: list[object]) -> None:
    assert "level-not-explained" not in issues(judge(chart(*levels, markers=ACTIVE)))  # type: ignore[arg-type]


# What the choice makes of the advice


@pytest.mark.parametrize(
    ("why", "found", "weeks", "span", "dose", "button"),
    [
        ("an interval is likely enough", judge(chart(level(3.5), markers=KNOWN)), 6, None, None, True),
        ("the models disagree", judge(chart(level(1.3), markers=KNOWN)), 4, (4, 5), None, False),
        (
            "the dose must rise with the interval",
            judge(chart(level(0.6), markers=(*ACTIVE, ALBUMIN))),
            4,
            None,
            7.5,
            True,
        ),
        ("none is likely enough", judge(chart(level("<0.4"), markers=KNOWN)), 4, None, 10, False),
        (
            "none is, and no dose may rise",
            judge(chart(level("<0.4"), markers=KNOWN, diagnoses=[CROHNS, HEART_FAILURE])),
            None,
            None,
            None,
            False,
        ),
    ],
)
def test_the_choice_sets_interval_range_dose_and_button(
    why: str,
    found: Assessment,
    weeks: float | None,
    span: tuple[float, float] | None,
    dose: float | None,
    button: bool,
) -> None:
    lead = found.advice[0]
    assert lead.kind == "shorten_interval"
    assert (lead.interval_weeks, lead.interval_weeks_range, lead.dose_mg_per_kg, lead.button) == (
        weeks,
        span,
        dose,
        button,
    ), why


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (3.0, "least drug per year that is likely enough, by the forecast"),
        (1.0, "no dose allowed here is likely to suffice, by the forecast"),
    ],
)
def test_at_the_shortest_interval_the_reasons_speak_of_doses(value: float, reason: str) -> None:
    found = judge(chart(level(value), given=infusions(FOUR_WEEKLY)), order(4))
    assert found.leading_rule == 15
    assert reason in found.advice[0].reasons
