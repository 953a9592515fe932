"""Numbers of papers and of the project's own reference tables, reproduced. All children are synthetic."""

from dataclasses import replace

import numpy as np
import pytest

from cds_service.clinical.pk.case import Case, MeasuredLevel
from cds_service.clinical.pk.course import Course
from cds_service.clinical.pk.ensemble import ask
from cds_service.clinical.pk.forecast import Outlook, Regimen
from cds_service.clinical.pk.model import Array, Parameter, PopulationModel
from tests.pk import textbook
from tests.pk.children import (
    COMBINED,
    INTERVALS_WEEKS,
    REACH,
    TWO_HOURS,
    alone,
    at_steady_state,
    below,
    child,
    fixed,
    found,
    infusions,
    own_parameters,
    steady_trough,
    typical,
)

# --- the sign of the exponents of weight -----------------------------------------------------------------------------

# Frymoyer 2016, PubMed 26890885, abstract: 1,000 simulated children of 10 years with an immunomodulator, 5 mg/kg,
# week 14: median, quartiles (ug/mL) and share above 3 ug/mL, for albumin of 3 and of 4 g/dL.
FRYMOYER = {3.0: (0.5, 1.3, 2.7, 0.21), 4.0: (1.0, 2.4, 4.8, 0.41)}
THEIR_CHILDREN = 1000
OUR_CHILDREN = 20_000
ROUNDING = np.array([0.05, 0.05, 0.05, 0.005])


def simulated(model: PopulationModel, kg: float, albumin: float) -> Array:
    """Troughs of week 14, sorted, with variability between children and occasions."""
    covariates = child(weight_kg=kg, albumin_g_per_dl=albumin, immunomodulator=1.0)
    case = Case(infusions((0, 14, 42), 5 * kg), (MeasuredLevel(98.0, 1.0),), alone(covariates))
    course = Course(model, case, (98.0,))
    etas = np.random.default_rng(1).standard_normal((OUR_CHILDREN, len(course.variances)))
    return np.sort(course.expect_many((etas * np.sqrt(course.variances)).T)[0][0])


def told(troughs: Array) -> tuple[Array, Array]:
    """Quartiles and the share above 3, and the sampling error of each in a study of a thousand children."""
    shares = np.array([0.25, 0.5, 0.75])
    steepness = (np.quantile(troughs, shares + 0.02) - np.quantile(troughs, shares - 0.02)) / 0.04
    above = float(np.mean(troughs > 3))
    numbers = np.array([*np.quantile(troughs, shares), above])
    errors = np.array([*np.sqrt(shares * (1 - shares)) * steepness, np.sqrt(above * (1 - above))])
    return numbers, errors / np.sqrt(THEIR_CHILDREN)


def with_positive_exponents(parameter: Parameter) -> Parameter:
    """The other sign, as one published transcription has it; the proportionality to weight itself stays."""
    effects = [
        replace(effect, exponent=-effect.exponent) if effect.exponent is not None and effect.reference == 65 else effect
        for effect in parameter.effects
    ]
    return replace(parameter, effects=tuple(effects))


WRONG = replace(COMBINED, parameters=tuple(map(with_positive_exponents, COMBINED.parameters)))


def misses(model: PopulationModel, kg: float) -> Array:
    """How many sampling errors lie between the publication and us, beyond its rounding: (albumin, number)."""
    found_here = {albumin: told(simulated(model, kg, albumin)) for albumin in FRYMOYER}
    return np.array(
        [
            np.maximum(np.abs(numbers - FRYMOYER[albumin]) - ROUNDING, 0) / errors
            for albumin, (numbers, errors) in found_here.items()
        ]
    )


@pytest.mark.parametrize("kg", [28.0, 30.0, 32.0])  # usual weights at 10 years
def test_negative_exponents_of_weight_reproduce_the_published_simulation(kg: float) -> None:
    assert misses(COMBINED, kg).max() < 2.5


@pytest.mark.parametrize("kg", [20.0, 25.0, 28.0, 32.0, 36.0, 42.0, 50.0])
def test_positive_exponents_of_weight_reproduce_it_at_no_weight(kg: float) -> None:
    assert misses(WRONG, kg).max() > 4


def test_the_wrong_sign_would_take_a_third_of_the_clearance_of_a_child_of_30_kg() -> None:
    right, wrong = (typical(model, child())[0] for model in (COMBINED, WRONG))
    assert (right, wrong) == pytest.approx((0.2210, 0.1362), abs=5e-5)  # reference table 1.3 and 5.1


# --- typical children ------------------------------------------------------------------------------------------------

# Reference table 5.1: 150 mg over 2 h for a child of 30 kg, albumin 3.8 g/dL; steady troughs at 8, 7, 6, 5, 4 weeks.
TYPICAL_TROUGHS = {
    "combined": (COMBINED, child(), 150, (1.11, 1.61, 2.38, 3.62, 5.82)),
    "with an immunomodulator": (COMBINED, child(immunomodulator=1.0), 150, (1.68, 2.38, 3.44, 5.14, 8.11)),
    "with antibodies": (COMBINED, child(antibody_positive=1.0), 150, (0.54, 0.80, 1.22, 1.90, 3.15)),
    "10 mg/kg": (COMBINED, child(), 300, (2.22, 3.22, 4.75, 7.23, 11.65)),
    "REACH": (REACH, child(), 150, (1.79, 2.62, 3.87, 5.86, 9.20)),
    "wrong sign": (WRONG, child(), 150, (1.26, 2.09, 3.50, 5.96, 10.42)),
}
# The same table: albumin, and weight at 5 mg/kg; steady troughs at 8, 6 and 4 weeks.
BY_COVARIATE = [
    (child(albumin_g_per_dl=2.8), (0.53, 1.20, 3.11)),
    (child(albumin_g_per_dl=3.3), (0.79, 1.74, 4.38)),
    (child(albumin_g_per_dl=4.3), (1.49, 3.10, 7.40)),
    (child(weight_kg=15.0), (1.00, 1.88, 4.30)),
    (child(weight_kg=20.0), (1.05, 2.09, 4.89)),
    (child(weight_kg=42.0), (1.15, 2.61, 6.68)),
    (child(weight_kg=60.0), (1.17, 2.86, 7.68)),
]


@pytest.mark.parametrize("name", TYPICAL_TROUGHS)
def test_the_typical_child_has_the_troughs_of_the_table(name: str) -> None:
    model, covariates, mg, troughs = TYPICAL_TROUGHS[name]
    ours = [steady_trough(typical(model, covariates), mg, weeks) for weeks in INTERVALS_WEEKS]
    assert ours == pytest.approx(troughs, abs=0.0051)


@pytest.mark.parametrize(("covariates", "troughs"), BY_COVARIATE)
def test_albumin_and_weight_move_the_trough_as_in_the_table(
    covariates: dict[str, float], troughs: tuple[float, ...]
) -> None:
    mg = 5 * covariates["weight_kg"]
    ours = [steady_trough(typical(COMBINED, covariates), mg, weeks) for weeks in (8, 6, 4)]
    assert ours == pytest.approx(troughs, abs=0.0051)


@pytest.mark.parametrize(
    ("model", "covariates", "clearance", "half_life"),
    [  # reference tables 5.1 and 3.4
        (COMBINED, child(), 0.2210, 14.4),
        (REACH, child(), 0.1826, 13.8),
        (REACH, child(weight_kg=42.0), None, 13.4),
        (COMBINED, child(weight_kg=65.0, albumin_g_per_dl=4.1), None, 11.8),
        (COMBINED, child(weight_kg=65.0, albumin_g_per_dl=4.1, immunomodulator=1.0), None, 13.1),
    ],
)
def test_clearance_and_half_life_are_those_of_the_table(
    model: PopulationModel, covariates: dict[str, float], clearance: float | None, half_life: float
) -> None:
    parameters = typical(model, covariates)
    (_, _), (slow, _) = textbook.exponentials(parameters)
    assert np.log(2) / slow == pytest.approx(half_life, abs=0.051)
    assert clearance is None or parameters[0] == pytest.approx(clearance, abs=5e-5)


@pytest.mark.parametrize(("days", "trough"), [(53, 1.30), (56, 1.11), (59, 0.95)])
def test_three_days_more_or_less_in_every_interval(days: int, trough: float) -> None:
    """Reference section 4, "sample timing": these are the steady troughs of such intervals."""
    assert steady_trough(typical(COMBINED, child()), 150, days / 7) == pytest.approx(trough, abs=0.0051)


@pytest.mark.parametrize(("days", "level"), [(53, 1.29), (56, 1.11), (59, 0.96)])
def test_three_days_early_or_late_in_one_interval(days: int, level: float) -> None:
    """One sample early or late at steady state every 8 weeks: by the half-life of 14.4 days 1.11 times 2^(3/14.4)."""
    course = found(COMBINED, at_steady_state(), (9 * 56.0 + days,)).course
    assert course.expect(np.zeros(len(course.effects)))[0] == pytest.approx([level], abs=0.0051)


def test_after_a_shorter_interval_the_second_trough_has_nearly_arrived() -> None:
    """Reference section 4: of its plateau the first new trough reaches 93, 88 and 81 %, the second 95 to 99 %."""
    parameters = typical(COMBINED, child())
    for weeks, first_share in ((6, 0.93), (5, 0.88), (4, 0.81)):
        before = [(56.0 * number, TWO_HOURS, 150.0) for number in range(20)]
        begin, span = 20 * 56.0, 7.0 * weeks
        after = [(begin + span * number, TWO_HOURS, 150.0) for number in range(3)]
        plateau = steady_trough(parameters, 150, weeks)
        first, second = (textbook.level(parameters, [*before, *after], begin + span * n) / plateau for n in (1, 2))
        assert first == pytest.approx(first_share, abs=0.006)
        assert 0.945 < second < 0.995


# --- one child -------------------------------------------------------------------------------------------------------


def outlooks(model: PopulationModel, case: Case) -> dict[float, Outlook]:
    regimens = [Regimen(7.0 * weeks, 150.0, TWO_HOURS) for weeks in INTERVALS_WEEKS]
    return {o.regimen.interval / 7: o for o in ask([model], case, regimens, start=560.0).outlooks}


# Reference table 5.3: trough 1.69 at steady state every 8 weeks; steady trough as 5 %, 50 %, 95 %, and P(>= 5).
ONE_CHILD = {
    "between children": (
        fixed(COMBINED),
        {8: (0.88, 1.55, 2.80), 7: (1.27, 2.16, 3.81), 6: (1.81, 3.10, 5.36), 5: (2.60, 4.59, 7.91),
         4: (3.92, 7.21, 12.3)},
    ),
    "and between occasions": (
        COMBINED,
        {8: (0.42, 1.49, 4.35), 7: (0.64, 2.07, 5.82), 6: (0.98, 2.95, 7.98), 5: (1.49, 4.34, 11.4),
         4: (2.40, 6.85, 17.1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_CHILD)
def test_the_child_with_a_trough_of_1_69_has_the_ranges_of_the_table(name: str) -> None:
    model, rows = ONE_CHILD[name]
    for weeks, numbers in rows.items():
        steady = outlooks(model, at_steady_state(1.69))[weeks].steady.spread
        assert (steady.p05, steady.median, steady.p95) == pytest.approx(numbers, rel=0.03), weeks


def test_its_best_fit_is_the_one_of_the_table() -> None:
    own = own_parameters(found(fixed(COMBINED), at_steady_state(1.69)), child())
    assert own[0] == pytest.approx(0.2034, abs=5e-5)
    troughs = [steady_trough(own, 150, weeks) for weeks in INTERVALS_WEEKS]
    assert troughs == pytest.approx([1.50, 2.12, 3.05, 4.53, 7.14], abs=0.0051)


@pytest.mark.parametrize(("trough", "weeks", "numbers"), [(0.89, 4, (2.0, 4.70, 9.1)), (3.5, 6, (None, 5.65, None))])
def test_other_troughs_of_the_table(trough: float, weeks: int, numbers: tuple[float | None, ...]) -> None:
    steady = outlooks(fixed(COMBINED), at_steady_state(trough))[weeks].steady.spread
    for ours, theirs in zip((steady.p05, steady.median, steady.p95), numbers, strict=True):
        assert theirs is None or ours == pytest.approx(theirs, rel=0.03)


@pytest.mark.parametrize(
    ("level", "median"),
    [(below(0, 0.4), 2.73), (MeasuredLevel(0, 0.2), 2.95), (MeasuredLevel(0, 0.4), 3.35)],
)
def test_a_limit_taken_for_a_value_promises_too_much(level: MeasuredLevel, median: float) -> None:
    """Reference section 4: `<0.4` every 8 weeks, the steady trough at 4 weeks: censored, half the limit, the limit."""
    steady = outlooks(fixed(COMBINED), at_steady_state(level))[4].steady.spread
    assert steady.median == pytest.approx(median, rel=0.02)
