"""A site's own risk model as a TOML file: the format is fixed here, docs/risk-model.md explains it.

Question: on what does this hospital base a probability of a low trough? Names, units and bounds of the predictors are
those of knowledge/predictors.toml. A fault is told as one of the settings: file, line, key and what is expected.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from cds_service.clinical.knowledge import risk_model
from cds_service.clinical.site_model import BaselineModel, Cohort, Measures, RecalibratedModel, SiteModel, cholesky
from cds_service.site.checked_toml import Section, Text, check, open_toml

INTERCEPT = "intercept"
AGREEMENT = 0.01  # between the probability stated and events / children: it may be rounded to two decimals

_ROWS = {row.name: row for row in risk_model().predictors}
_PLAUSIBLE = {row.name: row.plausible for row in risk_model().predictors if row.plausible is not None}
Ends = TypeVar("Ends", bound=tuple[Any, Any])


def _in_reach(name: str) -> Any:
    """The values of a reference child: beyond the bound of the published model one more makes no difference."""
    row, (low, high) = _ROWS[name], _PLAUSIBLE[name]
    if row.bound is None:
        return Field(ge=low, le=high)
    return Field(ge=max(low, row.reference - row.bound), le=min(high, row.reference + row.bound))


def _within(name: str) -> Any:
    low, high = _PLAUSIBLE[name]
    return Field(ge=low, le=high)


def _rising(ends: Ends) -> Ends:
    if ends[0] >= ends[1]:
        raise ValueError("the lower end before the higher expected")
    return ends


def _some_but_not_all(events: int, info: ValidationInfo) -> int:
    if events >= info.data.get("children", events + 1):
        raise ValueError("fewer than children expected")
    return events


Coefficient = Annotated[float, Field(ge=-100, le=100)]
Row = Annotated[tuple[Annotated[float, Field(ge=-1e6, le=1e6)], ...], Field(strict=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, _within("ses_cd")]
Protein = Annotated[float, _within("total_protein")]


class _Header(BaseModel):
    model_config = ConfigDict(strict=True)

    form: Annotated[Literal["infliximab-cds/risk-model/1"], Field(alias="schema")]
    kind: Literal["baseline", "recalibrated"]


class _Reference(Section):
    hormone_exposure: bool
    perianal_lesions: bool
    ses_cd: Annotated[float, _in_reach("ses_cd")]
    total_protein: Annotated[float, _in_reach("total_protein")]


class _Coefficients(Section):
    hormone_exposure: Coefficient | None = None
    perianal_lesions: Coefficient | None = None
    ses_cd: Coefficient | None = None
    total_protein: Coefficient | None = None


class _Range(Section):
    ses_cd: Annotated[tuple[Score, Score], Field(strict=False), AfterValidator(_rising)] | None = None
    total_protein: Annotated[tuple[Protein, Protein], Field(strict=False), AfterValidator(_rising)] | None = None


class _Measures(Section):
    calibration_slope: Coefficient | None = None
    calibration_in_the_large: Coefficient | None = None
    auc_optimism_corrected: Share | None = None
    brier_score: Share | None = None


class _OnACohort(Section):
    form: Annotated[str, Field(alias="schema")]
    kind: str
    outcome: Text
    low_trough_below_ug_per_ml: Annotated[float, Field(gt=0, le=50)]
    children: Annotated[int, Field(ge=2, le=1_000_000)]
    events: Annotated[int, Field(ge=1), AfterValidator(_some_but_not_all)]
    period: Annotated[tuple[date, date], Field(strict=False), AfterValidator(_rising)]

    def cohort(self) -> Cohort:
        return Cohort(self.outcome, self.low_trough_below_ug_per_ml, self.children, self.events, self.period)


class _Baseline(_OnACohort):
    probability: Annotated[float, Field(gt=0, lt=1)]
    reference: _Reference

    @field_validator("probability")
    @classmethod
    def _is_the_share_observed(cls, told: float, info: ValidationInfo) -> float:
        children, events = info.data.get("children"), info.data.get("events")
        if children and events and abs(told - events / children) > AGREEMENT:
            raise ValueError(f"events / children ({events / children:.3f}), to two decimals or more, expected")
        return told

    def model(self) -> BaselineModel:
        return BaselineModel(self.cohort(), self.probability, tuple(self.reference))


class _Recalibrated(_OnACohort):
    written: Annotated[date, Field(alias="date")]
    software: Text
    intercept: Coefficient
    coefficients: _Coefficients
    covariance: dict[str, Row]
    range: Annotated[_Range, Field(validate_default=True)] = _Range()
    measures: _Measures = _Measures()

    @field_validator("written")
    @classmethod
    def _follows_the_period(cls, written: date, info: ValidationInfo) -> date:
        if "period" in info.data and written < info.data["period"][1]:
            raise ValueError("a day not before the end of the period expected")
        return written

    @field_validator("coefficients")
    @classmethod
    def _uses_a_predictor(cls, told: _Coefficients) -> _Coefficients:
        if not _given(told):
            raise ValueError(f"one or more of {', '.join(_Coefficients.model_fields)} expected")
        return told

    @field_validator("covariance")
    @classmethod
    def _is_that_of_the_terms(cls, rows: dict[str, Row], info: ValidationInfo) -> dict[str, Row]:
        if "coefficients" in info.data:
            terms = [INTERCEPT, *_given(info.data["coefficients"])]
            if list(rows) != terms:
                raise ValueError(f"one row for each of {', '.join(terms)}, in this order, expected")
            for name, row in rows.items():
                if len(row) != len(terms):
                    raise ValueError(f"{len(terms)} numbers in row {name} expected")
            cholesky(tuple(rows.values()))
        return rows

    @field_validator("range")
    @classmethod
    def _covers_the_numbers(cls, told: _Range, info: ValidationInfo) -> _Range:
        if "coefficients" in info.data:
            numbers = [name for name in _given(info.data["coefficients"]) if name in _Range.model_fields]
            if list(_given(told)) != numbers:
                raise ValueError(f"the lowest and highest of {', '.join(numbers) or 'nothing'} expected")
        return told

    def model(self) -> RecalibratedModel:
        return RecalibratedModel(
            cohort=self.cohort(),
            written=self.written,
            software=self.software,
            intercept=self.intercept,
            coefficients=tuple(_given(self.coefficients).items()),
            covariance=tuple(self.covariance.values()),
            ranges=tuple(_given(self.range).items()),
            measures=Measures(**dict(self.measures)),
        )


def _given(section: Section) -> dict[str, Any]:
    """What a section tells, in the order of predictors.toml, which is that of its form."""
    return {name: told for name, told in section if told is not None}


def load_risk_model(path: Path) -> SiteModel:
    """The model of one file. Raises ConfigurationError with one line per fault: file, line, key, what was expected."""
    file = open_toml(path, "the risk model file")
    kind = check(file, _Header).kind
    form: type[_Baseline] | type[_Recalibrated] = _Baseline if kind == "baseline" else _Recalibrated
    return check(file, form).model()
