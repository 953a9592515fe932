"""The command `forecast`: a case in JSON, the forecast in JSON.

Question: what do the models say of this child, in numbers that another program can check? The form is fixed in
docs/schemas; pydantic reads it, so that an error names the field and what was expected. Days count from an origin of
the caller's choice.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cds_service.clinical.pk.assumed import assumptions, complete, spread_of
from cds_service.clinical.pk.case import Bound, Case, CovariateRow, GivenDose, MeasuredLevel
from cds_service.clinical.pk.ensemble import Ensemble, ask, widen
from cds_service.clinical.pk.estimate import NotEstimated
from cds_service.clinical.pk.forecast import Outlook, Regimen, Spread
from cds_service.clinical.pk.model import PopulationModel
from cds_service.clinical.pk.published import DEFAULT_MODELS, model_names, published_model
from cds_service.errors import BadHookRequest

Json = dict[str, Any]
Yes = Annotated[bool, Field(strict=True)]
Day = Annotated[float, Field(strict=True, ge=-40_000, le=40_000)]
Weight = Annotated[float, Field(strict=True, gt=0, le=500)]
Albumin = Annotated[float, Field(strict=True, gt=0, le=100)]
Age = Annotated[float, Field(strict=True, ge=0, le=130)]
Dose = Annotated[float, Field(strict=True, gt=0, le=10_000)]
Hours = Annotated[float, Field(strict=True, ge=0.01, le=168)]
Weeks = Annotated[float, Field(strict=True, ge=0.5, le=104)]
Level = Annotated[float, Field(strict=True, ge=0, le=10_000)]
Limit = Annotated[float, Field(strict=True, gt=0, le=10_000)]
UNITS = {"CL": "CL_L_per_day", "V1": "V1_L", "Q": "Q_L_per_day", "V2": "V2_L"}
HOURS_PER_DAY = 24.0
FEW_DRAWS = 400  # effective ones (J): below it the 5th percentile of a trough may be off by some 5 %
MOST_ROWS = 300  # of a kind: 25 years of infusions every month


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CovariateIn(_Strict):
    """What was true of the child from this day on."""

    time_days: Day
    weight_kg: Weight
    albumin_g_per_dl: Albumin | None = None
    antibody_positive: Yes | None = None
    immunomodulator: Yes | None = None
    male: Yes | None = None
    age_years: Age | None = None
    crohns: Yes = True


class InfusionIn(_Strict):
    """One infusion."""

    time_days: Day
    duration_hours: Hours = 2.0
    dose_mg: Dose


class LevelIn(_Strict):
    """One level: a value, or a limit below or above which it lies."""

    time_days: Day
    value_ug_per_ml: Level | None = None
    below_ug_per_ml: Limit | None = None
    above_ug_per_ml: Limit | None = None

    @model_validator(mode="after")
    def _one_of_three(self) -> "LevelIn":
        if [self.value_ug_per_ml, self.below_ug_per_ml, self.above_ug_per_ml].count(None) != 2:
            raise ValueError("exactly one of value_ug_per_ml, below_ug_per_ml and above_ug_per_ml")
        return self


class RegimenIn(_Strict):
    """One regimen to look ahead for."""

    interval_weeks: Weeks
    dose_mg: Dose
    duration_hours: Hours = 2.0

    @model_validator(mode="after")
    def _ends_before_the_next(self) -> "RegimenIn":
        if self.duration_hours / HOURS_PER_DAY >= 7 * self.interval_weeks:
            raise ValueError("duration_hours is shorter than interval_weeks")
        return self


class TargetIn(_Strict):
    """The range a trough should lie in."""

    low: Limit
    high: Limit | None = None

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> "TargetIn":
        if self.high is not None and self.low > self.high:
            raise ValueError("low is not above high")
        return self


class CaseIn(_Strict):
    """A forecast case, as documented in docs/schemas/forecast-case.schema.json."""

    schema_: Literal["infliximab-cds/forecast-case/1"] = Field(alias="schema")
    models: tuple[str, ...] = DEFAULT_MODELS
    interoccasion_variability: Yes = False
    covariates: Annotated[tuple[CovariateIn, ...], Field(min_length=1, max_length=MOST_ROWS)]
    infusions: Annotated[tuple[InfusionIn, ...], Field(max_length=MOST_ROWS)]
    levels: Annotated[tuple[LevelIn, ...], Field(max_length=MOST_ROWS)] = ()
    predict_at_days: Annotated[tuple[Day, ...], Field(max_length=MOST_ROWS)] = ()
    target_ug_per_ml: TargetIn | None = None
    regimens: Annotated[tuple[RegimenIn, ...], Field(max_length=MOST_ROWS)] = ()
    regimens_start_at_days: Day | None = None
    occasions_at_days: Annotated[tuple[Day, ...], Field(max_length=MOST_ROWS)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "CaseIn":
        if not self.models:
            raise ValueError("models names at least one model")
        for name in self.models:
            if name not in model_names():
                raise ValueError(f"models: {name!r} is not known; there are {', '.join(model_names())}")
        if self.regimens and self.target_ug_per_ml is None:
            raise ValueError("target_ug_per_ml is needed with regimens")
        given = [infusion.time_days for infusion in self.infusions]
        if any(level.time_days <= min(given, default=inf) for level in self.levels):
            raise ValueError("levels: each comes after the first infusion")
        if self.regimens_start_at_days is not None and self.regimens_start_at_days < max(given, default=-inf):
            raise ValueError("regimens_start_at_days is not before the last infusion")
        return self


def read_case(document: object) -> CaseIn:
    """The case of one JSON document. Raises BadHookRequest that names each field and what was expected."""
    try:
        return CaseIn.model_validate(document)
    except ValidationError as error:
        raise BadHookRequest(*(_explain(dict(fault)) for fault in error.errors())) from None


def _explain(fault: Json) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "the case"
    if fault["type"] == "extra_forbidden":
        return f"{where}: no such field"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"


def forecast(document: object) -> Json:
    """The forecast of one case, both as documented in docs/schemas. Raises BadHookRequest for a case that is wrong."""
    wanted = read_case(document)
    case = _case(wanted)
    models = [_with_occasions(published_model(name), wanted) for name in dict.fromkeys(wanted.models)]
    missing = frozenset(name for name in assumptions() if _needed(name, models) and _is_missing(name, wanted))
    start, first = _begin(wanted, case)
    regimens = [Regimen(r.interval_weeks * 7, r.dose_mg, r.duration_hours / HOURS_PER_DAY) for r in wanted.regimens]
    try:
        found = ask(
            widen(models, spread_of(missing)),
            case,
            regimens,
            start=start,
            first=first,
            times=wanted.predict_at_days,
        )
    except ValueError as error:  # more occasions than can be drawn
        raise BadHookRequest(f"levels: {error}") from None
    return {
        "schema": "infliximab-cds/forecast/1",
        "fits": [
            *(_fit(found, place, wanted, case) for place in range(len(found.estimates))),
            *(_no_fit(one) for one in found.refused),
        ],
        "regimens": [
            _regimen(regimen, outlook, wanted.target_ug_per_ml)
            for regimen, outlook in zip(wanted.regimens, found.outlooks, strict=False)  # no model, no outlook
        ],
        "issues": _issues(found, missing, wanted),
    }


def _needed(covariate: str, models: Sequence[PopulationModel]) -> bool:
    return any(covariate in model.needs for model in models)


def _is_missing(covariate: str, wanted: CaseIn) -> bool:
    return any(getattr(row, covariate) is None for row in wanted.covariates)


def _with_occasions(model: PopulationModel, wanted: CaseIn) -> PopulationModel:
    return model if wanted.interoccasion_variability else replace(model, between_occasions=())


def _case(wanted: CaseIn) -> Case:
    return Case(
        infusions=tuple(GivenDose(i.time_days, i.duration_hours / HOURS_PER_DAY, i.dose_mg) for i in wanted.infusions),
        levels=tuple(_level(level) for level in wanted.levels),
        covariates=tuple(CovariateRow(row.time_days, complete(_known(row))) for row in wanted.covariates),
        occasions=wanted.occasions_at_days,
    )


def _level(level: LevelIn) -> MeasuredLevel:
    for value, bound in (
        (level.value_ug_per_ml, None),
        (level.below_ug_per_ml, Bound.BELOW),
        (level.above_ug_per_ml, Bound.ABOVE),
    ):
        if value is not None:
            return MeasuredLevel(level.time_days, value, bound)
    raise AssertionError("LevelIn has one of the three")


def _known(row: CovariateIn) -> dict[str, float | None]:
    under_15 = None if row.age_years is None else float(row.age_years < 15)
    values = {name: getattr(row, name) for name in (*assumptions(), "weight_kg", "male", "crohns")}
    return {name: None if value is None else float(value) for name, value in values.items()} | {"under_15": under_15}


def _begin(wanted: CaseIn, case: Case) -> tuple[float, GivenDose | None]:
    """When the regimens begin, and the dose given then if it is an old one. Raises BadHookRequest inside an infusion.

    Without a stated day: after a level that follows the last infusion, with an infusion at that level; else the last
    infusion begins the new interval, as it also does where the stated day is its own.
    """
    usual, last = case.begin, None
    if case.infusions:
        last = case.infusions[-1]
        usual = max([last.time, *(level.time for level in case.levels)])
    start = usual if wanted.regimens_start_at_days is None else wanted.regimens_start_at_days
    first = last if last and last.time == start else None
    running = [dose for dose in case.infusions if dose.time <= start < dose.end and dose is not first]
    if wanted.regimens and running:
        raise BadHookRequest("infusions: none still runs when the regimens begin")
    return start, first


def _fit(ensemble: Ensemble, place: int, wanted: CaseIn, case: Case) -> Json:
    found = ensemble.estimates[place]
    individual, _ = found.course.expect(found.eta)
    population, _ = found.course.expect(np.zeros_like(found.eta))
    skipped = len(case.levels) + 1  # the levels and the day on which the regimens begin
    of_child = found.eta[: len(found.model.between_children)]
    typical = np.array(found.model.typical(case.covariates[-1].values))
    own = np.exp(typical + found.model.loading(found.model.between_children) @ of_child)
    return {
        "model": found.model.name,
        "weight": ensemble.weights[place],
        "converged": True,
        "eta": dict(zip(found.course.effects, found.eta.tolist(), strict=True)),
        "parameters": dict(zip((UNITS[name] for name in found.model.parameter_names), own.tolist(), strict=True)),
        "map_objective": found.objective,
        "foce_objective": found.foce_objective,
        "posterior_covariance": {"order": list(found.course.effects), "matrix": found.covariance.tolist()},
        "predicted": [
            {
                "time_days": day,
                "individual_ug_per_ml": max(own_level, 0.0),
                "population_ug_per_ml": max(typical_level, 0.0),
            }
            for day, own_level, typical_level in zip(
                wanted.predict_at_days, individual[skipped:].tolist(), population[skipped:].tolist(), strict=True
            )
        ],
        "weighted_residuals": list(found.distance),
        "effective_draws": ensemble.effective[place],
        "reason": None,
    }


def _no_fit(refused: NotEstimated) -> Json:
    nothing = (
        "eta",
        "parameters",
        "map_objective",
        "foce_objective",
        "posterior_covariance",
        "weighted_residuals",
        "effective_draws",
    )
    return {
        "model": refused.model,
        "weight": 0.0,
        "converged": False,
        **dict.fromkeys(nothing),
        "predicted": [],
        "reason": refused.reason,
    }


def _regimen(regimen: RegimenIn, outlook: Outlook, target: TargetIn | None) -> Json:
    low, high = (target.low, target.high) if target else (None, None)
    return {
        "interval_weeks": regimen.interval_weeks,
        "dose_mg": regimen.dose_mg,
        "next_trough": _spread(outlook.following.spread),
        "second_trough": _spread(outlook.second.spread),
        "steady_state_trough": _spread(outlook.steady.spread),
        "probability_at_least_low": None if low is None else outlook.chance_at_least(low),
        "probability_above_high": None if high is None else outlook.chance_above(high),
        "second_trough_median_by_model": list(outlook.by_model),
    }


def _spread(spread: Spread) -> Json:
    return {"median": spread.median, "p05": spread.p05, "p95": spread.p95}


def _issues(found: Ensemble, missing: frozenset[str], wanted: CaseIn) -> list[Json]:
    unverified = [one.model.name for one in found.estimates if not one.model.verified]
    told = [
        _issue("assumed", name, "limiting", f"{row.title} is not given: {row.told} assumed, ranges widened.")
        for name, row in assumptions().items()
        if name in missing
    ]
    told += [_issue("model-refused", one.model, "limiting", f"{one.model}: {one.reason}.") for one in found.refused]
    if found.estimates and wanted.levels and not found.explains:
        told.append(_issue("level-not-explained", "levels", "limiting", "No model explains the levels."))
    if wanted.regimens and min(found.effective, default=inf) < FEW_DRAWS:
        told.append(_issue("few-draws", "regimens", "limiting", "Few of the children drawn fit: ranges are coarse."))
    if unverified:
        names = ", ".join(unverified)
        told.append(_issue("parameters-unverified", "models", "note", f"Not checked against the papers: {names}."))
    return told


def _issue(code: str, about: str, level: str, message: str) -> Json:
    return {"code": code, "about": about, "level": level, "message": message}
