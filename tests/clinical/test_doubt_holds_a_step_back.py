"""What clouds a step takes the button away or changes the advice; and no advice depends on the hour of the call."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.clinical.assess import assess
from cds_service.clinical.assessment import AdviceKind, Assessment, DiseaseStatus, OrderChange, TroughStatus
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import (
    ConditionState,
    Diagnosis,
    LevelOrder,
    ReportedSign,
    SourceState,
    SuspectedDiagnosis,
    TreatmentRecord,
)
from tests.clinical.charts import (
    CROHNS,
    VISIT,
    ago,
    antibody,
    chart,
    diagnosed,
    infusions,
    judge,
    level,
    measured,
    order,
    suspected,
)

HEART = diagnosed("stop.heart_failure")
POSITIVE = antibody(None, reported=ReportedSign.POSITIVE, assay=None)


def codes(assessment: Assessment) -> set[str]:
    return {issue.code for issue in assessment.issues}


@pytest.mark.parametrize("part", ["allergies", "conditions", "infusions", "laboratory"])
@pytest.mark.parametrize("state", [SourceState.UNREADABLE, SourceState.INCOMPLETE])
def test_where_a_reason_against_it_may_be_unread_there_is_no_button(part: str, state: SourceState) -> None:
    assessment = judge(chart(level(2.0), sources={part: state}))
    assert assessment.unread_parts == (part,)
    assert not any(entry.button for entry in assessment.advice)


def test_infusions_not_read_in_full_make_no_gap() -> None:
    given = infusions((78, 76, 72, 64, 56, 48, 40, 32, 24, 16))
    assessment = judge(chart(given=given, sources={"infusions": SourceState.INCOMPLETE}))
    assert (assessment.leading_rule, assessment.advice[0].reasons) == (3, ("not all infusions could be read",))


@pytest.mark.parametrize("part", ["scores", "forms", "procedures", "test_orders", "levels", "dispenses"])
def test_a_part_that_cannot_forbid_anything_leaves_the_button_and_the_silence(part: str) -> None:
    assessment = judge(chart(level(2.0), sources={part: SourceState.UNREADABLE}))
    assert assessment.advice[0].button
    assert assessment.unread_parts == ()


@pytest.mark.parametrize(
    ("crp", "code", "button"),
    [
        ([(100, 1)], "crp-raised-once", True),
        ([(101, 1)], "crp-infection", False),
        ([(">100", 1)], "crp-infection", False),
        ([(12, 1)], "crp-raised-once", True),
        ([(2, 1), (210, 3)], None, True),
        ([(12, 1), (210, 3)], None, True),
        ([(210, 1), (12, 3)], "crp-infection", False),
        ([(2, 1)], None, True),
    ],
)
def test_a_raised_crp_is_to_be_repeated_and_a_very_high_one_takes_the_button_away(
    crp: list[tuple[str | float, float]], code: str | None, button: bool
) -> None:
    record = chart(level(1.7), markers=[measured("crp", value, ago(weeks=w)) for value, w in crp])
    assessment = judge(record, policy=Policy(forecast=False))
    assert {issue.code for issue in assessment.issues if issue.about == "crp"} == ({code} if code else set())
    assert assessment.advice[0].kind is AdviceKind.SHORTEN_INTERVAL
    assert assessment.advice[0].button is button


@pytest.mark.parametrize(("value", "button"), [("40", False), ("4", True), ("<3.1", True)])
def test_a_newer_high_antibody_takes_the_button_away(value: str, button: bool) -> None:
    then = ago(weeks=8, hours=1)
    pair = [antibody("<20", drawn=then), antibody(value, "U/mL", "prometheus-hmsa", evidence="Observation/ada-today")]
    record = chart(level(1.7, then), antibodies=pair)
    assert judge(record, policy=Policy(forecast=False)).advice[0].button is button


@pytest.mark.parametrize(
    ("former", "told"),
    [
        (diagnosed("stop.malignancy", state=ConditionState.REMISSION), True),
        (diagnosed("stop.malignancy", state=ConditionState.INACTIVE, recorded=ago(weeks=100)), True),
        (diagnosed("stop.abscess", state=ConditionState.INACTIVE, recorded=ago(days=20)), True),
        (diagnosed("stop.abscess", state=ConditionState.INACTIVE, recorded=ago(days=100)), False),
        (diagnosed("stop.abscess", state=ConditionState.INACTIVE), False),
    ],
)
def test_a_former_stop_condition_is_told_and_takes_the_button_away(former: Diagnosis, told: bool) -> None:
    assessment = judge(chart(level(2.0), diagnoses=[CROHNS, former]))
    assert assessment.leading_rule == 14
    assert ("stop-former" in codes(assessment)) == told
    assert assessment.advice[0].button != told


ALT = replace(measured("alt", 121, ago(weeks=1)), upper_limit=40)
CLARIFY = {
    "infection-older": {"diagnoses": [CROHNS, diagnosed("stop.abscess", recorded=ago(days=91))]},
    "liver": {"markers": [ALT]},
    "leukopenia": {"markers": [measured("leukocytes", 2.9, ago(weeks=1))]},
    "thrombocytopenia": {"markers": [measured("platelets", 99, ago(weeks=1))]},
}


@pytest.mark.parametrize(("code", "found"), CLARIFY.items(), ids=CLARIFY)
def test_what_is_to_be_clarified_before_more_drug_takes_the_button_away(code: str, found: dict[str, Any]) -> None:
    assessment = judge(chart(level(2.0), **found))
    assert (assessment.leading_rule, assessment.advice[0].button) == (14, False)
    assert code in codes(assessment)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (suspected("stop.abscess", recorded=ago(days=3)), True),
        (suspected("stop.abscess", recorded=ago(days=90)), True),
        (suspected("stop.abscess"), True),
        (suspected("stop.malignancy", recorded=ago(weeks=100)), True),
        (suspected("stop.abscess", recorded=ago(days=91)), False),
        (suspected("stop.abscess", state=ConditionState.INACTIVE, recorded=ago(days=3)), False),
        (suspected("stop.heart_failure", recorded=ago(days=3)), False),
        (suspected("stricture", recorded=ago(days=3)), False),
    ],
)
def test_a_suspected_stop_condition_is_told_and_takes_the_button_away(entry: SuspectedDiagnosis, told: bool) -> None:
    assessment = judge(chart(level(2.0), suspected=(entry,)))
    assert (assessment.leading_rule, assessment.stop_conditions) == (14, ())
    assert ("stop-suspected" in codes(assessment)) == told
    assert assessment.advice[0].button != told


@pytest.mark.parametrize(("mg", "rule"), [(200, 14), (230, 2), (300, 2)])
def test_with_heart_failure_a_draft_above_five_milligrams_per_kilogram_stops(mg: float, rule: int) -> None:
    assessment = judge(chart(level(2.0), diagnoses=[CROHNS, HEART]), order(mg=mg))
    assert assessment.leading_rule == rule


@pytest.mark.parametrize(
    ("draft", "severity", "reason"),
    [
        (order(mg=480), "warning", "the draft gives 12 mg/kg, above the cap of 10 mg/kg"),
        (order(weeks=2), "warning", "the draft comes every 2 weeks, under the minimum of 4 weeks"),
        (order(weeks=6), "info", "no further step before a new level"),
    ],
)
def test_a_draft_beyond_the_sites_limits_is_warned_about(draft: object, severity: str, reason: str) -> None:
    entry = judge(chart(level(1.7)), draft).advice[0]  # type: ignore[arg-type]
    assert (entry.kind.value, entry.severity.value) == ("already_intensified", severity)
    assert reason in entry.reasons


@pytest.mark.parametrize("dose", [{"mg": None}, {"mg": None, "weeks": 12}, {"mg": None, "weeks": None}])
def test_a_draft_whose_dose_is_not_known_has_no_button_and_is_not_the_same_as_given(dose: dict[str, float]) -> None:
    assessment = judge(chart(level(1.7)), order(**dose))
    assert assessment.ordered is not None
    assert assessment.ordered.change is (OrderChange.RELAXES if dose.get("weeks") == 12 else OrderChange.UNKNOWN)
    assert assessment.advice[0].kind is AdviceKind.SHORTEN_INTERVAL
    assert not assessment.advice[0].button


def test_a_draft_a_week_sooner_intensifies_whatever_its_dose() -> None:
    assert judge(chart(level(1.7)), order(weeks=7, mg=None)).leading_rule == 7


@pytest.mark.parametrize(
    ("record", "leading"),
    [
        (chart(level(1.7, pending=True)), "await_level"),
        (
            chart(level(1.7), antibodies=[POSITIVE]),
            "already_intensified",
        ),
        (chart(), "already_intensified"),
    ],
)
def test_whatever_leads_a_draft_above_the_cap_is_a_warning(record: TreatmentRecord, leading: str) -> None:
    entry = judge(record, order(mg=800)).advice[0]
    assert (entry.kind.value, entry.severity.value) == (leading, "warning")
    assert entry.reasons[-1] == "the draft gives 20 mg/kg, above the cap of 10 mg/kg"


def test_a_draft_above_the_cap_that_changes_nothing_leaves_an_adequate_level_alone() -> None:
    given = infusions((38, 36, 32, 24, 16, 8), mg=420)
    entry = judge(chart(level(7), given=given), order(mg=420)).advice[0]
    assert (entry.kind.value, entry.severity.value) == ("keep_regimen", "info")


@pytest.mark.parametrize(
    ("crp", "status"),
    [
        ([(12, ago(hours=1)), (15, ago(hours=13))], DiseaseStatus.UNKNOWN),  # one acute episode
        ([(12, ago(hours=1)), (15, ago(hours=1))], DiseaseStatus.UNKNOWN),  # one sample under two codes
        ([(12, ago(hours=1)), (15, ago(days=7))], DiseaseStatus.ACTIVE),
        ([(12, ago(hours=1)), (3, ago(days=7)), (15, ago(days=14))], DiseaseStatus.UNKNOWN),
        ([("<10", ago(hours=1))], DiseaseStatus.UNKNOWN),  # may be normal, may be raised
    ],
)
def test_crp_counts_as_raised_twice_only_when_it_was_repeated(crp: list[tuple[object, object]], status: object) -> None:
    markers = [measured("crp", value, at) for value, at in reversed(crp)]  # type: ignore[arg-type]
    quiet = [measured("calprotectin", 80, ago(weeks=3)), *markers]
    assert judge(chart(level(7), markers=sorted(quiet, key=lambda m: m.at.at))).disease.status is status


def test_values_under_treatment_are_no_predictors_when_the_beginning_is_not_on_record() -> None:
    markers = [measured("total_protein", 50, ago(weeks=17)), measured("ses_cd", 20, ago(weeks=17))]
    assessment = judge(chart(level(1.7), given=infusions((16, 8)), markers=markers))
    assert {p.state.value for p in assessment.predictors} == {"missing"}
    assert assessment.risk.relative_odds is None


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (ago(days=3), 14),  # written before today's sample was drawn: answered
        (ago(weeks=52), 14),
        (None, 14),
    ],
)
def test_an_order_that_a_newer_sample_answered_is_not_awaited(written: object, rule: int) -> None:
    record = chart(level(1.7), level_ordered=(LevelOrder("ServiceRequest/1", written),))  # type: ignore[arg-type]
    assert judge(record).leading_rule == rule


@pytest.mark.parametrize(("written", "rule"), [(ago(days=3), 6), (None, 6), (ago(weeks=17), 8)])
def test_an_order_without_a_newer_sample_is_awaited_for_sixteen_weeks(written: object, rule: int) -> None:
    record = chart(level(1.7, ago(weeks=24, hours=1)), level_ordered=(LevelOrder("ServiceRequest/1", written),))  # type: ignore[arg-type]
    assert judge(record).leading_rule == rule


@pytest.mark.parametrize(("value", "status"), [(100, TroughStatus.ABOVE), (170, TroughStatus.UNDETERMINED)])
def test_a_trough_above_a_hundred_is_not_believed(value: float, status: TroughStatus) -> None:
    assessment = judge(chart(level(value)))
    assert assessment.trough_status is status
    assert (assessment.leading_rule == 8) == (status is TroughStatus.UNDETERMINED)


def test_one_infusion_given_early_does_not_make_the_next_sample_late() -> None:
    given = infusions((60.6, 58.6, 54.6, 46.6, 38.6, 30.6, 22.6, 14.6, 8))
    assessment = judge(chart(level(1.7), given=given))
    assert assessment.trough.qualification.value == "trough"
    assert assessment.given is not None
    assert assessment.given.interval_weeks == pytest.approx(8)


BORDERS = chart(
    level(1.7, ago(weeks=8, hours=1)),
    given=infusions(),
    diagnoses=[
        CROHNS,
        diagnosed("stop.abscess", recorded=ago(days=90)),
        diagnosed("perianal_fistula", recorded=ago(days=183)),
    ],
    markers=[measured("calprotectin", 900, ago(days=84)), measured("crp", 12, ago(days=84))],
)


@given(st.integers(0, 14 * 60))
@settings(max_examples=40, deadline=None)
def test_the_hour_of_the_call_changes_no_advice(minutes_later: int) -> None:
    later = VISIT + timedelta(minutes=minutes_later)
    usual, same_day = (assess(BORDERS, order(), Policy(), at) for at in (VISIT, later))
    assert (same_day.advice, same_day.target, same_day.disease, same_day.stop_conditions) == (
        usual.advice,
        usual.target,
        usual.disease,
        usual.stop_conditions,
    )
