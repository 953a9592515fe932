"""The published population models, read once from knowledge/models and checked on load.

Question: which models may be asked, and where do their numbers come from? A model is a file; its name is the file's.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from cds_service.clinical.pk.case import COVARIATES
from cds_service.clinical.pk.model import Domain, Effect, Parameter, PopulationModel, RandomEffect, Residual

FOLDER = "cds_service.clinical.knowledge"
# The first has predicted best in children so far (Bevers 2023, Kim 2025); the others show how far models differ.
DEFAULT_MODELS = ("fasanmade-2011-combined", "fasanmade-2011-reach", "wojciechowski-2017")


@cache
def model_names() -> tuple[str, ...]:
    """The names of all models, sorted."""
    folder = files(FOLDER).joinpath("models")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


@cache
def published_model(name: str) -> PopulationModel:
    """The model of one file. Raises KeyError for a name that is not there, ValueError for a file that is wrong."""
    if name not in model_names():
        raise KeyError(f"no model {name!r}; there are {', '.join(model_names())}")
    text = files(FOLDER).joinpath("models", f"{name}.toml").read_text(encoding="utf-8")
    return read_model(name, tomllib.loads(text))


def read_model(name: str, table: Mapping[str, Any]) -> PopulationModel:
    """A model from the tables of its file. Raises ValueError or KeyError that names what is wrong."""
    try:
        return _model(name, table)
    except TypeError as error:  # a key that nothing knows, or one that is missing
        raise ValueError(f"model {name}: {error}") from None


def _model(name: str, table: Mapping[str, Any]) -> PopulationModel:
    return PopulationModel(
        name=name,
        parameters=tuple(_parameter(key, row) for key, row in table["parameter"].items()),
        between_children=_random(table["between_children"]),
        between_occasions=_random(table.get("between_occasions", {})),
        residual=Residual(**table["residual"]),
        domain=_domain(table.get("domain", {})),
        title=table["title"],
        citation=table["citation"],
        provenance=table["provenance"],
        verified=table["verified"],
    )


def _parameter(name: str, row: Mapping[str, Any]) -> Parameter:
    effects = tuple(Effect(**effect) for effect in row.get("effect", ()))
    for effect in effects:
        _check_covariate(f"parameter {name}", effect.covariate)
        if [effect.exponent, effect.factor, effect.log].count(None) != 2:
            raise ValueError(f"parameter {name}: {effect.covariate} has one of exponent, factor and log")
    return Parameter(name, row["value"], effects)


def _domain(limits: Mapping[str, Any]) -> Domain:
    for covariate in limits:
        _check_covariate("domain", covariate)
    return Domain({covariate: (float(low), float(high)) for covariate, (low, high) in limits.items()})


def _check_covariate(where: str, name: str) -> None:
    if name not in COVARIATES:
        raise ValueError(f"{where}: no covariate {name!r}; there are {', '.join(COVARIATES)}")


def _random(variances: Mapping[str, float]) -> tuple[RandomEffect, ...]:
    return tuple(RandomEffect(name, variance, (name,)) for name, variance in variances.items())
