"""What is known of a child after its levels, by a large random sample: the judge of the few draws of the service.

Plain importance sampling in double precision: a first sample from the population finds where the likely children are,
a second one is drawn there (a t distribution, with a share from the population) and weighted by likelihood times prior
over the density it was drawn from. It shares the curve of the past with the code under test (`Course`, proved
elsewhere) and nothing else: neither the estimate nor the lattice, and the troughs to come are the textbook's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, lgamma, log, pi, sqrt

import numpy as np

from cds_service.clinical.pk.case import Bound, Case
from cds_service.clinical.pk.course import Course
from cds_service.clinical.pk.model import Array, PopulationModel
from tests.pk import textbook

AT_ONCE = 20_000
FREEDOM = 6.0
FROM_POPULATION = 0.15
KINDS = ("next", "second", "steady")
PERCENTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Sample:
    """Draws of one model: weights that sum to 1, parameters to come, amounts at the start, log of the evidence."""

    weights: Array
    parameters: Array
    amounts: Array
    log_evidence: float

    def troughs(self, weeks: float, mg: float, duration: float) -> dict[str, Array]:
        """Of every draw: the next, the second and the steady trough of a regimen that begins at the start."""
        interval = 7.0 * weeks
        doses = ((0.0, duration, mg), (interval, duration, mg))
        return {
            "next": textbook.later(self.parameters, self.amounts, interval)
            + textbook.level(self.parameters, doses[:1], interval),
            "second": textbook.later(self.parameters, self.amounts, 2 * interval)
            + textbook.level(self.parameters, doses, 2 * interval),
            "steady": textbook.steady_trough(self.parameters, mg, duration, interval),
        }


def percentiles(values: Array, weights: Array) -> Array:
    """5th, 50th and 95th, each draw standing for the middle of its share."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return np.interp(PERCENTILES, (reached - weights[order] / 2) / reached[-1], values[order])


def sample(model: PopulationModel, case: Case, start: float, draws: int, seed: int = 1) -> Sample:
    """So many draws of what is known of the child at `start`."""
    random = np.random.default_rng(seed)
    course = Course(model, case, (*(level.time for level in case.levels), start))
    deviations = np.sqrt(course.variances)
    first = random.standard_normal((draws // 4, len(deviations))) * deviations
    fit, _ = _read(course, case, first)
    weights = _normalised(fit)
    mean = weights @ first
    root = np.linalg.cholesky(1.3 * ((first - mean).T * weights @ (first - mean)))
    normal = random.standard_normal((draws, len(deviations)))
    stretched = normal / np.sqrt(random.chisquare(FREEDOM, draws) / FREEDOM)[:, None]
    near = random.random(draws) >= FROM_POPULATION
    etas = np.where(near[:, None], mean + stretched @ root.T, normal * deviations)
    fit, amounts = _read(course, case, etas)
    prior = _log_normal(etas / deviations) - np.sum(np.log(deviations))
    drawn_near = _log_t((etas - mean) @ np.linalg.inv(root).T) - np.sum(np.log(np.diag(root)))
    drawn = np.logaddexp(log(1 - FROM_POPULATION) + drawn_near, log(FROM_POPULATION) + prior)
    log_weights = fit + prior - drawn
    evidence = float(np.logaddexp.reduce(log_weights) - log(draws))
    return Sample(_normalised(log_weights), np.exp(course.coming(case, etas.T)), amounts, evidence)


def shares(samples: Sequence[Sample]) -> list[float]:
    """How likely each model is after the levels, all alike before them."""
    likely: list[float] = _normalised(np.array([one.log_evidence for one in samples])).tolist()
    return likely


def _read(course: Course, case: Case, etas: Array) -> tuple[Array, Array]:
    """The log likelihood of the levels for every draw, and its amounts at the start."""
    fits, amounts = [], []
    for part in np.array_split(etas, max(1, len(etas) // AT_ONCE)):
        levels, at = course.expect_many(part.T)
        fits.append(_log_likelihood(course.model, case, levels))
        amounts.append(at[:, -1])
    return np.concatenate(fits), np.concatenate(amounts, axis=1)


def _log_likelihood(model: PopulationModel, case: Case, levels: Array) -> Array:
    total = np.zeros(levels.shape[1])
    for level, expected in zip(case.levels, levels, strict=False):
        deviation = np.sqrt(np.maximum(model.residual.variance(expected)[0], 1e-300))
        away = (level.value - expected) / deviation
        if level.bound is None:
            total += -np.log(deviation) - away**2 / 2 - log(2 * pi) / 2
        else:
            side = 1.0 if level.bound is Bound.BELOW else -1.0
            total += np.log([max(erfc(-side * z / sqrt(2)) / 2, 1e-300) for z in away.tolist()])
    return total


def _normalised(log_weights: Array) -> Array:
    weights = np.exp(log_weights - np.max(log_weights))
    return weights / np.sum(weights)


def _log_normal(standard: Array) -> Array:
    return -np.sum(standard**2, axis=1) / 2 - standard.shape[1] * log(2 * pi) / 2


def _log_t(standard: Array) -> Array:
    size = standard.shape[1]
    constant = lgamma((FREEDOM + size) / 2) - lgamma(FREEDOM / 2) - size * log(FREEDOM * pi) / 2
    return constant - (FREEDOM + size) / 2 * np.log1p(np.sum(standard**2, axis=1) / FREEDOM)
