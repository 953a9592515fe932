"""One child's course through a model: the amounts in the body, carried exactly from stretch to stretch.

Question: which level does the model expect at a given time, and how does that answer to each random effect?
A new stretch begins at every infusion, at every change of a covariate and at every border of an occasion; inside one
nothing changes, so the closed form of `disposition` holds and the amounts at its end begin the next one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cds_service.clinical.pk.case import Case
from cds_service.clinical.pk.disposition import Propagation, propagate, propagate_with_slopes
from cds_service.clinical.pk.model import Array, PopulationModel

CENTRAL_VOLUME = 1  # the row of V1 among the parameters
CELLS = 100_000  # stretches times children that are computed at once: enough for most charts, some 15 MB of arrays


@dataclass(frozen=True, slots=True)
class Stretches:
    """The times between which nothing changes: start, rate of infusion (mg/day) and how many days it still runs."""

    starts: Array
    rates: Array
    infused: Array

    @classmethod
    def of(cls, case: Case) -> "Stretches":
        """The stretches of a case; a stretch ends where an infusion ends while another still runs."""
        begins = np.array([dose.time for dose in case.infusions])
        ends = np.array([dose.end for dose in case.infusions])
        speeds = np.array([dose.mg / dose.duration for dose in case.infusions])
        inside = [row.time for row in case.covariates if row.time > case.begin]
        overlapping = ends[np.any((begins < ends[:, None]) & (ends > ends[:, None]), axis=1)]
        starts = np.unique(np.concatenate([[case.begin], begins, inside, case.borders, overlapping]))
        running = (begins <= starts[:, None]) & (ends > starts[:, None])
        still = np.where(running, ends - starts[:, None], np.inf).min(axis=1, initial=np.inf)
        length = np.append(np.diff(starts), np.inf)
        infused = np.where(np.isinf(still), 0.0, np.minimum(still, length))
        return cls(starts, running.astype(float) @ speeds, infused)


class Course:
    """A case in the eyes of one model, ready to be asked for levels at `times` (days).

    Random effects are ordered: those between children, then for each occasion that a level belongs to those between
    occasions, last those of the occasion to come, which no level has seen. Raises KeyError where the model needs a
    covariate that the case does not have.
    """

    def __init__(self, model: PopulationModel, case: Case, times: tuple[float, ...]) -> None:
        self.model = model
        stretches = Stretches.of(case)
        reading = np.array(times)
        # A level drawn at the start of an infusion was drawn before it; before the first one there is no drug.
        place = np.maximum(np.searchsorted(stretches.starts, reading, side="left") - 1, 0)
        elapsed = np.maximum(reading - stretches.starts[place], 0.0)
        self._steps = len(stretches.starts) - 1
        self._where = np.concatenate([np.arange(self._steps), place])  # of each step and reading: its stretch
        self._elapsed = np.concatenate([np.diff(stretches.starts), elapsed])
        self._infused = np.minimum(stretches.infused[self._where], self._elapsed)
        self._rates = stretches.rates[self._where]
        self._typical = _typical(model, case, stretches.starts)[:, self._where]
        self._occasion = _occasions(case, stretches.starts)
        self.occasions = self._occasions_seen(case, stretches.starts)
        self._loading = self._load(self._occasion[self._where])

    def _occasions_seen(self, case: Case, starts: Array) -> int:
        if not case.levels or not self.model.between_occasions:
            return 0
        last = np.searchsorted(starts, case.levels[-1].time, side="left") - 1
        return int(self._occasion[last]) + 1

    def _load(self, occasion: NDArray[np.intp]) -> Array:
        """For each step and reading: which parameter (row) each random effect (column) moves."""
        between = self.model.loading(self.model.between_children)
        if not self.model.between_occasions:
            return np.broadcast_to(between, (len(occasion), *between.shape))
        own = self.model.loading(self.model.between_occasions)
        # The occasions that no level has seen are one: the occasion to come.
        at = np.minimum(occasion, self.occasions)
        here = np.eye(self.occasions + 1)[at]
        by_occasion = (here[:, None, :, None] * own[None, :, None, :]).reshape(len(occasion), len(own), -1)
        return np.concatenate([np.broadcast_to(between, (len(occasion), *between.shape)), by_occasion], axis=2)

    @cached_property
    def variances(self) -> Array:
        """Of all random effects, those of the occasion to come included."""
        between = [effect.variance for effect in self.model.between_children]
        occasions = [effect.variance for effect in self.model.between_occasions]
        return np.array(between + occasions * (self.occasions + 1))

    @cached_property
    def effects(self) -> tuple[str, ...]:
        """Names of the random effects that levels can tell something of: `CL`, …, `CL@1`, `CL@2`, …"""
        between = [effect.name for effect in self.model.between_children]
        later = [
            f"{effect.name}@{occasion + 1}"
            for occasion in range(self.occasions)
            for effect in self.model.between_occasions
        ]
        return (*between, *later)

    def expect(self, eta: Array) -> tuple[Array, Array]:
        """The levels (ug/mL) of one child at the times, and their derivatives by each random effect (time, effect)."""
        loading = self._loading[:, :, : len(eta)]
        parameters = np.exp(self._typical + (loading @ eta).T)
        moved, by_parameter = propagate_with_slopes(parameters, self._elapsed, self._infused)
        kept, inflow = moved.kept.transpose(2, 0, 1), (self._rates * moved.gained).T
        kept_slope, gained_slope = _by_effect(by_parameter, loading)
        steps = self._steps
        amounts = np.array(_carry(kept[:steps].tolist(), inflow[:steps].tolist()))
        entering = amounts[self._where]
        forcing = (kept_slope @ entering[:, None, :, None])[..., 0] + self._rates[:, None, None] * gained_slope
        slope = np.zeros((len(eta), 2))
        slopes = [slope]
        turned = kept.transpose(0, 2, 1)
        for step in range(steps):
            slope = slope @ turned[step] + forcing[step]
            slopes.append(slope)
        read = slice(steps, None)
        at_start = np.array(slopes)[self._where[read]]
        central = (kept[read] @ entering[read, :, None])[:, 0, 0] + inflow[read, 0]
        central_slope = (at_start @ turned[read] + forcing[read])[..., 0]
        volume = parameters[CENTRAL_VOLUME, read]
        level = central / volume
        return level, central_slope / volume[:, None] - level[:, None] * loading[read, CENTRAL_VOLUME]

    def expect_many(self, etas: Array) -> tuple[Array, Array]:
        """For many children (columns of `etas`): levels (time, child) in ug/mL, amounts there (2, time, child) in mg.

        In the precision of `etas`: single is twice as fast and good to 1e-4.
        """
        kind = etas.dtype
        typical, elapsed, infused, rates = (
            values.astype(kind)[..., None] for values in (self._typical, self._elapsed, self._infused, self._rates)
        )
        loading = self._loading.transpose(1, 0, 2).astype(kind)
        levels = np.empty((len(self._where) - self._steps, etas.shape[1]), dtype=kind)
        amounts = np.empty((2, *levels.shape), dtype=kind)
        at_once = max(CELLS // len(self._where), 1)
        for start in range(0, etas.shape[1], at_once):
            some = slice(start, start + at_once)
            parameters = np.exp(typical + loading @ etas[:, some])
            amounts[:, :, some] = self._read(parameters, propagate(parameters, elapsed, infused), rates)
            levels[:, some] = amounts[0, :, some] / parameters[CENTRAL_VOLUME, self._steps :]
        return levels, amounts

    def _read(self, parameters: Array, moved: Propagation, rates: Array) -> Array:
        """The amounts (2, time, child) at the times."""
        inflow = rates * moved.gained
        amounts = np.zeros((2, self._steps + 1, parameters.shape[-1]), dtype=parameters.dtype)
        for step in range(self._steps):
            amounts[:, step + 1] = advance(moved.kept[:, :, step], amounts[:, step]) + inflow[:, step]
        read = slice(self._steps, None)
        return advance(moved.kept[:, :, read], amounts[:, self._where[read]]) + inflow[:, read]

    def coming(self, case: Case, etas: Array) -> Array:
        """Logarithms of the parameters (parameter, child) in the occasion to come, by the last row of covariates."""
        loading = self._load(np.array([self.occasions]))[0].astype(etas.dtype)
        typical = np.array(self.model.typical(case.covariates[-1].values), dtype=etas.dtype)
        logarithms: Array = typical[:, None] + loading @ etas
        return logarithms


def _typical(model: PopulationModel, case: Case, starts: Array) -> Array:
    """Logarithms of the typical parameters (parameter, stretch); a row holds from its time until the next row's."""
    rows = np.array([model.typical(row.values) for row in case.covariates])
    times = [row.time for row in case.covariates]
    return rows[np.maximum(np.searchsorted(times, starts, side="right") - 1, 0)].T


def _occasions(case: Case, starts: Array) -> NDArray[np.intp]:
    return np.searchsorted(np.array(case.borders), starts, side="right")


def _by_effect(by_parameter: Propagation, loading: Array) -> tuple[Array, Array]:
    """Derivatives by the logarithms of the parameters, turned into derivatives by the random effects."""
    turned = loading.transpose(0, 2, 1)
    parameters, places = by_parameter.kept.shape[2:]
    kept = turned @ by_parameter.kept.transpose(3, 2, 0, 1).reshape(places, parameters, 4)
    gained = turned @ by_parameter.gained.transpose(2, 1, 0)
    return kept.reshape(places, -1, 2, 2), gained


def _carry(kept: list[list[list[float]]], inflow: list[list[float]]) -> list[tuple[float, float]]:
    """The amounts at the start of each stretch: plain numbers are faster than arrays of two."""
    central = peripheral = 0.0
    amounts = [(central, peripheral)]
    for (first, second), (to_central, to_peripheral) in zip(kept, inflow, strict=True):
        central, peripheral = (
            first[0] * central + first[1] * peripheral + to_central,
            second[0] * central + second[1] * peripheral + to_peripheral,
        )
        amounts.append((central, peripheral))
    return amounts


def advance(kept: Array, amounts: Array) -> Array:
    """kept (2, 2, …) times amounts (2, …), for many at once."""
    later: Array = kept[:, 0] * amounts[0]
    later += kept[:, 1] * amounts[1]
    return later
