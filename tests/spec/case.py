"""One worked case: facts of a synthetic chart, and what must be concluded of them.

A file is a section, its folder a chapter, one `[[case]]` a paragraph. What a case leaves out is as in the usual child:
the defaults of `Case`. Whatever is not known here raises ValueError with file and case.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError

from cds_service.clinical.assessment import (
    AdviceKind,
    AntibodyStatus,
    DiseaseStatus,
    Hindrance,
    OrderChange,
    Phase,
    PredictorState,
    Qualification,
    Severity,
    TroughStatus,
)
from cds_service.clinical.knowledge import risk_model, stops, target_profiles
from cds_service.clinical.site_model import Calibration
from cds_service.site.settings import PolicySection
from tests.clinical.charts import EIGHT_WEEKLY
from tests.spec.facts import (
    STRICT,
    Antibody,
    Before,
    Coded,
    Done,
    Drug,
    Found,
    Given,
    Level,
    Number,
    Order,
    Result,
    Test,
    Value,
    Weighed,
    one_of,
)

USUAL_INFUSIONS = tuple(Given(f"{weeks} weeks") for weeks in EIGHT_WEEKLY)
USUAL_RESULTS = (Result("crp", "1"), Result("calprotectin", "80", "3 weeks"))
USUAL_ORDER = Order()
FOLDER = Path(__file__).with_name("cases")
Told = dict[str, Any]
Stop = Annotated[str, one_of(*stops())]
Profile = Annotated[str, one_of(*target_profiles())]
PredictorName = Annotated[str, one_of(*(row.name for row in risk_model().predictors))]


def _weeks(told: object) -> object:
    return {"before": f"{told} weeks"} if isinstance(told, int) else told


def _setting(told: Told) -> Told:
    if unknown := set(told) - set(PolicySection.model_fields):
        raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What must come out; what is left out is not compared, but `advice` is the whole card together with `also`.

    `notes`, `reasons`, `readings`, `predictors` and `hindered_by` are compared by what they name, `not_noted` must be
    absent, all else must be equal.
    """

    __pydantic_config__ = STRICT
    applies: bool | None = None
    not_applicable: str | None = None
    phase: Phase | None = None
    given_interval_weeks: Number | None = None
    given_mg_per_kg: Number | None = None
    infusions_on_regimen: int | None = None
    due_in_days: int | None = None
    ordered_interval_weeks: Number | None = None
    interval_inferred: bool | None = None
    order_change: OrderChange | None = None
    deciding_level: Value | None = None
    qualification: Qualification | None = None
    implied_trough: tuple[Number, Number] | None = None
    status: TroughStatus | None = None
    below_assay_limit: bool | None = None
    target: Profile | None = None
    antibody: AntibodyStatus | None = None
    same_sample: bool | None = None
    disease: DiseaseStatus | None = None
    readings: dict[Test, str] | None = None
    stops: tuple[Stop, ...] | None = None
    predictors: dict[PredictorName, PredictorState] | None = None
    relative_odds: Number | None = None
    ci95: tuple[Number, Number] | None = None
    possible_odds: tuple[Number, Number] | None = None
    probability: Number | None = None
    probability_ci95: tuple[Number, Number] | None = None
    calibration: Calibration | None = None
    hindered_by: dict[PredictorName, Hindrance] | None = None
    row: int | None = None
    advice: AdviceKind | Literal["none"] | None = None
    also: tuple[AdviceKind, ...] = ()
    severity: Severity | None = None
    interval_weeks: Number | Literal["none"] | None = None
    interval_weeks_range: tuple[Number, Number] | None = None
    dose_mg_per_kg: Number | Literal["as given"] | None = None
    sufficient: bool | None = None
    expected_unchanged: Number | None = None
    expected_draft: Number | None = None
    compared_weeks: tuple[Number, ...] | None = None
    forecast: Literal["none"] | None = None
    options_weeks: tuple[Number, ...] | None = None
    recheck: str | None = None
    button: bool | None = None
    prompt: bool | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_noted: tuple[str, ...] = ()


USUAL_CONCLUSION = Conclusion()


@dataclass(frozen=True, slots=True)
class Case:
    """One worked case. `not_yet` says why the service does not conclude so today."""

    __pydantic_config__ = STRICT
    title: str
    concludes: Conclusion
    not_yet: str | None = None
    age: Before = "12 years"
    weights: tuple[Weighed, ...] | None = None
    infusions: tuple[Annotated[Given, BeforeValidator(_weeks)], ...] = USUAL_INFUSIONS
    levels: tuple[Level, ...] = ()
    antibodies: tuple[Antibody, ...] | None = None
    results: tuple[Result, ...] = USUAL_RESULTS
    findings: tuple[Found, ...] = ()
    procedures: tuple[Done, ...] = ()
    crohns: Literal["active", "remission", "not coded"] = "active"
    conditions: tuple[Coded, ...] = ()
    reaction: Literal["mild", "severe", "not graded"] | None = None
    drugs: tuple[Drug, ...] = ()
    level_ordered: bool = False
    unreadable: tuple[Literal["infusions", "prescriptions", "conditions"], ...] = ()
    order: Order | Literal["none"] = USUAL_ORDER
    hospital: Annotated[dict[str, Any], AfterValidator(_setting)] = field(default_factory=dict)


_CASE = TypeAdapter(Case)


def words(name: str) -> str:
    """A chapter or section as its folder or file calls it: "02-which-level" is "Which level"."""
    return name.lstrip("0123456789-").replace("-", " ").capitalize()


def read_case(told: Told, where: str) -> Case:
    """One case. Raises ValueError that names the place for anything that is not known."""
    try:
        return _CASE.validate_python(told)
    except ValidationError as error:
        title = told.get("title", "a case without a title")
        raise ValueError(f"{where}, {title}: {error}") from error


def read_section(path: Path) -> tuple[Case, ...]:
    """The cases of one file. Raises ValueError for anything beside them."""
    file = tomllib.loads(path.read_text("utf-8"))
    if set(file) != {"case"}:
        raise ValueError(f"{path.name} holds {', '.join(file)}; a section holds [[case]] only")
    return tuple(read_case(told, path.name) for told in file["case"])


def read_chapters() -> dict[str, dict[str, tuple[Case, ...]]]:
    """All cases by question and section, in the order of the book."""
    return {
        f"{words(folder.name)}?": {words(path.stem): read_section(path) for path in sorted(folder.glob("*.toml"))}
        for folder in sorted(FOLDER.iterdir())
    }


def all_cases() -> tuple[Case, ...]:
    """Every case of the book."""
    return tuple(case for sections in read_chapters().values() for cases in sections.values() for case in cases)
