"""A positive result stops although nothing is coded, and what comes after it is never read as the milder of two."""

import pytest

from cds_service.clinical.assessment import Assessment
from cds_service.clinical.knowledge import stops
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import ConditionState, Diagnosis, Finding, Moment
from fhir_mappings.tables import load_tables
from tests.clinical.charts import (
    CROHNS,
    NEGATIVE_SIGN,
    ago,
    chart,
    day,
    diagnosed,
    finding,
    judge,
    level,
)

TESTS = [(name, concept) for name, row in stops().items() for concept in row.results]
LASTING = [(name, concept) for name, concept in TESTS if not stops()[name].negative_resolves]
LAPSING = [(name, concept) for name, concept in TESTS if stops()[name].lapses]
LONG_AGO, LAST_MONTH, YESTERDAY = ago(weeks=60), ago(days=30), ago(days=1)


def judged(*findings: Finding, entries: tuple[Diagnosis, ...] = (), policy: Policy | None = None) -> Assessment:
    return judge(chart(level(2.0), findings=findings, diagnoses=[CROHNS, *entries]), policy=policy)


def codes(assessment: Assessment) -> set[str]:
    return {issue.code for issue in assessment.issues if issue.about == "result"}


def told(assessment: Assessment) -> tuple[int, list[str], set[str], bool]:
    """Row, stops, notes about results, and whether there is a button."""
    stopped = [stop.name for stop in assessment.stop_conditions]
    return assessment.leading_rule, stopped, codes(assessment), assessment.advice[0].button


def test_the_tests_are_those_that_are_read_as_positive_or_negative() -> None:
    read = {concept.name for concept in load_tables().concepts.values() if concept.kind == "sign"}
    assert {concept for _, concept in TESTS} == read


@pytest.mark.parametrize(("name", "concept"), TESTS)
def test_a_positive_result_stops_and_is_evidence_with_code_and_day(name: str, concept: str) -> None:
    positive = finding(concept, LAST_MONTH)
    assessment = judged(positive)
    assert told(assessment) == (2, [name], set(), False)
    (stop,) = assessment.stop_conditions
    assert (stop.evidence, stop.code, stop.since) == (positive.evidence, positive.code, LAST_MONTH)
    assert stop.label == f"{stops()[name].results[concept]} positive"
    assert assessment.advice[0].severity.value == "warning"


@pytest.mark.parametrize(("name", "concept"), TESTS)
def test_a_positive_result_without_a_date_is_not_known_to_be_old_nor_to_be_refuted(name: str, concept: str) -> None:
    undated = finding(concept, None)
    later = finding(concept, YESTERDAY, NEGATIVE_SIGN)
    older = finding(concept, LONG_AGO)
    assert told(judged(undated, older, later))[:2] == (2, [name])


@pytest.mark.parametrize(("name", "concept"), TESTS)
def test_a_negative_result_alone_changes_nothing(name: str, concept: str) -> None:
    assert told(judged(finding(concept, LAST_MONTH, NEGATIVE_SIGN))) == (14, [], set(), True)


@pytest.mark.parametrize(("name", "concept"), LASTING)
def test_a_later_negative_of_a_lasting_infection_asks_to_confirm_and_takes_the_button(name: str, concept: str) -> None:
    assessment = judged(finding(concept, LONG_AGO), finding(concept, LAST_MONTH, NEGATIVE_SIGN))
    assert told(assessment) == (14, [], {"result-since-negative"}, False)


@pytest.mark.parametrize(("name", "concept"), LAPSING)
def test_a_later_negative_of_a_passing_infection_takes_the_positive_back(name: str, concept: str) -> None:
    assessment = judged(finding(concept, LAST_MONTH), finding(concept, YESTERDAY, NEGATIVE_SIGN))
    assert told(assessment) == (14, [], set(), True)


@pytest.mark.parametrize(("name", "concept"), TESTS)
@pytest.mark.parametrize("other", [ago(days=30, hours=-5), day(days=30), ago(days=40)])
def test_a_negative_of_the_same_day_or_before_takes_nothing_back(name: str, concept: str, other: Moment) -> None:
    negative, positive = finding(concept, other, NEGATIVE_SIGN), finding(concept, LAST_MONTH)
    assert told(judged(negative, positive))[:2] == (2, [name])
    assert told(judged(positive, negative))[:2] == (2, [name])


def test_a_negative_toxin_does_not_take_back_a_positive_gene() -> None:
    gene, toxin = finding("c_difficile_toxin_gene", LAST_MONTH), finding("c_difficile_toxin", YESTERDAY, NEGATIVE_SIGN)
    assert told(judged(gene, toxin))[:2] == (2, ["c_difficile"])


def test_a_positive_after_a_negative_stops_again() -> None:
    results = [finding("c_difficile_toxin", ago(days=d), s) for d, s in ((80, None), (60, NEGATIVE_SIGN))]
    assert told(judged(*results, finding("c_difficile_toxin", LAST_MONTH)))[:2] == (2, ["c_difficile"])


@pytest.mark.parametrize(("days", "rule", "notes"), [(90, 2, set()), (91, 14, {"result-older"})])
@pytest.mark.parametrize(("name", "concept"), LAPSING)
def test_a_passing_infection_lapses_after_the_window(
    name: str, concept: str, days: int, rule: int, notes: set[str]
) -> None:
    assessment = judged(finding(concept, ago(days=days)))
    assert told(assessment) == (rule, [name] if rule == 2 else [], notes, False)
    longer = judged(finding(concept, ago(days=days)), policy=Policy(infection_window_days=100))
    assert longer.leading_rule == 2


@pytest.mark.parametrize(("name", "concept"), LASTING)
def test_a_lasting_infection_does_not_lapse(name: str, concept: str) -> None:
    assert told(judged(finding(concept, ago(weeks=150))))[:2] == (2, [name])


@pytest.mark.parametrize(("name", "concept"), TESTS)
def test_a_preliminary_positive_stops_nothing_and_takes_the_button(name: str, concept: str) -> None:
    assessment = judged(finding(concept, YESTERDAY, pending=True))
    assert told(assessment) == (14, [], {"result-preliminary"}, False)


@pytest.mark.parametrize(("name", "concept"), TESTS)
@pytest.mark.parametrize("final", [YESTERDAY, day(days=1), ago(hours=2)])
def test_a_preliminary_positive_is_answered_by_a_final_result(name: str, concept: str, final: Moment) -> None:
    waiting = finding(concept, YESTERDAY, pending=True)
    assert told(judged(waiting, finding(concept, final, NEGATIVE_SIGN))) == (14, [], set(), True)


@pytest.mark.parametrize(("name", "concept"), TESTS)
def test_a_preliminary_positive_after_a_final_negative_or_without_a_date_waits(name: str, concept: str) -> None:
    before = finding(concept, LONG_AGO, NEGATIVE_SIGN)
    for at in (YESTERDAY, None):
        assert codes(judged(before, finding(concept, at, pending=True))) == {"result-preliminary"}


@pytest.mark.parametrize(("name", "concept"), TESTS)
def test_a_preliminary_result_that_is_not_positive_says_nothing(name: str, concept: str) -> None:
    for sign in (NEGATIVE_SIGN, None):
        assert told(judged(finding(concept, YESTERDAY, sign, pending=True))) == (14, [], set(), True)


@pytest.mark.parametrize(("name", "concept"), LAPSING)
def test_an_old_preliminary_result_of_a_passing_infection_says_nothing(name: str, concept: str) -> None:
    assert codes(judged(finding(concept, LONG_AGO, pending=True))) == set()


@pytest.mark.parametrize(("name", "concept"), TESTS)
def test_a_newest_result_that_says_neither_is_told_and_stops_nothing(name: str, concept: str) -> None:
    before = finding(concept, LAST_MONTH, NEGATIVE_SIGN)
    assert told(judged(before, finding(concept, YESTERDAY, None))) == (14, [], {"result-undetermined"}, True)
    assert codes(judged(finding(concept, None, None))) == {"result-undetermined"}
    answered = judged(finding(concept, LAST_MONTH, None), finding(concept, YESTERDAY, NEGATIVE_SIGN))
    assert codes(answered) == set()


@pytest.mark.parametrize(("name", "concept"), LAPSING)
def test_an_old_result_of_a_passing_infection_that_says_neither_is_not_told(name: str, concept: str) -> None:
    assert codes(judged(finding(concept, LONG_AGO, None))) == set()


@pytest.mark.parametrize(("name", "concept"), TESTS)
def test_a_result_that_says_neither_does_not_take_a_positive_back(name: str, concept: str) -> None:
    assert told(judged(finding(concept, LAST_MONTH), finding(concept, YESTERDAY, None)))[:2] == (2, [name])


@pytest.mark.parametrize(("name", "concept"), TESTS)
@pytest.mark.parametrize(
    ("recorded", "state", "stopped"),
    [
        (LAST_MONTH, ConditionState.INACTIVE, False),  # the same episode, closed
        (YESTERDAY, ConditionState.INACTIVE, False),
        (ago(days=31), ConditionState.INACTIVE, True),  # an earlier episode
        (None, ConditionState.INACTIVE, True),  # not known which episode
        (LAST_MONTH, ConditionState.REMISSION, True),
    ],
)
def test_an_entry_that_the_team_called_resolved_since_then_speaks_for_the_result(
    name: str, concept: str, recorded: Moment | None, state: ConditionState, stopped: bool
) -> None:
    entry = diagnosed(f"stop.{name}", state=state, recorded=recorded)
    assessment = judged(finding(concept, LAST_MONTH), entries=(entry,))
    assert (assessment.leading_rule == 2) == stopped
    if not stopped:
        assert "stop-former" in {issue.code for issue in assessment.issues}
        assert not assessment.advice[0].button


def test_a_resolved_entry_of_another_condition_closes_nothing() -> None:
    entry = diagnosed("stop.sepsis", state=ConditionState.INACTIVE, recorded=YESTERDAY)
    assert told(judged(finding("hbs_antigen", LAST_MONTH), entries=(entry,)))[:2] == (2, ["hepatitis_b"])


def test_a_resolved_entry_does_not_close_a_result_without_a_date() -> None:
    entry = diagnosed("stop.hepatitis_b", state=ConditionState.INACTIVE, recorded=YESTERDAY)
    assert told(judged(finding("hbs_antigen", None), entries=(entry,)))[:2] == (2, ["hepatitis_b"])


def test_a_coded_condition_and_its_result_are_both_told() -> None:
    entry = diagnosed("stop.hepatitis_b", recorded=LONG_AGO)
    labels = [stop.label for stop in judged(finding("hbs_antigen", LAST_MONTH), entries=(entry,)).stop_conditions]
    assert labels == ["hepatitis B", "hepatitis B surface antigen positive"]


def test_every_note_about_a_result_names_the_test_its_day_and_its_evidence() -> None:
    positive, negative = finding("igra", LONG_AGO), finding("igra", LAST_MONTH, NEGATIVE_SIGN)
    (issue,) = [i for i in judged(positive, negative).issues if i.about == "result"]
    assert issue.level.value == "limiting"
    assert issue.evidence == positive.evidence
    assert issue.message == (
        "The interferon-gamma release assay was positive on 29 Sep 2025 and negative later: "
        "confirm that it no longer speaks against more drug."
    )
    (undated,) = [i for i in judged(finding("igra", None, None)).issues if i.about == "result"]
    assert "(an unknown day)" in undated.message
