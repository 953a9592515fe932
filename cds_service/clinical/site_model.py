"""A site's own model of a low trough: what turns odds into a probability, and on whom it rests.

Question: how often was the trough low in this hospital's children, and by which formula? The values come from the
site's risk model file (docs/risk-model.md) and are checked there; a predictor is named as in predictors.toml, a flag
counts 1 where present, a number stands in that row's unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import isclose, sqrt
from typing import TypeAlias

Matrix: TypeAlias = tuple[tuple[float, ...], ...]

LEAST_PIVOT = 1e-12  # of the variance: less is what rounding leaves of a matrix that is not positive definite


class Calibration(StrEnum):
    """How a probability came to be."""

    NONE = "none"  # no probability
    BASELINE = "baseline"  # the published odds on what the site observed
    RECALIBRATED = "recalibrated"  # coefficients fitted to the site's own children


@dataclass(frozen=True, slots=True)
class Cohort:
    """The children of the site that were observed: how many, how many of them had the outcome, from when to when."""

    outcome: str
    low_trough_below_ug_per_ml: float
    children: int
    events: int
    period: tuple[date, date]


@dataclass(frozen=True, slots=True)
class BaselineModel:
    """The probability that the site observed in children like a stated one; the published odds ratios stay.

    The cohort are the children like the reference, `probability` is the share of them with a low trough.
    """

    cohort: Cohort
    probability: float
    reference: tuple[tuple[str, float | bool], ...]


@dataclass(frozen=True, slots=True)
class Measures:
    """How well a recalibrated model fits, as far as the site states it; a perfect one has 1, 0, 1 and 0."""

    calibration_slope: float | None = None
    calibration_in_the_large: float | None = None  # on the log odds scale
    auc_optimism_corrected: float | None = None
    brier_score: float | None = None


@dataclass(frozen=True, slots=True)
class RecalibratedModel:
    """A logistic model fitted to the site's own children.

    `intercept` and `coefficients` are log odds (per unit of the predictor), `covariance` is theirs in the same order,
    intercept first. `ranges` are the lowest and highest value on which a numeric predictor was fitted.
    """

    cohort: Cohort
    written: date
    software: str
    intercept: float
    coefficients: tuple[tuple[str, float], ...]
    covariance: Matrix
    ranges: tuple[tuple[str, tuple[float, float]], ...]
    measures: Measures = Measures()


SiteModel: TypeAlias = BaselineModel | RecalibratedModel


def cholesky(matrix: Sequence[Sequence[float]]) -> Matrix:
    """The lower triangle L with L L' = `matrix`. Raises ValueError unless that is symmetric and positive definite."""
    lower: list[tuple[float, ...]] = []
    for i, row in enumerate(matrix):
        found: list[float] = []
        for j in range(i):
            if not isclose(row[j], matrix[j][i], rel_tol=1e-6, abs_tol=1e-12):
                raise ValueError("a symmetric matrix expected")
            rest = row[j] - sum(a * b for a, b in zip(found, lower[j], strict=False))
            found.append(rest / lower[j][j])
        pivot = row[i] - sum(a * a for a in found)
        if pivot <= LEAST_PIVOT * row[i]:
            raise ValueError("a positive definite matrix expected")
        lower.append((*found, sqrt(pivot)))
    return tuple(lower)
