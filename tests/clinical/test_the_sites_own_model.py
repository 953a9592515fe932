"""The probability of a low trough by a site's own model. Every model and child here is synthetic."""

from dataclasses import replace
from datetime import date
from math import exp, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.assessment import (
    Assessment,
    Hindrance,
    NoProbability,
    Predictor,
    PredictorState,
    Probability,
)
from cds_service.clinical.explain import explain
from cds_service.clinical.knowledge import risk_model
from cds_service.clinical.policy import Policy
from cds_service.clinical.probability import probability
from cds_service.clinical.record import SourceState
from cds_service.clinical.risk import estimate_risk
from cds_service.clinical.site_model import (
    BaselineModel,
    Calibration,
    Cohort,
    Measures,
    RecalibratedModel,
    SiteModel,
    cholesky,
)
from tests.clinical.charts import CROHNS, ago, chart, diagnosed, judge, level, measured

PERIANAL = diagnosed("perianal_disease", recorded=ago(weeks=66))
PERIOD = (date(2022, 1, 1), date(2025, 6, 30))
REFERENCE = (("hormone_exposure", False), ("perianal_lesions", False), ("ses_cd", 4.0), ("total_protein", 66.0))
BASELINE = BaselineModel(Cohort("low trough", 5.0, 40, 12, PERIOD), 0.30, REFERENCE)
FITTED = RecalibratedModel(
    cohort=Cohort("low trough", 5.0, 84, 39, PERIOD),
    written=date(2026, 9, 1),
    software="synthetic 1",
    intercept=2.0,
    coefficients=(("perianal_lesions", 0.9), ("ses_cd", 0.1), ("total_protein", -0.05)),
    covariance=(
        (4.0, 0.0, -0.01, -0.06),
        (0.0, 0.25, 0.002, 0.0),
        (-0.01, 0.002, 0.0025, 0.0),
        (-0.06, 0.0, 0.0, 0.001),
    ),
    ranges=(("ses_cd", (0.0, 23.0)), ("total_protein", (50.0, 85.0))),
    measures=Measures(calibration_slope=0.8),
)


def child(
    ses_cd: float | None = 5, total_protein: float | None = 62, *, perianal: bool = True, model: SiteModel | None = None
) -> Assessment:
    """A child with perianal disease before the first infusion, without a steroid, judged with the site's model."""
    told = (("ses_cd", ses_cd), ("total_protein", total_protein))
    markers = [measured(name, value, ago(weeks=63)) for name, value in told if value is not None]
    diagnoses = (CROHNS, PERIANAL) if perianal else (CROHNS,)
    record = chart(level(1.7), diagnoses=diagnoses, markers=markers)
    return judge(record, policy=Policy(risk_model=model))


def found(assessment: Assessment) -> Probability:
    assert isinstance(assessment.risk.by_the_site, Probability)
    return assessment.risk.by_the_site


def hindered(assessment: Assessment) -> dict[str, Hindrance]:
    assert isinstance(assessment.risk.by_the_site, NoProbability)
    assert assessment.risk.calibration is Calibration.NONE
    return dict(assessment.risk.by_the_site.hindered_by)


def from_odds(odds: float) -> float:
    return odds / (1 + odds)


# --------------------------------------------------------------------------------------------- the site's baseline


@pytest.mark.parametrize(
    ("ses_cd", "total_protein", "perianal", "odds"),
    [
        # 12 of 40 are odds of 0.3 / 0.7 = 0.428571; each step away from the reference child multiplies them.
        (4, 66, False, 0.428571),
        (4, 66, True, 0.428571 * 5.813),
        (5, 66, False, 0.428571 * 1.656),
        (2, 66, False, 0.428571 / 1.656 / 1.656),
        (4, 62, False, 0.428571 / 0.851**4),
        (5, 62, True, 0.428571 * 5.813 * 1.656 / 0.851**4),
        # SES-CD counts up to 4 points over the published reference of 2, which is 2 over this site's 4.
        (30, 66, False, 0.428571 * 1.656**2),
    ],
)
def test_on_a_baseline_each_published_odds_ratio_moves_the_share_observed(
    ses_cd: float, total_protein: float, perianal: bool, odds: float
) -> None:
    told = found(child(ses_cd, total_protein, perianal=perianal, model=BASELINE))
    assert told.value == pytest.approx(from_odds(odds), abs=1e-5)


def test_the_interval_at_the_reference_child_is_that_of_the_share_observed() -> None:
    # 1/12 + 1/28 = 0.119048; logit(0.3) = -0.847298; -0.847298 -+ 1.96 x 0.345033 = -1.523563 and -0.171033.
    told = found(child(4, 66, perianal=False, model=BASELINE))
    assert told.ci95 == pytest.approx((0.178943, 0.457346), abs=1e-5)


def test_away_from_it_the_standard_errors_of_the_odds_ratios_are_added() -> None:
    # The published standard errors are the width of the interval on the log scale, divided by 3.92.
    perianal = (log(34.349) - log(0.984)) / 3.92
    score = (log(2.577) - log(1.065)) / 3.92
    protein = (log(0.967) - log(0.749)) / 3.92 * 4
    spread = 1.96 * sqrt(1 / 12 + 1 / 28 + perianal**2 + score**2 + protein**2)
    middle = log(0.3 / 0.7) + log(5.813) + log(1.656) - 4 * log(0.851)
    told = found(child(5, 62, model=BASELINE))
    assert told.ci95 == pytest.approx((from_odds(exp(middle - spread)), from_odds(exp(middle + spread))), abs=1e-9)
    assert told.ci95 == pytest.approx((0.511, 0.983), abs=1e-3)


def test_odds_and_probability_on_one_card_agree() -> None:
    def odds(p: float) -> float:
        return p / (1 - p)

    one, other = child(6, 58, model=BASELINE), child(3, 70, perianal=False, model=BASELINE)
    by_probability = odds(found(one).value) / odds(found(other).value)
    assert by_probability == pytest.approx(one.risk.relative_odds / other.risk.relative_odds)  # type: ignore[operator]


@pytest.mark.parametrize("missing", ["ses_cd", "total_protein"])
def test_a_baseline_needs_all_four_predictors(missing: str) -> None:
    assert hindered(child(**{missing: None}, model=BASELINE)) == {missing: Hindrance.NOT_KNOWN}  # type: ignore[arg-type]


def test_an_unread_list_of_diagnoses_leaves_no_probability() -> None:
    markers = [measured("ses_cd", 5, ago(weeks=63)), measured("total_protein", 62, ago(weeks=63))]
    record = chart(level(1.7), markers=markers, sources={"conditions": SourceState.UNREADABLE})
    assert hindered(judge(record, policy=Policy(risk_model=BASELINE))) == {"perianal_lesions": Hindrance.NOT_KNOWN}


@pytest.mark.parametrize(("weeks", "value"), [(71, 62), (63, 6.2)])
def test_a_value_outside_the_window_or_not_plausible_is_not_known(weeks: float, value: float) -> None:
    markers = [measured("ses_cd", 5, ago(weeks=63)), measured("total_protein", value, ago(weeks=weeks))]
    assessment = judge(chart(level(1.7), markers=markers), policy=Policy(risk_model=BASELINE))
    assert hindered(assessment) == {"total_protein": Hindrance.NOT_KNOWN}


# ---------------------------------------------------------------------------------------------- a recalibrated model


@pytest.mark.parametrize(
    ("ses_cd", "total_protein", "perianal", "log_odds", "variance"),
    [
        # By hand: 2 + 0.1 x 12 - 0.05 x 66 = -0.1. Variance: 4 + 144 x 0.0025 + 4356 x 0.001
        # + 2 x (12 x -0.01 + 66 x -0.06) = 8.716 - 8.16 = 0.556.
        (12, 66, False, -0.1, 0.556),
        # 2 + 0.9 + 0.5 - 3.1 = 0.3. Variance: 4 + 0.25 + 0.0625 + 3.844 + 2 x (-0.05 - 3.72 + 5 x 0.002) = 0.6365.
        (5, 62, True, 0.3, 0.6365),
        # At the edges of the range: 2 + 2.3 - 2.5 = 1.8; 4 + 1.3225 + 2.5 + 2 x (-0.23 - 3) = 1.3625.
        (23, 50, False, 1.8, 1.3625),
    ],
)
def test_a_recalibrated_model_counts_with_its_own_coefficients_and_whole_covariance(
    ses_cd: float, total_protein: float, perianal: bool, log_odds: float, variance: float
) -> None:
    told = found(child(ses_cd, total_protein, perianal=perianal, model=FITTED))
    ends = [log_odds + width * sqrt(variance) for width in (0, -1.96, 1.96)]
    assert (told.value, *told.ci95) == pytest.approx([1 / (1 + exp(-end)) for end in ends], abs=1e-9)


def test_no_bound_of_the_published_model_holds_a_value_in_a_recalibrated_one() -> None:
    lower, higher = found(child(6, model=FITTED)).value, found(child(20, model=FITTED)).value
    assert log(higher / (1 - higher)) - log(lower / (1 - lower)) == pytest.approx(14 * 0.1)


@pytest.mark.parametrize(
    ("ses_cd", "total_protein", "outside"),
    [(24, 62, ["ses_cd"]), (5, 49.9, ["total_protein"]), (30, 86, ["ses_cd", "total_protein"])],
)
def test_a_value_outside_the_range_of_the_model_gives_no_probability(
    ses_cd: float, total_protein: float, outside: list[str]
) -> None:
    told = hindered(child(ses_cd, total_protein, model=FITTED))
    assert told == dict.fromkeys(outside, Hindrance.OUTSIDE_RANGE)


def test_only_the_predictors_that_the_model_uses_must_be_known() -> None:
    smaller = replace(
        FITTED, coefficients=(("ses_cd", 0.1),), covariance=((1.0, 0.0), (0.0, 0.01)), ranges=(("ses_cd", (0.0, 23.0)),)
    )
    assert found(child(5, None, model=smaller)).value == pytest.approx(from_odds(exp(2.5)))
    assert hindered(child(None, 62, model=smaller)) == {"ses_cd": Hindrance.NOT_KNOWN}


def test_log_odds_too_large_to_exponentiate_give_a_probability_all_the_same() -> None:
    far = replace(FITTED, coefficients=(*FITTED.coefficients[:2], ("total_protein", 100.0)))
    near = replace(FITTED, coefficients=(*FITTED.coefficients[:2], ("total_protein", -100.0)))
    assert (found(child(model=far)).value, found(child(model=near)).value) == (1.0, 0.0)


# ------------------------------------------------------------------------------------------------ whatever the child


def inputs(steroid: bool, perianal: bool, ses_cd: float, total_protein: float) -> tuple[Predictor, ...]:
    values = {
        "hormone_exposure": steroid,
        "perianal_lesions": perianal,
        "ses_cd": ses_cd,
        "total_protein": total_protein,
    }
    rows = risk_model().predictors
    return tuple(
        Predictor(
            row.name,
            values[row.name],
            row.unit,
            None,
            PredictorState.USED,
            row.odds_ratio,
            row.ci95,
            row.log_odds_of(values[row.name]),
        )
        for row in rows
    )


def chance(model: SiteModel, *values: float) -> Probability:
    steroid, perianal, ses_cd, total_protein = values
    told = probability(model, inputs(bool(steroid), bool(perianal), ses_cd, total_protein))
    assert isinstance(told, Probability)
    return told


MODELS = st.sampled_from([BASELINE, FITTED])
NAMES = st.sampled_from([row.name for row in risk_model().predictors])
FLAG = st.booleans()
SCORE = st.floats(0, 23)
PROTEIN = st.floats(50, 85)


@given(MODELS, FLAG, FLAG, SCORE, PROTEIN)
def test_a_probability_lies_inside_its_interval(
    model: SiteModel, steroid: bool, perianal: bool, ses_cd: float, total_protein: float
) -> None:
    told = chance(model, steroid, perianal, ses_cd, total_protein)
    assert 0 < told.ci95[0] < told.value < told.ci95[1] < 1
    low, high = (round(end, 3) for end in told.ci95)
    assert low <= round(told.value, 3) <= high


@given(MODELS, FLAG, FLAG, SCORE, PROTEIN, SCORE, PROTEIN)
def test_a_probability_moves_in_the_published_direction(
    model: SiteModel, steroid: bool, perianal: bool, ses_cd: float, protein: float, score: float, other: float
) -> None:
    told = chance(model, steroid, perianal, ses_cd, protein).value
    nothing_lost = 1e-12
    assert chance(model, False, perianal, ses_cd, protein).value >= told - nothing_lost
    assert chance(model, steroid, True, ses_cd, protein).value >= told - nothing_lost
    assert chance(model, steroid, perianal, max(score, ses_cd), protein).value >= told - nothing_lost
    assert chance(model, steroid, perianal, ses_cd, min(other, protein)).value >= told - nothing_lost


def without(lost: set[str], whole: tuple[Predictor, ...]) -> list[Predictor]:
    missing = {"value": None, "state": PredictorState.MISSING, "log_odds": None}
    return [replace(p, **missing) if p.name in lost else p for p in whole]  # type: ignore[arg-type]


@given(FLAG, FLAG, st.floats(0, 30), st.floats(50, 80), st.sets(NAMES, min_size=1, max_size=3))
def test_whatever_was_not_measured_the_odds_lie_between_the_possible_ones(
    steroid: bool, perianal: bool, ses_cd: float, total_protein: float, lost: set[str]
) -> None:
    whole = inputs(steroid, perianal, ses_cd, total_protein)
    low, high = estimate_risk(without(lost, whole), None).possible_odds or (0, 0)
    assert low * (1 - 1e-9) <= (estimate_risk(whole, None).relative_odds or 0) <= high * (1 + 1e-9)


@pytest.mark.parametrize(
    ("lost", "low", "high"),
    [
        # Against the child that has neither: a steroid 0.042 to 1, perianal disease 1 to 5.813,
        # SES-CD 0 to 6 (2 under the reference, 4 over it), total protein 50 to 80 g/L (15 each way).
        ("hormone_exposure", 0.042, 1.0),
        ("perianal_lesions", 1.0, 5.813),
        ("ses_cd", 1.656**-2, 1.656**4),
        ("total_protein", 0.851**15, 0.851**-15),
    ],
)
def test_each_missing_predictor_opens_the_span_of_its_row(lost: str, low: float, high: float) -> None:
    whole = inputs(steroid=False, perianal=False, ses_cd=2, total_protein=65)
    assert estimate_risk(without({lost}, whole), None).possible_odds == pytest.approx((low, high))


def test_several_missing_predictors_open_it_together() -> None:
    ends = child(None, None).risk.possible_odds
    assert ends == pytest.approx((5.813 * 1.656**-2 * 0.851**15, 5.813 * 1.656**4 * 0.851**-15))


def test_nothing_is_possible_to_say_where_nothing_was_used_and_nothing_open_where_all_is_known() -> None:
    sources = dict.fromkeys(("conditions", "prescriptions"), SourceState.UNREADABLE)
    assert judge(chart(level(1.7), sources=sources)).risk.possible_odds is None
    assert child().risk.possible_odds is None


# -------------------------------------------------------------------------------------------------- what is written


def test_without_a_model_of_the_site_there_is_no_probability() -> None:
    assert child().risk.by_the_site is None
    told = explain(child())["risk"]
    assert [told[key] for key in ("probability", "probability_ci95", "baseline", "recalibration")] == [None] * 4
    assert (told["calibration"], told["probability_hindered_by"]) == ("none", [])


def test_the_model_of_the_site_changes_neither_odds_nor_advice() -> None:
    usual = child()
    for other in (child(model=BASELINE), child(model=FITTED)):
        assert replace(other.risk, by_the_site=None) == usual.risk
        assert replace(other, risk=usual.risk) == usual


def test_a_baseline_is_explained_with_the_children_on_whom_it_rests() -> None:
    told = explain(child(model=BASELINE))["risk"]
    assert (told["probability"], told["probability_ci95"], told["calibration"]) == (0.887, [0.511, 0.983], "baseline")
    assert told["baseline"] == {
        "probability": 0.3,
        "reference": dict(REFERENCE),
        "outcome": "low trough",
        "low_trough_below_ug_per_ml": 5.0,
        "children": 40,
        "events": 12,
        "period": ["2022-01-01", "2025-06-30"],
    }
    assert told["recalibration"] is None


def test_a_recalibrated_model_is_explained_with_its_coefficients_and_measures() -> None:
    told = explain(child(model=FITTED))["risk"]
    assert (told["calibration"], told["baseline"]) == ("recalibrated", None)
    own = told["recalibration"]
    assert own["coefficients"] == {"perianal_lesions": 0.9, "ses_cd": 0.1, "total_protein": -0.05}
    assert own["ranges"] == {"ses_cd": [0.0, 23.0], "total_protein": [50.0, 85.0]}
    assert own["measures"]["calibration_slope"] == 0.8
    assert own["measures"]["brier_score"] is None
    assert (own["date"], own["software"]) == ("2026-09-01", "synthetic 1")


def test_what_hinders_a_probability_is_explained_and_no_calibration_is_claimed() -> None:
    told = explain(child(30, None, model=FITTED))["risk"]
    assert (told["probability"], told["baseline"], told["recalibration"]) == (None, None, None)
    assert told["calibration"] == "none"
    assert told["probability_hindered_by"] == [
        {"predictor": "total_protein", "why": "not-known"},
        {"predictor": "ses_cd", "why": "outside-range"},
    ]


# ------------------------------------------------------------------------------------------------------ the covariance


def test_the_triangle_of_a_matrix_multiplies_to_it_again() -> None:
    matrix = FITTED.covariance
    lower = [(*row, *(0.0,) * (len(matrix) - len(row))) for row in cholesky(matrix)]
    again = [[sum(a * b for a, b in zip(one, other, strict=True)) for other in lower] for one in lower]
    assert again == [pytest.approx(row) for row in matrix]


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        (((1.0, 0.5), (0.4, 1.0)), "symmetric"),
        (((1.0, 2.0), (2.0, 1.0)), "positive definite"),
        (((1.0, 1.0), (1.0, 1.0)), "positive definite"),
        (((0.0, 0.0), (0.0, 1.0)), "positive definite"),
        (((-1.0,),), "positive definite"),
    ],
)
def test_what_is_no_covariance_is_refused(matrix: tuple[tuple[float, ...], ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        cholesky(matrix)
