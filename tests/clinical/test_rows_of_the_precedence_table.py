"""One row of the precedence table, one test; and where two rows could match, which one leads."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from cds_service.clinical.assess import assess
from cds_service.clinical.assessment import Assessment, Severity
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import (
    ConditionState,
    DataIssue,
    DrugLevel,
    IssueLevel,
    LevelOrder,
    Moment,
    Reaction,
    ReportedSign,
    Route,
    SourceState,
)
from tests.clinical.charts import (
    ACTIVE,
    CROHNS,
    QUIET,
    VISIT,
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

FOUR_WEEKLY = (62, 60, 56, 52, 48, 44, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4)
NO_DISEASE_MARKERS = ()


def kinds(assessment: Assessment) -> list[str]:
    return [entry.kind.value for entry in assessment.advice]


def lead(assessment: Assessment) -> tuple[str, int, str]:
    assert assessment.leading is not None
    return assessment.leading.kind.value, assessment.leading_rule, assessment.leading.severity.value


# Row 1: not applicable, silent


@pytest.mark.parametrize(
    ("assess_it", "reason"),
    [
        (lambda: judge(chart(level(1.7)), order(route=Route.SUBCUTANEOUS)), "subcutaneous infliximab"),
        (lambda: judge(chart(level(1.7), born=date(2008, 11, 23))), "age 18 years or more"),
        (lambda: judge(chart(level(1.7), diagnoses=[diagnosed("ulcerative_colitis")])), "another indication"),
        (lambda: judge(chart(level(1.7), diagnoses=[diagnosed("other_indication.psoriasis")])), "another indication"),
        (
            lambda: judge(chart(level(1.7)), order(reasons=frozenset({"other_indication.psoriasis"}), has_reason=True)),
            "names another disease",
        ),
        (lambda: judge(chart(given=[]), None), "no intravenous infliximab"),
        (
            lambda: judge(chart(given=[*infusions(), infusion(ago(weeks=2), 120, route=Route.SUBCUTANEOUS)]), None),
            "subcutaneous infliximab",
        ),
    ],
)
def test_row_1_what_is_not_ours_is_silent(assess_it: Callable[[], Assessment], reason: str) -> None:
    assessment = assess_it()
    assert not assessment.applies
    assert reason in (assessment.not_applicable_reason or "")
    assert assessment.advice == ()


def test_row_1_a_day_before_the_eighteenth_birthday_is_still_ours() -> None:
    assert judge(chart(level(1.7), born=date(2008, 11, 24))).applies


# Row 2: stop conditions


@pytest.mark.parametrize(
    "diagnosis",
    [
        diagnosed("stop.abscess", recorded=ago(days=10)),
        diagnosed("stop.abscess"),
        diagnosed("stop.malignancy", recorded=ago(weeks=100)),
        diagnosed("stop.demyelination", recorded=ago(weeks=100), state=ConditionState.INACTIVE),
        diagnosed("stop.hepatitis_b", recorded=ago(weeks=100)),
    ],
)
def test_row_2_a_stop_condition_forbids_any_intensification(diagnosis: object) -> None:
    assessment = judge(chart(level(1.7), diagnoses=[CROHNS, diagnosis]))
    assert lead(assessment) == ("cannot_advise", 2, "warning")
    assert not any(entry.kind.intensifies for entry in assessment.advice)


def test_row_2_a_previous_severe_reaction_forbids_any_intensification() -> None:
    assessment = judge(chart(level(1.7), reactions=(Reaction(severe=True, evidence="AllergyIntolerance/1"),)))
    assert lead(assessment) == ("cannot_advise", 2, "warning")


@pytest.mark.parametrize(
    ("recorded", "named"),
    [
        ({"reactions": (Reaction(severe=True, evidence="AllergyIntolerance/1"),)}, True),
        ({"diagnoses": [CROHNS, diagnosed("stop.severe_infusion_reaction")]}, False),
    ],
)
def test_row_2_infliximab_is_blamed_for_a_reaction_only_where_the_chart_names_it(
    recorded: dict[str, Any], named: bool
) -> None:
    (stop,) = judge(chart(level(1.7), **recorded)).stop_conditions
    assert ("infliximab" in stop.label) == named


@pytest.mark.parametrize(
    "diagnosis",
    [
        diagnosed("stop.abscess", recorded=ago(days=120)),
        diagnosed("stop.abscess", recorded=ago(days=10), state=ConditionState.INACTIVE),
        diagnosed("stop.malignancy", state=ConditionState.REMISSION),
        diagnosed("stop.heart_failure"),
    ],
)
def test_row_2_older_or_resolved_entries_do_not_stop(diagnosis: object) -> None:
    assert lead(judge(chart(level(1.7), diagnoses=[CROHNS, diagnosis])))[1] == 14


def test_row_2_an_older_infection_still_listed_asks_to_confirm_that_it_is_drained() -> None:
    assessment = judge(chart(level(1.7), diagnoses=[CROHNS, diagnosed("stop.abscess", recorded=ago(days=120))]))
    assert "infection-older" in {issue.code for issue in assessment.issues}


# Row 3: cannot be judged


BY_NAME = DataIssue("administration-by-name-only", "infusion", IssueLevel.BLOCKING, "An administration has no code.")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (chart(level(1.7), diagnoses=[]), "no Crohn's disease is coded"),
        (chart(level(1.7), diagnoses=[CROHNS, diagnosed("ulcerative_colitis")]), "both coded as active"),
        (chart(level(1.7), diagnoses=[diagnosed("ibd_unclassified")]), "unclassified"),
        (chart(level(1.7), born=date(2021, 1, 1)), "under 6 years"),
        (chart(level(1.7), born=None), "birth date"),
        (chart(level(1.7), diagnoses=[CROHNS, diagnosed("pregnancy")]), "pregnancy"),
        (chart(level(3.0, ago(days=20)), level(6.0)), "a later one is higher"),
        (chart(level(6.0, ago(hours=5)), level(6.91)), "a later one is higher"),
        (chart(level(9.0, ago(days=2)), level(9.2)), "a later one is higher"),
        (chart(level(3.0), level(6.0)), "two of one time differ"),
        (chart(level(3.0), level(6.0), level(2.0, ago(days=3))), "a later one is higher"),
        (chart(level(1.7), given=[]), "no infusion"),
        (chart(level(1.7), issues=(BY_NAME,)), "could not all be read"),
        (chart(level(1.7), sources={"infusions": SourceState.UNREADABLE}), "infusions could not be read"),
    ],
)
def test_row_3_says_why_it_cannot_judge(record: object, reason: str) -> None:
    assessment = judge(record)  # type: ignore[arg-type]
    assert lead(assessment) == ("cannot_advise", 3, "info")
    assert any(reason in told for told in assessment.advice[0].reasons)


def test_row_3_a_site_may_consent_to_younger_children_and_to_pregnancy() -> None:
    policy = Policy(allow_under_six=True, allow_pregnancy=True)
    record = chart(level(1.7), born=date(2021, 1, 1), diagnoses=[CROHNS, diagnosed("pregnancy")])
    assert lead(judge(record, policy=policy))[1] == 14


def test_row_3_crohns_in_remission_is_still_crohns() -> None:
    assert lead(judge(chart(level(1.7), diagnoses=[diagnosed("crohns", state=ConditionState.REMISSION)])))[1] == 14


# Row 4: after a gap


def test_row_4_after_a_gap_comes_antibody_first() -> None:
    given = infusions((78, 76, 72, 64, 56, 48, 40, 32, 24, 16))
    assessment = judge(chart(level(1.7, ago(weeks=16, hours=1)), given=given))
    assert lead(assessment) == ("after_gap", 4, "info")


def test_row_4_an_adequate_level_after_a_gap_means_an_infusion_elsewhere() -> None:
    given = infusions((78, 76, 72, 64, 56, 48, 40, 32, 24, 16))
    assessment = judge(chart(level(7.0), given=given))
    assert lead(assessment) == ("cannot_advise", 4, "info")
    assert "elsewhere" in assessment.advice[0].reasons[0]


def test_row_4_twelve_weeks_on_a_twelve_weekly_regimen_is_no_gap() -> None:
    given = infusions((66, 64, 60, 48, 36, 24, 12))
    assert judge(chart(level(7.0), given=given)).leading_rule != 4


# Row 5: induction


@pytest.mark.parametrize("given", [(), (2,)])
def test_row_5_orders_for_the_first_infusions_are_silent(given: tuple[float, ...]) -> None:
    assessment = judge(chart(given=infusions(given)))
    assert (assessment.leading_rule, assessment.advice) == (5, ())
    assert assessment.applies


def test_row_5_the_order_for_infusion_3_asks_for_a_level_before_infusion_4() -> None:
    assessment = judge(chart(given=infusions((6, 4))))
    assert lead(assessment) == ("measure_trough", 5, "info")
    assert assessment.advice[0].recheck == "before infusion 4"


def test_row_5_an_accelerated_induction_is_counted_in_infusions_not_weeks() -> None:
    assert judge(chart(given=infusions((2, 1)))).leading_rule == 5


def test_row_5_a_reinduction_after_a_gap_is_an_induction() -> None:
    given = infusions((100, 98, 94, 86, 78, 70, 62, 6, 4))
    assessment = judge(chart(given=given))
    assert assessment.leading_rule == 5
    assert assessment.phase.value == "re-induction"


# Row 6: a level is on its way


def test_row_6_a_preliminary_level_is_awaited() -> None:
    assert lead(judge(chart(level(1.7, pending=True)))) == ("await_level", 6, "info")


def test_row_6_an_ordered_level_is_awaited_and_nothing_is_intensified_meanwhile() -> None:
    record = chart(level(1.7, ago(weeks=8, hours=1)), antibodies=[], level_ordered=(LevelOrder("ServiceRequest/1"),))
    assessment = judge(record)
    assert lead(assessment) == ("await_level", 6, "info")
    assert not any(entry.kind.intensifies for entry in assessment.advice)


@pytest.mark.parametrize(
    ("in_drafts", "ordered", "expected"),
    [
        ([LevelOrder("ServiceRequest/draft")], [], ("await_level", 6, "info")),
        ([LevelOrder("ServiceRequest/draft", antibody=True)], [], ("order_antibody", 11, "info")),
        ([], [LevelOrder("ServiceRequest/1", ago(hours=1), antibody=True)], ("order_antibody", 11, "info")),
        ([], [LevelOrder("ServiceRequest/1", antibody=True)], ("order_antibody", 11, "info")),
    ],
)
def test_row_6_awaits_a_level_and_row_11_an_antibody_that_is_ordered(
    in_drafts: list[LevelOrder], ordered: list[LevelOrder], expected: object
) -> None:
    record = chart(level(1.7), antibodies=[], level_ordered=tuple(ordered))
    assessment = assess(record, order(), Policy(), VISIT, tests_in_drafts=tuple(in_drafts))
    assert lead(assessment) == expected
    pending = assessment.leading_rule == 11
    assert assessment.antibody.status.value == ("pending" if pending else "unknown")


@pytest.mark.parametrize(
    ("found", "written", "status"),
    [
        ([level(1.7)], ago(days=3), "unknown"),  # before today's sample: not for it
        ([level(1.7, None)], ago(hours=1), "pending"),
        ([], ago(hours=1), "unknown"),
    ],
)
def test_an_antibody_ordered_before_the_day_of_the_level_or_without_one_is_not_pending(
    found: list[DrugLevel], written: Moment, status: str
) -> None:
    ordered = (LevelOrder("ServiceRequest/1", written, antibody=True),)
    assert judge(chart(*found, antibodies=[], level_ordered=ordered)).antibody.status.value == status


def test_a_result_goes_before_the_order_for_another() -> None:
    ordered = (LevelOrder("ServiceRequest/1", ago(hours=1), antibody=True),)
    assert judge(chart(level(1.7), level_ordered=ordered)).antibody.status.value == "negative"


def test_row_6_a_preliminary_level_of_long_ago_is_not_awaited() -> None:
    assert judge(chart(level(9, ago(weeks=40), pending=True), level(7))).leading_rule == 21


# Row 7: the draft already intensifies


@pytest.mark.parametrize("draft", [order(weeks=6), order(weeks=7), order(mg=240), order(mg=None, dose_mg_per_kg=7.5)])
def test_row_7_a_draft_that_already_gives_more_gets_no_further_step(draft: object) -> None:
    assessment = judge(chart(level(1.7)), draft)  # type: ignore[arg-type]
    assert lead(assessment) == ("already_intensified", 7, "info")
    assert kinds(assessment) == ["already_intensified"]


@pytest.mark.parametrize(
    ("draft", "recheck"),
    [
        (order(weeks=7), "before the second infusion on the new schedule"),
        (order(weeks=7, mg=300), "before the second infusion on the new schedule"),
        (order(mg=300), "after two infusions at the new dose, before the third"),
        (order(weeks=None, mg=300), "after two infusions at the new dose, before the third"),
    ],
)
def test_row_7_asks_for_a_level_that_will_count(draft: object, recheck: str) -> None:
    assert judge(chart(level(1.7)), draft).advice[0].recheck == recheck  # type: ignore[arg-type]


def test_row_7_vial_rounding_is_no_intensification() -> None:
    assert judge(chart(level(1.7)), order(mg=230)).leading_rule == 14


def test_row_7_still_says_that_the_antibody_is_high() -> None:
    record = chart(level(1.7), antibodies=[antibody(12, assay="prometheus-hmsa")])
    assert kinds(judge(record, order(weeks=6))) == ["already_intensified", "review_antibody"]


# Row 8: no usable level


@pytest.mark.parametrize(
    ("record", "recheck"),
    [
        (chart(), "before the next infusion"),
        (chart(level(9, ago(weeks=4)), antibodies=[]), "before the next infusion"),
        (chart(level(None)), "before the next infusion"),
        (chart(level(3, None, drawn=None)), "before the next infusion"),
        (chart(level(3, ago(weeks=17)), antibodies=[]), "before the next infusion"),
        (
            chart(level(3), given=infusions((66, 64, 60, 52, 44, 36, 28, 20, 9.2 + 0.5))),
            "before the following infusion, given on time",
        ),
        (
            chart(level(3), given=[*infusions((62, 60, 56, 48, 40, 32, 24, 16)), infusion(ago(weeks=8), 400)]),
            "after two infusions on the present regimen, before the third",
        ),
        (
            chart(
                level(3, ago(weeks=8, hours=1)),
                given=[*infusions((62, 60, 56, 48, 40, 32, 24)), *infusions((16, 8), 400)],
            ),
            "before the next infusion",
        ),
    ],
)
def test_row_8_names_the_infusion_before_which_a_sample_qualifies(record: object, recheck: str) -> None:
    assessment = judge(record)  # type: ignore[arg-type]
    assert lead(assessment) == ("measure_trough", 8, "info")
    assert assessment.advice[0].recheck == recheck


def test_row_8_is_held_back_until_two_weeks_before_the_due_date() -> None:
    early = chart(given=infusions((58, 56, 52, 44, 36, 28, 20, 12, 4)))
    soon = chart(given=infusions((60, 58, 54, 46, 38, 30, 22, 14, 6)))
    assert not judge(early).advice[0].prompt
    assert judge(soon).advice[0].prompt


@pytest.mark.parametrize(
    ("weeks_ago", "markers", "rule"),
    [(24, QUIET, 21), (40, QUIET, 21), (56, QUIET, 8), (24, NO_DISEASE_MARKERS, 21), (32, NO_DISEASE_MARKERS, 8)],
)
def test_row_8_an_adequate_level_serves_a_year_in_quiet_disease_and_half_a_year_otherwise(
    weeks_ago: int, markers: tuple[object, ...], rule: int
) -> None:
    given = infusions((120, 118, *range(114, 7, -8)) if weeks_ago % 8 else (118, 116, *range(112, 7, -8)))
    record = chart(level(7, ago(weeks=weeks_ago, hours=1)), given=given, markers=markers)  # type: ignore[arg-type]
    assert judge(record).leading_rule == rule


# Rows 9 to 11: the antibody before anything else


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (chart(level(1.7), antibodies=[antibody(12, assay="prometheus-hmsa")]), ("review_antibody", 9, "warning")),
        (chart(level("<0.8"), antibodies=[antibody(4, assay="prometheus-hmsa")]), ("review_antibody", 9, "warning")),
        (
            chart(level(1.7), antibodies=[antibody(40, "AU/mL", "exeter-total-ada")]),
            ("review_antibody", 10, "info"),
        ),
        (chart(level(1.7), antibodies=[]), ("order_antibody", 11, "info")),
        (chart(level(1.7), antibodies=[antibody(None, pending=True)]), ("order_antibody", 11, "info")),
        (chart(level(1.7), antibodies=[antibody(5, "ng/mL", "theradiag")]), ("order_antibody", 11, "info")),
        (chart(level(1.7), antibodies=[antibody(12, assay=None)]), ("order_antibody", 11, "info")),
    ],
)
def test_rows_9_to_11_no_step_before_the_antibody_is_known_and_low(
    record: object, expected: tuple[str, int, str]
) -> None:
    assessment = judge(record)  # type: ignore[arg-type]
    assert lead(assessment) == expected
    assert not any(entry.kind.intensifies for entry in assessment.advice)


def test_row_11_a_site_with_a_blind_assay_may_accept_its_negative() -> None:
    blind = replace(antibody(None, None, "theradiag"), reported=ReportedSign.NEGATIVE)
    record = chart(level(1.7), antibodies=[blind])
    assert judge(record).leading_rule == 11
    assert judge(record, policy=Policy(free_antibody_accepted=True)).leading_rule == 14


# Rows 12 to 17


def test_row_12_a_draft_outgrown_by_the_child_restores_the_dose_first() -> None:
    heavier = [measured("weight", 46, ago(weeks=1)), *[measured("weight", 40, ago(weeks=w)) for w in range(8, 80, 8)]]
    assessment = judge(chart(level(1.7), weights=sorted(heavier, key=lambda m: m.at.at)))
    assert lead(assessment) == ("restore_dose", 12, "warning")
    assert assessment.advice[0].dose_mg_per_kg == pytest.approx(5.0)


def test_row_12_needs_a_recent_weight() -> None:
    old = [measured("weight", 46, ago(weeks=13)), *[measured("weight", 40, ago(weeks=w)) for w in range(16, 80, 8)]]
    assert judge(chart(level(1.7), weights=sorted(old, key=lambda m: m.at.at))).leading_rule == 14


@pytest.mark.parametrize(("value", "markers", "rule"), [(4.1, QUIET, 13), (4.0, QUIET, 14), (4.5, ACTIVE, 14)])
def test_row_13_just_below_target_in_quiet_disease_is_measured_again(
    value: float, markers: tuple[object, ...], rule: int
) -> None:
    assert judge(chart(level(value), markers=markers)).leading_rule == rule  # type: ignore[arg-type]


def test_row_14_offers_the_next_shorter_interval() -> None:
    assessment = judge(chart(level(3.5)))
    assert lead(assessment) == ("shorten_interval", 14, "info")
    entry = assessment.advice[0]
    assert (entry.interval_weeks, entry.recheck) == (6, "before the second infusion on the new schedule")
    assert entry.button


@pytest.mark.parametrize("record", [chart(level(2.9)), chart(level("<0.4")), chart(level(3.5), markers=ACTIVE)])
def test_row_14_warns_when_very_low_undetectable_or_active(record: object) -> None:
    assert lead(judge(record))[2] == Severity.WARNING.value  # type: ignore[arg-type]


def test_row_14_an_undetectable_level_adds_reinduction_as_an_option() -> None:
    assert kinds(judge(chart(level("<0.4")))) == ["shorten_interval", "consider_reinduction"]


def test_row_14_after_a_mild_reaction_there_is_no_button_and_no_reinduction() -> None:
    assessment = judge(chart(level("<0.4"), reactions=(Reaction(severe=False, evidence="AllergyIntolerance/1"),)))
    assert kinds(assessment) == ["shorten_interval"]
    assert not assessment.advice[0].button


@pytest.mark.parametrize("last", [infusion(ago(weeks=8), None), infusion(ago(weeks=8), 190, complete=False)])
def test_row_14_gives_no_button_while_the_last_infusion_may_have_been_given_in_part(last: object) -> None:
    assessment = judge(chart(level(1.7), given=[*infusions()[:-1], last]))
    assert lead(assessment) == ("shorten_interval", 14, "warning")
    assert not assessment.advice[0].button


@pytest.mark.parametrize(
    ("weeks", "step"),
    [((62, 60, 56, 48, 40, 32, 24, 16, 8), 6), ((38, 36, 32, 24, 18, 12, 6), 4), ((34, 32, 28, 21, 14, 7), 6)],
)
def test_row_14_without_a_forecast_takes_one_step_of_the_sites_list(weeks: tuple[float, ...], step: int) -> None:
    assessment = judge(chart(level(1.7), given=infusions(weeks)), order(weeks=None), policy=Policy(forecast=False))
    assert assessment.advice[0].interval_weeks == step
    assert assessment.forecast is None


def test_row_15_at_the_shortest_interval_the_dose_is_reviewed() -> None:
    assessment = judge(chart(level(1.7), given=infusions(FOUR_WEEKLY)), order(weeks=4))
    assert lead(assessment) == ("review_dose", 15, "warning")


def test_row_15_with_heart_failure_five_milligrams_per_kilogram_is_the_cap() -> None:
    record = chart(level(1.7), given=infusions(FOUR_WEEKLY), diagnoses=[CROHNS, diagnosed("stop.heart_failure")])
    assert lead(judge(record, order(weeks=4))) == ("at_limit", 16, "info")


def test_row_16_at_both_limits_more_is_not_offered() -> None:
    record = chart(level(1.7), given=infusions(FOUR_WEEKLY, 400))
    assert lead(judge(record, order(weeks=4, mg=400))) == ("at_limit", 16, "info")


def test_row_17_a_draft_that_gives_less_while_low_is_warned_about() -> None:
    assessment = judge(chart(level(3.5)), order(weeks=10))
    assert lead(assessment) == ("shorten_interval", 17, "warning")
    assert "the draft gives less than the regimen given" in assessment.advice[0].reasons


def test_row_17_a_smaller_dose_while_low_is_first_of_all_restored() -> None:
    assert judge(chart(level(3.5)), order(mg=150)).leading_rule == 12


# Rows 18 to 21


def test_row_18_active_disease_in_target_asks_for_another_mechanism() -> None:
    assert lead(judge(chart(level(7), markers=ACTIVE))) == ("review_mechanism", 18, "info")


def test_row_19_an_antibody_in_target_is_watched() -> None:
    record = chart(level(7), antibodies=[antibody(60)])
    assert lead(judge(record)) == ("watch_antibody", 19, "info")


def test_rows_18_and_19_ask_for_a_new_level_where_the_last_is_too_old_to_decide() -> None:
    then = ago(weeks=24, hours=1)
    record = chart(level(7, then), markers=ACTIVE, antibodies=[antibody(60, drawn=then)])
    assert [entry.recheck for entry in judge(record).advice] == ["before the next infusion"] * 2
    assert judge(record).advice[0].reasons[0] == "last level in target, but too old to decide"
    now = chart(level(7), markers=ACTIVE, antibodies=[antibody(60)])
    assert [entry.recheck for entry in judge(now).advice] == [None, "in two infusions"]


def test_rows_18_and_19_stand_on_one_card() -> None:
    record = chart(level(7), markers=ACTIVE, antibodies=[antibody(60)])
    assert kinds(judge(record)) == ["review_mechanism", "watch_antibody"]


def remission() -> list[object]:
    return [
        measured(concept, value, ago(weeks=w))
        for w in (30, 16, 2)
        for concept, value in (("crp", 1), ("calprotectin", 60))
    ]


def test_row_20_long_remission_well_above_target_may_consider_less() -> None:
    given = infusions((94, 92, *range(88, 7, -8)))
    record = chart(level(17), level(18, ago(weeks=8, hours=1)), given=given, markers=remission())  # type: ignore[arg-type]
    assert lead(judge(record)) == ("consider_deescalation", 20, "info")


@pytest.mark.parametrize("second", [None, 14])
def test_row_20_needs_two_high_troughs(second: float | None) -> None:
    given = infusions((94, 92, *range(88, 7, -8)))
    levels = [level(17)] if second is None else [level(17), level(second, ago(weeks=8, hours=1))]
    assert judge(chart(*levels, given=given, markers=remission())).leading_rule == 21  # type: ignore[arg-type]


@pytest.mark.parametrize(("early", "rule"), [(24, 21), (59, 21), (61, 20)])
def test_row_20_counts_the_trough_that_an_early_sample_surely_implies(early: float, rule: int) -> None:
    given = infusions((94, 92, *range(88, 7, -8)))
    levels = (level(early, ago(weeks=2)), level(18, ago(weeks=8, hours=1)))
    record = chart(*levels, given=given, antibodies=[antibody("<20", drawn=ago(weeks=2))], markers=remission())  # type: ignore[arg-type]
    assert judge(record).leading_rule == rule


def test_row_20_needs_a_remission_without_a_raised_marker() -> None:
    given = infusions((94, 92, *range(88, 7, -8)))
    raised = sorted((*remission(), measured("calprotectin", 400, ago(weeks=14))), key=lambda m: m.at.at)  # type: ignore[attr-defined]
    record = chart(level(17), level(18, ago(weeks=8, hours=1)), given=given, markers=raised)  # type: ignore[arg-type]
    assert judge(record).leading_rule == 21


def test_row_20_never_with_a_perianal_fistula() -> None:
    given = infusions((94, 92, *range(88, 7, -8)))
    record = chart(
        level(17),
        level(18, ago(weeks=8, hours=1)),
        given=given,
        markers=remission(),  # type: ignore[arg-type]
        diagnoses=[CROHNS, diagnosed("perianal_fistula", recorded=ago(weeks=200))],
    )
    assert judge(record).leading_rule == 21


def test_row_21_in_target_and_quiet_keeps_the_regimen() -> None:
    assert lead(judge(chart(level(7)))) == ("keep_regimen", 21, "info")


# Below the table


def test_a_first_trough_after_induction_informs_and_carries_no_button() -> None:
    record = chart(level(1.7), given=infusions((14, 12, 8)))
    assessment = judge(record)
    assert lead(assessment) == ("shorten_interval", 14, "info")
    assert assessment.trough.qualification.value == "first-maintenance"
    assert not assessment.advice[0].button
    by_the_list = Policy(button_on_first_maintenance=True, forecast=False)
    assert judge(record, policy=by_the_list).advice[0].button


def test_patient_view_gives_the_same_advice_without_a_button() -> None:
    assert judge(chart(level(2.0))).advice[0].button
    assessment = judge(chart(level(2.0)), None)
    assert lead(assessment) == ("shorten_interval", 14, "warning")
    assert not assessment.advice[0].button
