"""What each regimen would do: the troughs to expect, and how likely they reach the target.

Question: the next, the second and the steady trough of a regimen, for this child, with honest uncertainty? Models are
averaged by how well each explains the levels (their marginal likelihood, by Laplace's method); the average decides,
the medians of the single models show how far they differ. Ranges hold what is not known of the child and how clearance
varies from one occasion to the next; not the error of the assay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cds_service.clinical.pk.case import GivenDose
from cds_service.clinical.pk.course import CENTRAL_VOLUME, advance
from cds_service.clinical.pk.disposition import propagate
from cds_service.clinical.pk.estimate import Estimate
from cds_service.clinical.pk.model import Array
from cds_service.clinical.pk.posterior import CHILDREN, Possible

QUANTILES = (0.05, 0.5, 0.95)
AVERAGED = 2048  # children by whom the average of the models speaks


@dataclass(frozen=True, slots=True)
class Regimen:
    """A dose (mg) over `duration` days, every `interval` days."""

    interval: float
    mg: float
    duration: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A trough in ug/mL: the median and the 5th and 95th percentile."""

    median: float
    p05: float
    p95: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one regimen would do. `by_model` has the median second trough of each model, in their order.

    The second trough is the one before the second infusion after the regimen began: the one to measure.
    """

    regimen: Regimen
    next_trough: Spread
    second_trough: Spread
    steady_trough: Spread
    by_model: tuple[float, ...]
    possible: Array  # every possible second trough by the average of the models, in ug/mL, ascending
    possible_by_model: Array  # (model, child), ascending

    def chance_at_least(self, limit: float) -> float:
        """Probability that the second trough reaches the limit (ug/mL)."""
        return float(np.mean(self.possible >= limit))

    def chance_above(self, limit: float) -> float:
        """Probability that the second trough lies above the limit (ug/mL)."""
        return float(np.mean(self.possible > limit))

    def chances_by_model(self, limit: float) -> tuple[float, ...]:
        """Probability of at least the limit (ug/mL) by each model alone."""
        return tuple(np.mean(self.possible_by_model >= limit, axis=1).tolist())


def model_weights(estimates: Sequence[Estimate]) -> tuple[float, ...]:
    """How much each model counts: its marginal likelihood of the levels, all models alike beforehand."""
    objectives = np.array([estimate.foce_objective for estimate in estimates])
    likelihood = np.exp(-(objectives - objectives.min()) / 2)
    return tuple((likelihood / likelihood.sum()).tolist())


def look_ahead(
    possible: Sequence[Possible],
    weights: Sequence[float],
    regimens: Sequence[Regimen],
    first: GivenDose | None = None,
) -> tuple[Outlook, ...]:
    """The outlook of each regimen, begun at the time for which `possible` holds the amounts.

    `first` is the infusion given at that time where it is not one of the new regimen (an old dose begins the new
    interval). The last row of covariates holds for the whole outlook.
    """
    troughs = [_troughs(each, regimens, first) for each in possible]  # of each model: (regimen, 3, child)
    averaged = np.concatenate(
        [found[:, :, _picked(share)] for found, share in zip(troughs, _shares(weights), strict=True)], axis=2
    )
    averaged.sort(axis=2)
    second = np.sort([found[:, 1] for found in troughs], axis=2)  # (model, regimen, child)
    spreads = _quantiles(averaged)
    medians = _quantiles(second)[..., QUANTILES.index(0.5)]
    return tuple(
        Outlook(
            regimen=regimen,
            next_trough=_spread(spreads[place, 0]),
            second_trough=_spread(spreads[place, 1]),
            steady_trough=_spread(spreads[place, 2]),
            by_model=tuple(medians[:, place].tolist()),
            possible=averaged[place, 1],
            possible_by_model=second[:, place],
        )
        for place, regimen in enumerate(regimens)
    )


def _shares(weights: Sequence[float]) -> list[int]:
    """How many of `AVERAGED` children each model gives."""
    borders = np.rint(np.cumsum([0.0, *weights]) / sum(weights) * AVERAGED).astype(int)
    shares: list[int] = np.diff(borders).tolist()
    return shares


def _picked(share: int) -> NDArray[np.int64]:
    """So many of the children of one model, evenly along its order."""
    return (np.arange(share) * 2 + 1) * CHILDREN // (2 * max(share, 1))


def _troughs(possible: Possible, regimens: Sequence[Regimen], first: GivenDose | None) -> Array:
    """Next, second and steady trough (regimen, 3, child) in ug/mL.

    Everything is linear in the dose, so each schedule is computed once: what is left of the drug now in the body, and
    what 1 mg each time adds.
    """
    parameters = possible.parameters
    schedules = list(dict.fromkeys((regimen.interval, regimen.duration) for regimen in regimens))
    intervals, durations = (np.array(values, dtype=np.float32)[:, None] for values in zip(*schedules, strict=True))
    moved = propagate(parameters[:, None, :], intervals, durations)
    kept, gained = moved.kept, moved.gained / durations
    left = advance(kept, possible.amounts[:, None])
    left_later = advance(kept, left)
    later = advance(kept, gained)
    steady = _steady(kept, gained)
    found = np.empty((len(regimens), 3, parameters.shape[1]), dtype=np.float32)
    for row, regimen in enumerate(regimens):
        here = schedules.index((regimen.interval, regimen.duration))
        mg = np.float32(regimen.mg)
        entered, entered_later = mg * gained[0, here], mg * later[0, here]
        if first is not None:
            old = _begun(parameters, regimen, first)
            entered, entered_later = old[0], advance(kept[:, :, here], old)[0]
        found[row, 0] = left[0, here] + entered
        found[row, 1] = left_later[0, here] + entered_later + mg * gained[0, here]
        found[row, 2] = mg * steady[here]
    levels: Array = found / parameters[CENTRAL_VOLUME]
    return levels


def _begun(parameters: Array, regimen: Regimen, first: GivenDose) -> Array:
    """What is left of an old dose after the first interval of the new regimen (2, child)."""
    span = np.array([regimen.interval, min(first.duration, regimen.interval)], dtype=np.float32)
    moved = propagate(parameters, span[:1], span[1:])
    return moved.gained * np.float32(first.mg / first.duration)


def _steady(kept: Array, gained: Array) -> Array:
    """The central amount that repeats itself: the solution of (I - kept) amount = gained, by Cramer's rule."""
    here, back = 1 - kept[0, 0], -kept[0, 1]
    away, there = -kept[1, 0], 1 - kept[1, 1]
    solved: Array = (gained[0] * there - back * gained[1]) / (here * there - back * away)
    return solved


def _quantiles(ascending: Array) -> Array:
    """The quantiles along the last axis, of which every value stands for an equal share."""
    count = ascending.shape[-1]
    place = np.clip(np.array(QUANTILES) * count - 0.5, 0, count - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, count - 1)
    part = place - below
    between: Array = ascending[..., below] * (1 - part) + ascending[..., above] * part
    return between


def _spread(quantiles: Array) -> Spread:
    p05, median, p95 = quantiles.tolist()
    return Spread(median, p05, p95)
