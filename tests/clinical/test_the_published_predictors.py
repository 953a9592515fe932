"""Relative odds of a low trough before treatment: the published four, their windows, and agreement with the paper."""

from dataclasses import replace
from math import exp, log

import pytest

from cds_service.clinical.assessment import Predictor
from cds_service.clinical.knowledge import risk_model
from cds_service.clinical.record import DataIssue, IssueLevel, MedicationUse, SourceState
from tests.clinical.charts import CROHNS, ago, chart, day, diagnosed, infusion, judge, level, measured

START = 62  # weeks before the visit: the first infusion
PERIANAL = diagnosed("perianal_disease", recorded=ago(weeks=START + 4))
STEROID = MedicationUse("systemic_steroid", ago(weeks=START + 3), "MedicationRequest/1")


def predictor(name: str, record: object) -> Predictor:
    return next(p for p in judge(record).predictors if p.name == name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "beta", "standard_error"),
    [
        ("hormone_exposure", -3.170, 1.565),
        ("perianal_lesions", 1.760, 0.906),
        ("ses_cd", 0.504, 0.225),
        ("total_protein", -0.161, 0.065),
    ],
)
def test_coefficients_follow_from_the_published_odds_ratios(name: str, beta: float, standard_error: float) -> None:
    row = next(p for p in risk_model().predictors if p.name == name)
    assert row.beta == pytest.approx(beta, abs=0.001)
    assert row.standard_error == pytest.approx(standard_error, abs=0.001)


def test_relative_odds_are_the_product_against_the_stated_reference() -> None:
    record = chart(
        level(1.7),
        diagnoses=[CROHNS, PERIANAL],
        markers=[measured("total_protein", 62, ago(weeks=START + 2)), measured("ses_cd", 5, ago(weeks=START + 2))],
    )
    risk = judge(record).risk
    assert risk.relative_odds == pytest.approx(5.813 * 0.851**-3 * 1.656**3, rel=1e-9)
    assert dict(risk.reference) == {
        "hormone_exposure": False,
        "perianal_lesions": False,
        "ses_cd": 2.0,
        "total_protein": 65.0,
    }


def test_the_interval_takes_the_predictors_as_independent() -> None:
    risk = judge(chart(level(1.7), diagnoses=[CROHNS, PERIANAL])).risk
    assert risk.ci95 == pytest.approx((0.984, 34.349), rel=0.01)
    assert exp((log(risk.ci95[0]) + log(risk.ci95[1])) / 2) == pytest.approx(5.813, rel=1e-9)  # type: ignore[index]


def test_a_missing_predictor_stays_missing() -> None:
    assessment = judge(chart(level(1.7)))
    protein = predictor("total_protein", chart(level(1.7)))
    assert (protein.state.value, protein.log_odds) == ("missing", None)
    assert dict(assessment.risk.reference)["total_protein"] is None
    assert "total-protein-missing" in {issue.code for issue in assessment.issues}


@pytest.mark.parametrize(
    ("weeks", "state"),
    [(START + 1, "used"), (START + 8, "used"), (START + 9, "outside-window"), (START - 1, "missing")],
)
def test_only_values_from_before_the_first_infusion_count(weeks: float, state: str) -> None:
    record = chart(level(1.7), markers=[measured("total_protein", 62, ago(weeks=weeks))])
    assert predictor("total_protein", record).state.value == state


def test_a_value_of_the_day_of_the_first_infusion_counts_when_times_are_not_charted() -> None:
    record = chart(level(1.7), markers=[measured("total_protein", 62, day(weeks=START))])
    assert predictor("total_protein", record).state.value == "used"


def test_an_implausible_value_is_not_used_and_said() -> None:
    assessment = judge(chart(level(1.7), markers=[measured("total_protein", 6.2, ago(weeks=START + 1))]))
    assert "total-protein-out-of-range" in {issue.code for issue in assessment.issues}


def test_the_contribution_of_ses_cd_is_bounded_and_said_so() -> None:
    high = predictor("ses_cd", chart(level(1.7), markers=[measured("ses_cd", 30, ago(weeks=START + 1))]))
    assert high.bounded
    assert high.log_odds == pytest.approx(4 * log(1.656))


def test_steroid_before_the_first_infusion_counts_and_later_or_much_earlier_does_not() -> None:
    def value(use: MedicationUse) -> object:
        return predictor("hormone_exposure", chart(level(1.7), medications=(use,))).value

    assert value(STEROID) is True
    assert value(replace(STEROID, start=ago(weeks=START - 1))) is False
    assert value(replace(STEROID, start=ago(weeks=START, hours=1), given=True)) is False  # premedication
    assert value(replace(STEROID, start=ago(weeks=START + 20))) is False
    assert value(replace(STEROID, start=ago(weeks=START + 20), end=ago(weeks=START + 2))) is True
    assert value(replace(STEROID, concept="immunomodulator")) is False
    assert value(replace(STEROID, start=None)) is False


@pytest.mark.parametrize(
    ("name", "source"), [("hormone_exposure", "prescriptions"), ("perianal_lesions", "conditions")]
)
def test_no_record_means_none_only_where_the_source_was_read(name: str, source: str) -> None:
    read = predictor(name, chart(level(1.7)))
    unread = predictor(name, chart(level(1.7), sources={source: SourceState.UNREADABLE}))
    assert (read.value, unread.value, unread.state.value) == (False, None, "missing")


def test_a_steroid_that_is_only_named_is_neither_a_steroid_nor_none() -> None:
    doubt = DataIssue("medication-by-name-only", "systemic_steroid", IssueLevel.LIMITING, "It is only named.")
    told = predictor("hormone_exposure", chart(level(1.7), issues=(doubt,)))
    assert (told.value, told.state.value) == (None, "missing")


def test_before_the_first_infusion_the_visit_is_the_baseline() -> None:
    record = chart(given=[], markers=[measured("total_protein", 58, ago(days=3))])
    assert predictor("total_protein", record).value == 58


def test_with_nothing_known_there_are_no_odds() -> None:
    sources = dict.fromkeys(("conditions", "prescriptions"), SourceState.UNREADABLE)
    risk = judge(chart(level(1.7), sources=sources)).risk
    assert (risk.relative_odds, risk.ci95) == (None, None)


def test_the_order_of_two_infusions_on_one_day_does_not_hide_the_first() -> None:
    given = [infusion(ago(weeks=2, hours=2), 100), infusion(ago(weeks=2), 100)]
    assert judge(chart(given=given)).given.dose_mg == 200  # type: ignore[union-attr]
