"""What limits the advice is named where it is read first, and no two places of one card contradict each other."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from cards.card import Card
from cards.wording import load_wording
from cards.write import write_cards
from cds_service.clinical.assessment import (
    AdviceKind,
    AntibodyStatus,
    Assessment,
    DiseaseStatus,
    OrderChange,
    PredictorState,
    Qualification,
    Severity,
)
from cds_service.clinical.record import Comparator, DataIssue, IssueLevel
from tests.cards.assessments import (
    AS_OF,
    CARDS,
    DRAFT,
    GIVEN,
    LOW_TROUGH,
    ORDERED,
    advise,
    change,
    disease,
    hook_for,
    on,
    trough,
)

ORDER_HOOKS = ["order-select", "order-sign"]


def card_of(assessment: Assessment, hook: str = "order-sign") -> Card:
    (card,) = write_cards(assessment, hook=hook, draft=DRAFT)
    return card


def detail(assessment: Assessment, hook: str = "order-sign") -> str:
    return str(card_of(assessment, hook).detail)


def line(assessment: Assessment, place: int, hook: str = "order-sign") -> str:
    found = re.search(rf"^{place}\. (.*)$", detail(assessment, hook), re.MULTILINE)
    assert found
    return found[1]


def limiting(code: str, message: str, level: IssueLevel = IssueLevel.LIMITING) -> DataIssue:
    return DataIssue(code, "condition", level, message)


# ------------------------------------------------------------------------------------- silence means: read in full


@pytest.mark.parametrize("hook", [*ORDER_HOOKS, "patient-view"])
def test_a_regimen_to_keep_is_not_kept_silent_while_a_part_of_the_chart_is_unread(hook: str) -> None:
    card = card_of(CARDS["keep_regimen-unread"], hook)
    assert card.summary == "Trough 7.2 µg/mL, target 5–10: no change suggested, but allergies not read in full"
    assert "these parts of the chart could not be read, or not in full: allergies." in str(card.detail)
    assert card.indicator is Severity.INFO
    assert not card.suggestions


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (("test_orders",), "orders for tests"),
        (("allergies", "laboratory"), "allergies, laboratory results"),
        (("allergies", "conditions", "infusions"), "parts of the chart"),
        (("a_part_of_the_site",), "a_part_of_the_site"),
        (("", ""), "parts of the chart"),
    ],
)
def test_unread_parts_are_named_in_the_summary_while_they_fit_and_all_of_them_on_line_5(
    parts: tuple[str, ...], told: str
) -> None:
    assessment = replace(CARDS["keep_regimen-unread"], unread_parts=parts)
    assert card_of(assessment).summary.endswith(f"no change suggested, but {told} not read in full")
    for part in parts:
        named = load_wording().name("part", part) or part.replace("_", r"\_")
        assert named in line(assessment, 5)


def test_unread_parts_whose_names_show_nothing_are_told_as_such() -> None:
    assessment = replace(CARDS["keep_regimen-unread"], unread_parts=("", "\u200b"))
    assert card_of(assessment).summary.endswith("no change suggested, but parts of the chart not read in full")
    assert "a part without a name, a part without a name" in line(assessment, 5)


@pytest.mark.parametrize("hook", ORDER_HOOKS)
def test_what_is_not_ours_and_what_is_induction_stay_silent_though_parts_are_unread(hook: str) -> None:
    unread = replace(CARDS["keep_regimen-unread"], advice=())
    assert write_cards(replace(unread, leading_rule=5), hook=hook, draft=DRAFT) == ()
    assert write_cards(replace(unread, leading_rule=1, applies=False), hook=hook, draft=DRAFT) == ()


# --------------------------------------------------------------------------- silence means: nothing newer was unused


UNUSED = CARDS["keep_regimen-unused"]
NEWER_LEVEL = UNUSED.newer_levels[0]


@pytest.mark.parametrize("hook", [*ORDER_HOOKS, "patient-view"])
def test_a_regimen_to_keep_is_not_kept_silent_where_a_newer_result_was_not_used(hook: str) -> None:
    card = card_of(UNUSED, hook)
    assert card.summary == (
        "Trough 6.5 µg/mL, target 5–10, but newer antibody high and level below the assay's limit not used"
    )
    assert card.indicator is Severity.INFO
    assert "it may not be the last word: A newer level (2026-11-22) was not used" in line(UNUSED, 5, hook)
    assert "look at the result that was not used before signing" in str(card.detail)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"newer_levels": ()}, "newer antibody high not used: no level with it"),
        ({"newer_antibody": None}, "newer level below the assay's limit not used: after a delay"),
        (
            {"newer_antibody": None, "newer_levels": (trough(0.9, level=replace(NEWER_LEVEL.level, drawn=None)),)},  # type: ignore[type-var]
            "newer level below the assay's limit not used: no date",
        ),
        (
            {"newer_antibody": None, "newer_levels": (trough(34, Comparator.GREATER, Qualification.TOO_EARLY),)},
            "newer level >34 µg/mL not used: drawn too early",
        ),
        ({"newer_antibody": None, "newer_levels": (trough(None),)}, "newer level not used: no usable value"),
        ({"newer_antibody": None, "newer_levels": ()}, "a level could not be used, see line 5"),
        (
            {"newer_antibody": None, "newer_levels": (), "unused_results": UNUSED.unused_results[1:]},
            "an antibody could not be used, see line 5",
        ),
    ],
)
def test_the_summary_says_which_newer_result_was_not_used_and_why(changes: dict[str, object], told: str) -> None:
    assert card_of(replace(UNUSED, **changes)).summary == f"Trough 6.5 µg/mL, target 5–10, but {told}"  # type: ignore[arg-type]


def test_line_2_names_a_newer_antibody_once_with_its_number() -> None:
    assert "Newer antibody not used: high: 250 U/mL, assay Mayo ECL, drawn 22 Nov 2026." in line(UNUSED, 2)
    shown = replace(UNUSED.antibody, result=UNUSED.newer_antibody.result, same_sample=False)  # type: ignore[union-attr]
    told = line(replace(UNUSED, antibody=shown), 2)
    assert told.count("250 U/mL") == 1
    assert told.endswith("Newer antibody not used: high.")
    undated = replace(UNUSED.newer_antibody, result=None)  # type: ignore[type-var]
    assert "Newer" not in line(replace(UNUSED, newer_antibody=undated), 2)


# ------------------------------------------------------------------------------------------- line 6 hides no limit


def test_line_6_names_everything_that_limits_or_blocks_and_counts_the_notes_only() -> None:
    issues = (
        *LOW_TROUGH.issues,
        limiting("heart-failure-cap", "Heart failure is coded: the dose is not to exceed 5 mg/kg."),
        limiting("infection-older", "An older entry (abscess) is still listed as active."),
        limiting("no-dose", "An infusion has no dose.", IssueLevel.BLOCKING),
    )
    told = line(change(issues=issues), 6)
    assert "Could not be used: An infusion has no dose. Limits the advice: Heart failure is coded" in told
    assert "An older entry (abscess) is still listed as active." in told
    assert "1 note under Notes and doubts" in told
    assert "more point" not in told


def test_line_6_counts_no_notes_where_there_are_none() -> None:
    assert "under Notes and doubts" not in line(change(issues=()), 6)
    assert "Limits the advice" not in line(change(issues=()), 6)


def test_of_one_doubt_about_many_data_line_6_names_three_and_counts_the_others() -> None:
    issues = tuple(limiting("no-dose", f"The infusion {number} has no dose.") for number in (1, 1, 2, 3, 4, 5))
    told = line(change(issues=issues), 6)
    assert "The infusion 3 has no dose. 2 more like it under Notes and doubts." in told
    assert "The infusion 4" not in told


# ------------------------------------------------------------------------- an order that gives more, and the antibody


def test_beside_do_not_intensify_no_recheck_on_the_new_schedule_is_named() -> None:
    shown = detail(CARDS["already_intensified-antibody-high"])
    assert "do not intensify" in shown
    assert "on the new schedule" not in shown


@pytest.mark.parametrize("name", CARDS)
def test_no_card_says_the_same_against_twice(name: str) -> None:
    against = [said.casefold() for said in re.findall(r"Against: ([^.]+)\.", detail(CARDS[name], hook_for(name)))]
    assert not [said for said in against if sum(said in other for other in against) > 1]


def test_a_high_antibody_warns_wherever_it_stands_on_the_card() -> None:
    assert card_of(CARDS["already_intensified-antibody-high"]).indicator is Severity.WARNING
    assert card_of(CARDS["already_intensified-antibody-unknown"]).indicator is Severity.INFO
    ungraded = advise(AdviceKind.REVIEW_ANTIBODY, 10, "antibody positive, not gradable on this assay")
    waiting = CARDS["await_level"]
    assert card_of(replace(waiting, advice=(*waiting.advice, *ungraded))).indicator is Severity.INFO


def test_without_a_level_an_order_that_gives_more_names_both_samples_and_one_time() -> None:
    card = card_of(CARDS["already_intensified-no-level"])
    assert card.summary == "This order gives more drug: measure trough and antibody before the next infusion"
    assert set(re.findall(r"before [a-z ]*infusion[a-z ]*", str(card.detail).split("**Why**")[0])) == {
        "before the next infusion"
    }
    assert "with this infusion" not in str(card.detail)
    assert "after two infusions" not in str(card.detail)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "already_intensified-within",
            "Trough 7 µg/mL, target 5–10: this order gives more drug, the level does not ask for it",
        ),
        (
            "already_intensified-above",
            "Trough 18 µg/mL, above target 5–10: this order gives more drug, no level asks for it",
        ),
    ],
)
def test_an_order_that_gives_more_for_an_adequate_level_is_told_that_the_level_does_not_ask_for_it(
    name: str, told: str
) -> None:
    card = card_of(CARDS[name])
    assert card.summary == told
    assert "- keep the former regimen" in str(card.detail)
    high = replace(CARDS[name], antibody=CARDS["review_antibody"].antibody, forecast=None)
    assert card_of(high).summary == "This order gives more drug, but antibody high: review before signing"


def test_without_a_level_a_high_antibody_still_comes_first() -> None:
    both = replace(CARDS["already_intensified-no-level"], antibody=CARDS["review_antibody"].antibody)
    assert card_of(both).summary == "This order gives more drug, but antibody high: review before signing"


# ------------------------------------------------------------------------- no usable level, and the antibody is there


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("measure_trough-antibody-high", "Antibody high, no usable trough: review first"),
        ("measure_trough-antibody-positive", "Antibody positive, no usable trough: grade it"),
    ],
)
def test_beside_a_level_that_cannot_be_used_an_antibody_stands_in_the_summary(name: str, told: str) -> None:
    card = card_of(CARDS[name])
    assert card.summary == f"{told}, measure before the following infusion, given on time"
    assert "- give the infusion as ordered and draw" not in str(card.detail)
    assert "prepared for a reaction" in str(card.detail)


def test_without_a_usable_level_a_newer_high_antibody_stands_in_the_summary_too() -> None:
    newer = replace(CARDS["measure_trough"], newer_antibody=UNUSED.newer_antibody)
    assert card_of(newer).summary.startswith("Antibody high, no usable trough: review first")
    low = replace(UNUSED.newer_antibody, status=AntibodyStatus.LOW)  # type: ignore[type-var]
    assert card_of(replace(newer, newer_antibody=low)).summary.startswith("No usable trough: measure")


# --------------------------------------------------------------------------------- an adequate level, active disease


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("review_mechanism", "aim once for the upper part of the target and re-assess"),
        ("review_mechanism-above", "a drug with another mechanism of action"),
        ("review_mechanism-stale", "keep the regimen until the new level is back"),
    ],
)
def test_the_first_other_way_in_active_disease_depends_on_the_level(name: str, first: str) -> None:
    assert f"Other ways:\n\n   - {first}\n" in detail(CARDS[name])


@pytest.mark.parametrize("name", ["review_mechanism-stale", "watch_antibody-stale"])
def test_a_level_too_old_to_decide_is_not_called_adequate_and_a_new_one_is_asked_for(name: str) -> None:
    assert "The level is adequate" not in detail(CARDS[name])
    assert "**Re-check**: before the next infusion." in line(CARDS[name], 6)


# ------------------------------------------------------------------------------------------------- after a gap


def test_after_a_gap_an_antibody_measured_since_is_told_and_not_asked_for_again() -> None:
    card = card_of(CARDS["after_gap-antibody-measured"])
    assert card.summary == "Last infusion 14 Jun 2026, treatment interrupted, antibody negative: plan the restart"
    assert "easure the antibody" not in str(card.detail)


@pytest.mark.parametrize("name", ["after_gap", "measure_trough"])
def test_after_a_gap_an_antibody_from_before_it_or_none_is_asked_for(name: str) -> None:
    found = replace(CARDS["after_gap"], antibody=CARDS[name].antibody)
    assert card_of(found).summary.endswith("treatment interrupted: measure antibody before restarting")


@pytest.mark.parametrize(("days", "asked"), [(28, False), (29, True)])
def test_an_antibody_counts_as_measured_in_the_gap_for_four_weeks(days: int, asked: bool) -> None:
    later = replace(CARDS["after_gap-antibody-measured"], as_of=AS_OF + timedelta(days=days))
    assert ("measure antibody" in card_of(later).summary) is asked


def test_an_antibody_of_an_unknown_day_is_asked_for_again_after_a_gap() -> None:
    measured = CARDS["after_gap-antibody-measured"]
    undated = replace(measured.antibody, result=replace(measured.antibody.result, drawn=None))  # type: ignore[type-var]
    assert "measure antibody" in card_of(replace(measured, antibody=undated)).summary


@pytest.mark.parametrize("status", [AntibodyStatus.HIGH, AntibodyStatus.POSITIVE])
def test_after_a_gap_an_antibody_that_is_there_is_reviewed_before_restarting(status: AntibodyStatus) -> None:
    measured = CARDS["after_gap-antibody-measured"]
    card = card_of(replace(measured, antibody=replace(measured.antibody, status=status)))
    assert card.summary.endswith("before restarting")
    assert "plan the restart" not in card.summary


@pytest.mark.parametrize(
    "reason",
    [
        "the sample came more than 7 days after the infusion was due",
        "the infusion before the sample came more than 7 days late",
    ],
)
def test_after_a_delay_the_card_says_which_of_the_two_came_late(reason: str) -> None:
    late = trough(1.7, qualification=Qualification.AFTER_DELAYED_INFUSION, reasons=(reason,))
    assert f"not usable, because {reason}." in line(change(trough=late), 1)
    assert f"22 Nov 2026, not usable, because {reason}." in line(change(newer_levels=(late,)), 1)


def test_after_a_delay_without_a_reason_the_words_hold_for_the_sample_and_for_the_infusion() -> None:
    late = trough(1.7, qualification=Qualification.AFTER_DELAYED_INFUSION)
    assert "because the sample or the infusion before it came more than 7 days late" in line(change(trough=late), 1)


# -------------------------------------------------------------------------------------- doses and intervals, once


def test_a_dose_to_restore_is_told_in_mg_per_kg_now_against_intended() -> None:
    card = card_of(CARDS["restore_dose"])
    assert card.summary.endswith("order gives 3.9 mg/kg: consider the intended 5.2 mg/kg")
    assert "3.9 mg/kg now against 5.2 mg/kg intended" in line(CARDS["restore_dose"], 3)
    assert "less intensive" not in str(card.detail)


@pytest.mark.parametrize(("intended", "licensed"), [(5.0, True), (5.04, True), (5.2, False), (None, False)])
def test_to_restore_the_licensed_dose_is_not_called_off_label(intended: float | None, licensed: bool) -> None:
    lead = replace(CARDS["restore_dose"].advice[0], dose_mg_per_kg=intended)
    told = line(replace(CARDS["restore_dose"], advice=(lead,)), 6)
    assert ("5 mg/kg, the dose to restore here, is the licensed one" in told) is licensed


@pytest.mark.parametrize(
    ("mg_per_kg", "told"), [(3.9, "than given (3.9 mg/kg against 5.2)"), (5.0, "than given"), (None, "than given")]
)
def test_an_order_that_gives_less_per_kilogram_says_how_much(mg_per_kg: float | None, told: str) -> None:
    ordered = replace(ORDERED, dose_mg_per_kg=mg_per_kg, change=OrderChange.RELAXES)
    assert line(change(ordered=ordered), 3).endswith(f"less intensive {told}.")


def test_a_weight_is_told_no_finer_than_a_tenth_of_a_kilogram() -> None:
    weight = LOW_TROUGH.patient.weight
    assert weight is not None
    in_pounds = replace(LOW_TROUGH.patient, weight=replace(weight, kg=38.1925))
    told = line(change(patient=in_pounds, given=replace(GIVEN, dosing_weight_kg=37.8751)), 3)
    assert "Weight 38.2 kg on" in told
    assert "at 37.9 kg)" in told


def test_an_interval_that_could_not_be_read_is_not_told_as_one_that_was_not_stated() -> None:
    silent, unread = CARDS["shorten_interval-no-timing"], CARDS["shorten_interval-timing-unread"]
    assert "(assumed, the order does not say)" in line(silent, 3)
    assert line(unread, 3).endswith(
        "(assumed, its own could not be read); whether it changes the interval is not known."
    )
    assert "the order states no interval" not in line(unread, 6)
    assert "the interval of the order could not be read" in line(unread, 6)


def test_before_an_interval_was_given_none_is_compared_and_no_table_is_drawn() -> None:
    assessment = CARDS["measure_trough-order-for-infusion-3"]
    assert line(assessment, 3).endswith("every 8 weeks; no interval given yet to compare it with.")
    assert "same as given" not in line(assessment, 3)
    assert "| Now" not in detail(assessment)


def test_the_table_and_line_3_name_the_interval_given_by_one_number() -> None:
    given = replace(GIVEN, interval_weeks=6.6, intervals_weeks=(6.6, 6.6))
    shown = detail(change(given=given))  # the options weighed still count from whole weeks
    assert "every 6.6 weeks" in line(change(given=given), 3)
    assert re.search(r"\| Now: every 6.6 weeks, 5.2 mg/kg +\| 41 mg/kg", shown)


# ------------------------------------------------------------------------------------ nothing estimated, nothing 0


def test_odds_are_not_estimated_where_no_predictor_could_be_used() -> None:
    shown = detail(change(risk=replace(LOW_TROUGH.risk, relative_odds=None, ci95=None)))
    assert "Relative odds of a low trough not estimated: no predictor could be used." in shown


@pytest.mark.parametrize("state", [PredictorState.MISSING, PredictorState.OUTSIDE_WINDOW])
def test_odds_of_one_from_missing_values_are_not_called_an_estimate(state: PredictorState) -> None:
    alike = replace(LOW_TROUGH.risk, relative_odds=1.0, ci95=(1.0, 1.0))
    predictors = (*LOW_TROUGH.predictors[:2], replace(LOW_TROUGH.predictors[2], state=state))
    shown = detail(change(risk=alike, predictors=predictors))
    assert "not estimated: SES-CD could not be used, and nothing else differs from a child with no steroids" in shown
    assert "no different" not in shown


@pytest.mark.parametrize(("value", "told"), [(0.0, "0"), (0.2, "0.2")])
def test_a_number_that_the_assay_cannot_measure_is_told_as_its_limit(value: float, told: str) -> None:
    card = card_of(change(trough=trough(value), undetectable=True))
    assert card.summary.startswith("Trough below the assay's limit, target 5–10")
    assert str(card.detail).startswith(f"1. **Trough** below the assay's limit (reported {told}), below target")


def test_a_zero_is_never_told_as_a_level_wherever_it_stands() -> None:
    zero = trough(0.0, level=replace(trough(0.0).level, drawn=on(2026, 11, 2)))  # type: ignore[type-var]
    shown = line(change(newer_levels=(zero,)), 1)
    assert "Newer level not used: below the assay's limit (reported 0), 2 Nov 2026" in shown
    assert "Trough 0 " not in card_of(change(trough=trough(0.0))).summary
    assert not re.search(r"(?<![\d.])0 µg/mL", shown + detail(CARDS["shorten_interval-reported-zero"]))


def test_just_below_target_means_less_than_a_fifth() -> None:
    assert "The trough is less than a fifth below target" in line(CARDS["near_target"], 5)


def test_just_below_target_an_order_that_gives_less_is_told_so() -> None:
    card = card_of(CARDS["near_target-relaxed"])
    assert card.summary.endswith("just below target 5–10, order gives less: keep the former regimen")
    assert "This order gives less than the regimen before" in line(CARDS["near_target-relaxed"], 5)


RAISED = DataIssue("perianal-weak", "target", IssueLevel.NOTE, "The perianal target rests on small cohorts.")


@pytest.mark.parametrize(
    ("status", "issues", "told"),
    [
        (DiseaseStatus.QUIET, (), "below target and nothing points to active inflammation; repeat it"),
        (DiseaseStatus.UNKNOWN, (), "below target; whether the disease is active is not known, so measure CRP"),
        (DiseaseStatus.QUIET, (RAISED,), "below target, which an active perianal fistula raised; repeat it"),
        (DiseaseStatus.UNKNOWN, (RAISED,), "which an active perianal fistula raised; whether the disease is active"),
    ],
)
def test_just_below_target_the_disease_is_not_called_quiet_where_that_is_not_known(
    status: DiseaseStatus, issues: tuple[DataIssue, ...], told: str
) -> None:
    near = replace(CARDS["near_target"], disease=disease(status), issues=issues)
    assert told in line(near, 5)
    assert "is not active" not in detail(near)
