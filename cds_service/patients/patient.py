"""A synthetic child as its file tells it, read strictly: a fault is told with file and key."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources as packaged
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError

from cds_service.clinical.assessment import AdviceKind, AntibodyStatus, Qualification, Severity, TroughStatus
from cds_service.errors import ConfigurationError
from cds_service.patients.codings import codings
from cds_service.patients.phrases import Amount, Rhythm, Span, read_amount, read_rhythm, read_span

_STRICT = ConfigDict(extra="forbid")


def _row_of(kind: str) -> AfterValidator:
    """Check that a word is a row of one part of tables/codings.toml."""

    def check(name: str) -> str:
        if name not in getattr(codings(), kind):
            raise ValueError(f"{name!r} is no row of {kind} in tables/codings.toml")
        return name

    return AfterValidator(check)


Number = Annotated[float, Strict(), Field(gt=0)]
Before = Annotated[Span | None, BeforeValidator(read_span)]
Value = Annotated[Amount | None, BeforeValidator(read_amount)]
Every = Annotated[Rhythm | None, BeforeValidator(read_rhythm)]
DrugName = Annotated[str, _row_of("drugs")]
SignName = Annotated[str, _row_of("signs")]
ProcedureName = Annotated[str, _row_of("procedures")]
ResultName = Annotated[str, _row_of("results")]
InfusionRow = tuple[Number, Number | Literal["not charted"], Number]


@dataclass(frozen=True, slots=True)
class Child:
    """Who it is. The weight (kg) is that of the day of the order."""

    __pydantic_config__ = _STRICT
    age: Annotated[Span, BeforeValidator(read_span)]
    sex: Literal["female", "male"]
    weight_kg: Number


@dataclass(frozen=True, slots=True)
class Infliximab:
    """What was given: rows of weeks before the order, mg given, kg on that day; and how the EHR charts it."""

    __pydantic_config__ = _STRICT
    infusions: tuple[InfusionRow, ...]
    charted_as: Literal["instant", "period", "contained", "reference", "bag"] = "period"
    drug: DrugName = "infliximab"


@dataclass(frozen=True, slots=True)
class Order:
    """The draft that the clinician is about to sign."""

    __pydantic_config__ = _STRICT
    dose: Annotated[Amount, BeforeValidator(read_amount)]
    every: Every
    form: Literal["MedicationRequest", "ServiceRequest"] = "MedicationRequest"
    medication: Literal["coded", "entry", "named"] = "coded"
    drug: DrugName = "infliximab"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One laboratory value, drug level, antibody or score. `method` names the assay as the report does.

    `sign` is what stands there instead of a number ("positive"); then the value is "none".
    """

    __pydantic_config__ = _STRICT
    value: Value
    before: Before
    sign: SignName | None = None
    method: str | None = None
    interpretation: Literal["NEG", "POS"] | None = None
    status: Literal["final", "preliminary", "registered"] = "final"
    day_only: bool = False
    coded: bool = True
    loinc: str | None = None  # where a hospital files it under another code


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of the problem list, coded in ICD-10-CM."""

    __pydantic_config__ = _STRICT
    code: str
    text: str
    recorded: Before
    status: Literal["active", "recurrence", "resolved"] = "active"


@dataclass(frozen=True, slots=True)
class PastProcedure:
    """One procedure that was done."""

    __pydantic_config__ = _STRICT
    procedure: ProcedureName
    before: Annotated[Span, BeforeValidator(read_span)]


@dataclass(frozen=True, slots=True)
class OtherDrug:
    """A prescription other than infliximab; `until = "unknown"` means that it goes on."""

    __pydantic_config__ = _STRICT
    drug: DrugName
    since: Annotated[Span, BeforeValidator(read_span)]
    until: Before


@dataclass(frozen=True, slots=True)
class PastReaction:
    """A recorded intolerance of infliximab."""

    __pydantic_config__ = _STRICT
    reaction: str
    recorded: Before
    severe: bool


@dataclass(frozen=True, slots=True)
class TestOrdered:
    """An open order for a test, by its row of results."""

    __pydantic_config__ = _STRICT
    test: ResultName
    before: Annotated[Span, BeforeValidator(read_span)]


@dataclass(frozen=True, slots=True)
class History:
    """Diagnoses, procedures, other drugs, reactions and open test orders."""

    __pydantic_config__ = _STRICT
    problems: tuple[Problem, ...] = ()
    procedures: tuple[PastProcedure, ...] = ()
    drugs: tuple[OtherDrug, ...] = ()
    reactions: tuple[PastReaction, ...] = ()
    tests_ordered: tuple[TestOrdered, ...] = ()


@dataclass(frozen=True, slots=True)
class Expect:
    """What order-sign should conclude; what is left out is not compared. `button`: a suggestion comes."""

    __pydantic_config__ = _STRICT
    rule: int
    cards: Literal[0, 1]
    applies: bool = True
    kind: AdviceKind | None = None
    also: tuple[AdviceKind, ...] = ()  # further entries of the same card
    severity: Severity | None = None
    button: bool = False
    interval_weeks: Number | None = None
    qualification: Qualification | None = None
    trough_status: TroughStatus | None = None
    antibody: AntibodyStatus | None = None
    target: str | None = None
    issues: tuple[str, ...] = ()


def _one_paragraph(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class SyntheticPatient:
    """One invented child: its story, its chart, the order, and what should be concluded."""

    __pydantic_config__ = _STRICT
    name: Annotated[str, Field(pattern=r"[a-z][a-z0-9-]{0,39}")]
    title: str
    story: Annotated[str, AfterValidator(_one_paragraph)]
    child: Child
    infliximab: Infliximab
    order: Order
    expect: Expect
    results: dict[ResultName, tuple[Result, ...]] = field(default_factory=dict)
    history: History = field(default_factory=History)

    @property
    def id(self) -> str:
        """The logical id on a FHIR server; its prefix keeps it apart from the patients of a server that others use."""
        return f"ifxcds-{self.name}"


_ADAPTER = TypeAdapter(SyntheticPatient)


@cache
def names() -> tuple[str, ...]:
    """The names of all bundled children, sorted."""
    files = packaged.files("cds_service.patients").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


@cache
def load(name: str) -> SyntheticPatient:
    """Read one bundled child. Raises KeyError for another name, ConfigurationError for a faulty file."""
    if name not in names():
        raise KeyError(name)
    text = packaged.files("cds_service.patients").joinpath(f"{name}.toml").read_text("utf-8")
    return read_patient(name, text)


def read_patient(name: str, text: str) -> SyntheticPatient:
    """Read one child from TOML text. Raises ConfigurationError: file, key and fault, a line each."""
    try:
        return _ADAPTER.validate_python({"name": name, **tomllib.loads(text)})
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}.toml: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(*(_fault(name, row) for row in error.errors(include_url=False))) from error


def _fault(name: str, row: Any) -> str:
    return f"{name}.toml: {'.'.join(str(part) for part in row['loc'])}: {row['msg']}"
