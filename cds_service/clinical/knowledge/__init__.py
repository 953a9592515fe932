"""Published numbers as data, each with its source, loaded once and checked on load."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from math import log
from typing import Any

from cds_service.clinical.assessment import TroughTarget
from cds_service.clinical.record import DataIssue, IssueLevel


@dataclass(frozen=True, slots=True)
class Assay:
    """One assay with its own unit and thresholds; None where nothing verified is known."""

    id: str
    title: str
    citation: str
    unit: str | None = None
    positive_from: float | None = None
    positive_above: float | None = None
    high_from: float | None = None
    high_above: float | None = None
    drug_tolerant: bool | None = None
    drug_lloq: float | None = None
    reflex_below: float | None = None


@dataclass(frozen=True, slots=True)
class PublishedPredictor:
    """One published odds ratio with its interval; `bound` limits |value - reference| in the predictor's unit.

    `span` is the lowest and highest value that a child may plausibly have in whom it was not measured (judgement).
    """

    name: str
    title: str
    kind: str
    odds_ratio: float
    ci95: tuple[float, float]
    reference: float | bool
    span: tuple[float | bool, float | bool]
    caveat: str
    unit: str | None = None
    plausible: tuple[float, float] | None = None
    bound: float | None = None

    @property
    def beta(self) -> float:
        """Natural logarithm of the odds ratio."""
        return log(self.odds_ratio)

    @property
    def standard_error(self) -> float:
        """Standard error of beta, from the width of the published 95 % interval."""
        low, high = self.ci95
        return (log(high) - log(low)) / 3.92

    def held(self, value: float | bool) -> float:
        """How far a value lies from the reference (a flag counts 1), at most as far as the bound."""
        difference = float(value) - float(self.reference)
        return difference if self.bound is None else max(-self.bound, min(self.bound, difference))

    def log_odds_of(self, value: float | bool) -> float:
        """What a value adds to the log odds against the reference child."""
        return self.beta * self.held(value) + 0.0  # no minus zero

    @property
    def possible_log_odds(self) -> tuple[float, float]:
        """The least and the most that it could add in a child in whom it was not measured."""
        least, most = sorted(map(self.log_odds_of, self.span))
        return least, most


@dataclass(frozen=True, slots=True)
class RiskModel:
    """A set of published predictors."""

    model: str
    outcome: str
    citation: str
    caveats: tuple[str, ...]
    predictors: tuple[PublishedPredictor, ...]


@dataclass(frozen=True, slots=True)
class StopRow:
    """One condition that forbids intensification; see stops.toml for the meaning of the fields."""

    name: str
    label: str
    lapses: bool = False
    resolved_counts: bool = False
    effect: str = "stop"
    coded: str = ""
    results: Mapping[str, str] = field(default_factory=dict)
    negative_resolves: bool = False

    @property
    def coded_label(self) -> str:
        """What a coded condition alone says, where that is less than the label."""
        return self.coded or self.label


@dataclass(frozen=True, slots=True)
class PerianalItem:
    """From which score on the perianal item of PCDAI or wPCDAI means an active fistula, and the highest it can be."""

    active_from: float
    highest: float
    citation: str


def _table(name: str) -> dict[str, Any]:
    """One file of this folder."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def assays() -> Mapping[str, Assay]:
    """All assays by id."""
    return {key: Assay(id=key, **row) for key, row in _table("assays.toml").items()}


@cache
def target(profile: str) -> TroughTarget:
    """The target of one selectable profile. Raises KeyError for any other name."""
    row = _table("targets.toml")[profile]
    if not row["selectable"]:
        raise KeyError(f"target profile {profile!r} is for display only")
    return TroughTarget(profile=profile, low=row["low"], high=row.get("high"), citation=row["citation"])


@cache
def target_profiles() -> tuple[str, ...]:
    """The names a site may choose from."""
    return tuple(name for name, row in _table("targets.toml").items() if row["selectable"])


@cache
def risk_model() -> RiskModel:
    """The published predictors of a low trough."""
    table = _table("predictors.toml")
    rows: list[dict[str, Any]] = table["predictor"]
    predictors = tuple(PublishedPredictor(**_frozen(row)) for row in rows)
    return RiskModel(table["model"], table["outcome"], table["citation"], tuple(table["caveats"]), predictors)


def _frozen(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(told) if isinstance(told, list) else told for key, told in row.items()}


@cache
def stops() -> Mapping[str, StopRow]:
    """All stop conditions by name."""
    return {key: StopRow(name=key, **row) for key, row in _table("stops.toml").items()}


@cache
def perianal_item() -> PerianalItem:
    """The meaning of the perianal item."""
    return PerianalItem(**_table("perianal.toml")["item"])


@cache
def judgement(name: str) -> float:
    """One number that is judgement, in the unit of its name. Raises KeyError for a name that is not there."""
    return float(_table("judgements.toml")[name]["value"])


@cache
def _notes() -> Mapping[str, Mapping[str, str]]:
    return _table("notes.toml")


def note(code: str, *, evidence: str | None = None, **numbers: object) -> DataIssue:
    """One of the sentences of notes.toml, filled in. Raises KeyError for a code that is not there."""
    row = _notes()[code]
    return DataIssue(
        code=code.replace("predictor", str(numbers["name"]).replace("_", "-")) if "name" in numbers else code,
        about=row["about"].format(**numbers),
        level=IssueLevel(row["level"]),
        message=row["message"].format(**numbers),
        evidence=evidence,
    )


@cache
def knowledge_version() -> str:
    """The day of the last review, as printed on cards."""
    return str(_table("version.toml")["date"])
