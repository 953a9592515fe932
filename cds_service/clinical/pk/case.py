"""What a forecast is made from: one child's infusions, levels and covariates, in days from an origin of its own.

Units: days, mg, ug/mL (= mg/L), kg, g/dL. Nothing here knows a calendar, a chart or a unit other than these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Covariates = Mapping[str, float]  # by name of `COVARIATES`; what is true or false is 1.0 or 0.0

COVARIATES = (
    "weight_kg",
    "albumin_g_per_dl",
    "antibody_positive",
    "immunomodulator",
    "male",
    "crohns",
    "under_15",
)


class Bound(StrEnum):
    """On which side of the reported number a censored level lies."""

    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class GivenDose:
    """One infusion at a constant rate. Raises ValueError for a duration or dose that is not positive."""

    time: float
    duration: float
    mg: float

    def __post_init__(self) -> None:
        if self.duration <= 0:
            raise ValueError(f"an infusion takes longer than 0 days, got {self.duration}")
        if self.mg <= 0:
            raise ValueError(f"a dose is more than 0 mg, got {self.mg}")

    @property
    def end(self) -> float:
        """When the infusion ends, in days."""
        return self.time + self.duration


@dataclass(frozen=True, slots=True)
class MeasuredLevel:
    """A drug level in ug/mL; with `bound` the number is a limit below or above which the level lies."""

    time: float
    value: float
    bound: Bound | None = None

    def __post_init__(self) -> None:
        if self.value < 0 or (self.bound is Bound.BELOW and self.value == 0):
            raise ValueError(f"a level is at least 0 ug/mL and a limit above 0, got {self.value}")


@dataclass(frozen=True, slots=True)
class CovariateRow:
    """What was true of the child from `time` (days) on, until the next row; the last row holds for every forecast."""

    time: float
    values: Covariates


@dataclass(frozen=True, slots=True)
class Case:
    """One child. Infusions, levels and rows are sorted by time; without levels it is the typical child.

    `occasions` are the days on which a new occasion of variability begins; None puts a border at the first infusion
    after each level, so that every level speaks for the stretch that ends with it.
    Raises ValueError without covariates, and for a level that no infusion precedes.
    """

    infusions: tuple[GivenDose, ...]
    levels: tuple[MeasuredLevel, ...]
    covariates: tuple[CovariateRow, ...]
    occasions: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.covariates:
            raise ValueError("a case needs at least one row of covariates")
        for name in ("infusions", "levels", "covariates"):
            rows = sorted(getattr(self, name), key=lambda row: row.time)
            object.__setattr__(self, name, tuple(rows))
        if self.levels and not (self.infusions and self.infusions[0].time < self.levels[0].time):
            raise ValueError("a level comes after the first infusion")

    @property
    def begin(self) -> float:
        """The first infusion, or without one the first row of covariates: before it there is no drug."""
        return self.infusions[0].time if self.infusions else self.covariates[0].time

    @property
    def borders(self) -> tuple[float, ...]:
        """The days on which a new occasion begins, in order, the very first one left out."""
        if self.occasions is not None:
            return tuple(sorted({time for time in self.occasions if time > self.begin}))
        starts = [dose.time for dose in self.infusions]
        after = (next((start for start in starts if start >= level.time), None) for level in self.levels)
        return tuple(dict.fromkeys(start for start in after if start is not None))
