"""What is assumed of a child where nothing is known, and what that costs in certainty.

Question: which albumin, which antibody? Source: knowledge/assumed.toml. What was assumed is always named.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Assumption:
    """The value taken for a missing covariate; `spread` as a standard deviation (see the file), `told` in words."""

    value: float
    spread: float
    title: str
    told: str
    source: str


@cache
def assumptions() -> Mapping[str, Assumption]:
    """By covariate. Only these can be assumed; without any other a model refuses."""
    text = files("cds_service.clinical.knowledge").joinpath("assumed.toml").read_text(encoding="utf-8")
    return {name: Assumption(**row) for name, row in tomllib.loads(text).items()}


def complete(known: Mapping[str, float | None]) -> dict[str, float]:
    """The covariates that are known, and the assumed value of those that may be assumed."""
    assumed = {name: row.value for name, row in assumptions().items()}
    return assumed | {name: value for name, value in known.items() if value is not None}


def spread_of(missing: frozenset[str]) -> dict[str, float]:
    """How uncertain the assumed covariates are, for those that are missing."""
    return {name: assumptions()[name].spread for name in sorted(missing & assumptions().keys())}
