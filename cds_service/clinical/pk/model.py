"""A population model as it was published: typical values, what moves them, and how children differ.

Question: which clearance and volumes does a child of this weight and albumin have, and how far may they be off?
Source: one file for each model in knowledge/models, with citation and provenance. Variability is log-normal;
the published coefficient of variation is read as the standard deviation on the log scale (omega squared = CV squared).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cds_service.clinical.pk.case import Covariates

Array = NDArray[np.floating[Any]]
TWO_COMPARTMENTS = ("CL", "V1", "Q", "V2")  # L/day, L, L/day, L
ONE_COMPARTMENT = ("CL", "V1")


@dataclass(frozen=True, slots=True)
class Effect:
    """How one covariate moves a parameter: by a power of (value / reference), or by `factor` or e^`log` where true."""

    covariate: str
    exponent: float | None = None
    reference: float = 1.0
    factor: float | None = None
    log: float | None = None

    def on_log_scale(self, value: float) -> float:
        """What is added to the logarithm of the parameter. Raises ValueError for a power of what is not positive."""
        if self.exponent is not None:
            if value <= 0:
                raise ValueError(f"{self.covariate} is more than 0, got {value}")
            return self.exponent * log(value / self.reference)
        full = self.log if self.log is not None else log(1 + (self.factor or 0.0))
        return full * value

    @property
    def slope(self) -> float:
        """How strongly it answers: the exponent, or the whole step on the log scale."""
        return self.exponent if self.exponent is not None else self.on_log_scale(1.0)


@dataclass(frozen=True, slots=True)
class Parameter:
    """The typical value of one parameter at the reference of its effects. Raises ValueError if it is not positive."""

    name: str
    value: float
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ValueError(f"parameter {self.name}: a typical value is more than 0, got {self.value}")


@dataclass(frozen=True, slots=True)
class RandomEffect:
    """How children, or the occasions of one child, differ: a normal deviation on the log scale of what it moves."""

    name: str
    variance: float
    moves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Residual:
    """What is left between level and curve: assay, timing, model. Proportional part, additive part in ug/mL.

    The two add as variances; with `deviations_add` as standard deviations. Raises ValueError where nothing is left.
    """

    proportional: float = 0.0
    additive: float = 0.0
    deviations_add: bool = False

    def __post_init__(self) -> None:
        if min(self.proportional, self.additive) < 0 or self.proportional + self.additive == 0:
            raise ValueError(f"a residual is more than 0, got {self.proportional} and {self.additive}")

    def variance(self, predicted: Array) -> tuple[Array, Array]:
        """The variance at the predicted level, and its derivative by that level."""
        if self.deviations_add:
            deviation = self.additive + self.proportional * predicted
            return deviation**2, 2 * self.proportional * deviation
        return (self.proportional * predicted) ** 2 + self.additive**2, 2 * self.proportional**2 * predicted

    @property
    def bend(self) -> float:
        """The second derivative of the variance, the same at every level."""
        return 2 * self.proportional**2


@dataclass(frozen=True, slots=True)
class Domain:
    """For whom the model may speak: `covariate: (lowest, highest)`; outside it is not asked."""

    limits: Mapping[str, tuple[float, float]]

    def outside(self, covariates: Covariates) -> str | None:
        """The first covariate that lies outside, in words, or None."""
        for name, (low, high) in self.limits.items():
            value = covariates.get(name)
            if value is not None and not low <= value <= high:
                return f"{name} {value:g} lies outside {low:g} to {high:g}"
        return None


@dataclass(frozen=True, slots=True)
class PopulationModel:
    """One published model. `parameters` are those of one or two compartments, in that order.

    Raises ValueError for other parameters, and for a random effect that moves none of them or does not vary.
    """

    name: str
    parameters: tuple[Parameter, ...]
    between_children: tuple[RandomEffect, ...]
    residual: Residual
    between_occasions: tuple[RandomEffect, ...] = ()
    domain: Domain = Domain({})
    title: str = ""
    citation: str = ""
    provenance: str = ""
    verified: bool = False

    def __post_init__(self) -> None:
        names = tuple(parameter.name for parameter in self.parameters)
        if names not in (ONE_COMPARTMENT, TWO_COMPARTMENTS):
            raise ValueError(f"a model has the parameters CL, V1 or CL, V1, Q, V2, got {', '.join(names)}")
        for effect in (*self.between_children, *self.between_occasions):
            if not effect.moves or not set(effect.moves) <= set(names):
                raise ValueError(f"random effect {effect.name}: no parameter {', '.join(effect.moves)} in the model")
            if effect.variance <= 0:
                raise ValueError(f"random effect {effect.name}: a variance is more than 0, got {effect.variance}")

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """CL and V1, or CL, V1, Q and V2."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def needs(self) -> frozenset[str]:
        """The covariates without which it cannot be asked."""
        return frozenset(effect.covariate for parameter in self.parameters for effect in parameter.effects)

    def typical(self, covariates: Covariates) -> list[float]:
        """Logarithms of the typical parameters. Raises KeyError for a covariate that is not there."""
        return [
            log(p.value) + sum(effect.on_log_scale(covariates[effect.covariate]) for effect in p.effects)
            for p in self.parameters
        ]

    def loading(self, effects: Sequence[RandomEffect]) -> Array:
        """Which parameter (row) each random effect (column) moves: 1 or 0."""
        names = self.parameter_names
        return np.array([[float(name in effect.moves) for effect in effects] for name in names])

    def widened(self, covariate_spread: Mapping[str, float]) -> "PopulationModel":
        """The same model, less sure of the clearance where covariates had to be assumed.

        `covariate_spread` is the standard deviation of an assumed covariate among children: of its logarithm where
        the effect is a power, else of the 0 or 1. Its effect on clearance is added to the variance between children.
        """
        clearance = next(p for p in self.parameters if p.name == "CL")
        extra = sum(
            (effect.slope * covariate_spread[effect.covariate]) ** 2
            for effect in clearance.effects
            if effect.covariate in covariate_spread
        )
        wider = tuple(
            replace(effect, variance=effect.variance + extra) if effect.name == "CL" else effect
            for effect in self.between_children
        )
        return replace(self, between_children=wider)
