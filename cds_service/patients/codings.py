"""The codes and units that the synthetic charts use, read once from tables/codings.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources as packaged
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from cds_service.errors import ConfigurationError

LOINC = "http://loinc.org"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What an Observation is called; without `loinc` it is known by its name only."""

    __pydantic_config__ = _STRICT
    text: str
    loinc: str | None = None
    category: str | None = None
    normal_up_to: float | None = None  # upper reference limit, in the unit of the value


@dataclass(frozen=True, slots=True)
class DrugRow:
    """What a drug is called and how it is given; `rxnorm` may name an ingredient or a product."""

    __pydantic_config__ = _STRICT
    text: str
    rxnorm: str
    route: str


@dataclass(frozen=True, slots=True)
class RouteRow:
    """What a route is called; without `snomed` it is sent as text."""

    __pydantic_config__ = _STRICT
    text: str
    snomed: str | None = None


@dataclass(frozen=True, slots=True)
class SignRow:
    """What a result without a number is called."""

    __pydantic_config__ = _STRICT
    text: str
    snomed: str


@dataclass(frozen=True, slots=True)
class Codings:
    """All rows. `procedures` gives names, `units` the UCUM code of a unit; an empty one is sent as text."""

    __pydantic_config__ = _STRICT
    results: Mapping[str, ResultRow]
    drugs: Mapping[str, DrugRow]
    routes: Mapping[str, RouteRow]
    procedures: Mapping[str, str]
    signs: Mapping[str, SignRow]
    units: Mapping[str, str]


@cache
def codings() -> Codings:
    """The packaged table, read once."""
    return read_codings(packaged.files("cds_service.patients").joinpath("tables", "codings.toml").read_text("utf-8"))


def read_codings(text: str) -> Codings:
    """Read the table from TOML text. Raises ConfigurationError: file, row and fault, a line each."""
    try:
        return TypeAdapter(Codings).validate_python(tomllib.loads(text))
    except ValidationError as error:
        rows = (".".join(map(str, row["loc"])) + ": " + row["msg"] for row in error.errors())
        raise ConfigurationError(*(f"codings.toml: {row}" for row in rows)) from error


def concept(text: str, system: str | None = None, code: str | None = None) -> dict[str, Any]:
    """A FHIR CodeableConcept; without a code it has its text only."""
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text} if code else {"text": text}


def quantity(value: float, unit: str | None, comparator: str | None = None) -> dict[str, Any]:
    """A FHIR Quantity with its UCUM code. Raises KeyError for a unit that is no row of the table."""
    sent: dict[str, Any] = {"value": value}
    if comparator is not None:
        sent["comparator"] = comparator
    if unit is not None:
        sent["unit"] = unit
        if code := codings().units[unit]:
            sent |= {"system": UCUM, "code": code}
    return sent


def drug_concept(drug: str) -> dict[str, Any]:
    """The CodeableConcept of one drug row."""
    row = codings().drugs[drug]
    return concept(row.text, RXNORM, row.rxnorm)


def route_concept(drug: str) -> dict[str, Any]:
    """The CodeableConcept of the route by which that drug is given."""
    row = codings().routes[codings().drugs[drug].route]
    return concept(row.text, SNOMED, row.snomed)
