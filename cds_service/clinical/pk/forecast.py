"""What each regimen would do: the troughs to expect, and how likely they reach the target.

Question: the next, the second and the steady trough of a regimen, for this child, with honest uncertainty? Models are
averaged by how well each explains the levels (their marginal likelihood, from the possible children); the average
decides, the medians of the single models show how far they differ. Ranges hold what is not known of the child and how
clearance varies from one occasion to the next; not the error of the assay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cds_service.clinical.pk.case import GivenDose
from cds_service.clinical.pk.course import CENTRAL_VOLUME, advance
from cds_service.clinical.pk.disposition import propagate, steady
from cds_service.clinical.pk.model import Array
from cds_service.clinical.pk.posterior import Possible

QUANTILES = (0.05, 0.5, 0.95)
CHILDREN = 4096  # of each model
AVERAGED = 8192  # children by whom the average of the models speaks


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
class Likely:
    """Possible troughs (ug/mL), ascending; `reached` is the probability of each one or a lower one."""

    troughs: Array
    reached: Array

    @property
    def spread(self) -> Spread:
        """Median and percentiles; each trough stands for the middle of its share."""
        below = np.concatenate([[0.0], self.reached[:-1]])
        p05, median, p95 = np.interp(QUANTILES, (below + self.reached) / 2, self.troughs).tolist()
        return Spread(median, p05, p95)

    def at_least(self, limit: float) -> float:
        """Probability of at least the limit (ug/mL)."""
        return self._from(np.searchsorted(self.troughs, limit, side="left"))

    def above(self, limit: float) -> float:
        """Probability of more than the limit (ug/mL)."""
        return self._from(np.searchsorted(self.troughs, limit, side="right"))

    def _from(self, place: np.intp) -> float:
        return 1.0 - float(self.reached[place - 1]) if place else 1.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one regimen would do.

    The second trough is the one before the second infusion after the regimen began: the one to measure. `second` has
    all that is possible by the average of the models, `second_by_model` by each alone, in their order.
    """

    regimen: Regimen
    next_trough: Spread
    second_trough: Spread
    steady_trough: Spread
    second: Likely
    second_by_model: tuple[Likely, ...]

    @property
    def by_model(self) -> tuple[float, ...]:
        """The median second trough of each model, in ug/mL."""
        return tuple(one.spread.median for one in self.second_by_model)

    def chance_at_least(self, limit: float) -> float:
        """Probability that the second trough reaches the limit (ug/mL)."""
        return self.second.at_least(limit)

    def chance_above(self, limit: float) -> float:
        """Probability that the second trough lies above the limit (ug/mL)."""
        return self.second.above(limit)

    def chances_by_model(self, limit: float) -> tuple[float, ...]:
        """Probability of at least the limit (ug/mL) by each model alone."""
        return tuple(one.at_least(limit) for one in self.second_by_model)


def model_weights(possible: Sequence[Possible]) -> tuple[float, ...]:
    """How much each model counts: its marginal likelihood of the levels, all models alike beforehand."""
    evidence = np.array([each.log_evidence for each in possible])
    likelihood = np.exp(evidence - evidence.max())
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
    usual = regimens[len(regimens) // 2 :][:1]  # what it does to each child tells which children to compare
    troughs = []
    for each in possible:
        answers = _troughs(each.parameters, each.amounts, usual, first)[0, 1]
        troughs.append(_troughs(*each.equally_likely(CHILDREN, answers), regimens, first))
    averaged = np.concatenate(
        [found[:, :, _picked(share)] for found, share in zip(troughs, _shares(weights), strict=True)], axis=2
    )
    by_model = [[_likely(row) for row in found[:, 1]] for found in troughs]
    outlooks = []
    for regimen, rows, alone in zip(regimens, averaged, zip(*by_model, strict=True), strict=True):
        following, second, steadily = (_likely(row) for row in rows)
        outlooks.append(Outlook(regimen, following.spread, second.spread, steadily.spread, second, alone))
    return tuple(outlooks)


def _shares(weights: Sequence[float]) -> list[int]:
    """How many of `AVERAGED` children each model gives."""
    borders = np.rint(np.cumsum([0.0, *weights]) / sum(weights) * AVERAGED).astype(int)
    shares: list[int] = np.diff(borders).tolist()
    return shares


def _picked(share: int) -> NDArray[np.int64]:
    """So many of the children of one model, evenly along its order."""
    return (np.arange(share) * 2 + 1) * CHILDREN // (2 * max(share, 1))


def _likely(troughs: Array) -> Likely:
    return Likely(np.sort(troughs), np.arange(1, len(troughs) + 1) / len(troughs))


def _troughs(parameters: Array, amounts: Array, regimens: Sequence[Regimen], first: GivenDose | None) -> Array:
    """Next, second and steady trough (regimen, 3, child) in ug/mL.

    Everything is linear in the dose, so each schedule is computed once: what is left of the drug now in the body, and
    what 1 mg each time adds.
    """
    schedules = list(dict.fromkeys((regimen.interval, regimen.duration) for regimen in regimens))
    intervals, durations = (np.array(values, dtype=np.float32)[:, None] for values in zip(*schedules, strict=True))
    moved = propagate(parameters[:, None, :], intervals, durations)
    kept, gained = moved.kept, moved.gained / durations
    left = advance(kept, amounts[:, None])
    left_later, later = advance(kept, left), advance(kept, gained)
    steadily = steady(kept, gained)
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
        found[row, 2] = mg * steadily[here]
    levels: Array = np.maximum(found, 0.0) / parameters[CENTRAL_VOLUME]  # rounding may pass below nothing
    return levels


def _begun(parameters: Array, regimen: Regimen, first: GivenDose) -> Array:
    """What is left of an old dose after the first interval of the new regimen (2, child)."""
    span = np.array([regimen.interval, min(first.duration, regimen.interval)], dtype=np.float32)
    moved = propagate(parameters, span[:1], span[1:])
    return moved.gained * np.float32(first.mg / first.duration)
