"""The facts that a worked case may tell of a synthetic chart, each a small table of its file, read strictly.

Times are spans before the visit ("8 weeks 1 day"). Levels are in µg/mL, results in the usual unit of their test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, Strict

from cds_service.clinical.knowledge import assays, stops
from cds_service.patients.phrases import read_amount, read_rhythm, read_span
from fhir_mappings.rows import read_rows
from tests.clinical.charts import UNITS

STRICT = ConfigDict(extra="forbid")
TESTS = {  # as a clinician writes them
    "alt": "ALT",
    "c_difficile_toxin": "C. difficile toxin",
    "c_difficile_toxin_gene": "C. difficile toxin gene",
    "crp": "CRP",
    "hbs_antigen": "HBsAg",
    "igra": "IGRA",
    "pcdai": "PCDAI",
    "ses_cd": "SES-CD",
}


def name_of(key: str) -> str:
    """A test, predictor or other key in words."""
    return TESTS.get(key, key.replace("_", " "))


def _phrase(read: Callable[[str], object]) -> AfterValidator:
    """Keep the words, so that they can be told again, once they can be read."""

    def check(text: str) -> str:
        read(text)
        return text

    return AfterValidator(check)


def one_of(*known: str) -> AfterValidator:
    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"{name!r} is not one of {', '.join(known)}")
        return name

    return AfterValidator(check)


Number = Annotated[float, Strict(), Field(gt=0)]
Before = Annotated[str, _phrase(read_span)]
Value = Annotated[str, _phrase(read_amount)]
Test = Annotated[str, one_of(*UNITS)]
Screened = Annotated[str, one_of(*(concept for row in stops().values() for concept in row.results))]
Assay = Annotated[str, one_of(*assays(), "not named")]
Condition = Annotated[str, one_of(*dict.fromkeys(row["concept"] for row in read_rows("conditions.csv")), "asthma")]


@dataclass(frozen=True, slots=True)
class Given:
    """One infusion (or record of one) of 200 mg over two hours."""

    __pydantic_config__ = STRICT
    before: Before
    mg: Number | Literal["not charted"] = 200.0
    route: Literal["intravenous", "subcutaneous"] = "intravenous"
    stopped: bool = False
    day_only: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """One infliximab level, `before` the visit or `after` the start of the last infusion; "none": unreadable."""

    __pydantic_config__ = STRICT
    value: Value
    before: Before = "1 hour"  # "unknown": no collection time
    after: Before | None = None
    assay: Assay = "not named"
    day_only: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Antibody:
    """One antibody result; without `before` it is of the sample of the first level."""

    __pydantic_config__ = STRICT
    value: Value = "none"
    assay: Assay = "mayo-ecl"
    before: Before | None = None
    day_only: bool = False
    pending: bool = False
    reported: Literal["negative", "positive"] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One laboratory value or score in the usual unit of its test."""

    __pydantic_config__ = STRICT
    test: Test
    value: Value
    before: Before = "1 hour"
    upper_limit: Number | None = None
    day_only: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One result without a number; "neither" is indeterminate, or could not be read."""

    __pydantic_config__ = STRICT
    test: Screened
    before: Before
    sign: Literal["positive", "negative", "neither"] = "positive"
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """One perianal procedure, in words."""

    __pydantic_config__ = STRICT
    procedure: Literal["placement of a seton", "MRI of the pelvis"]
    before: Before


@dataclass(frozen=True, slots=True)
class Weighed:
    """One weight."""

    __pydantic_config__ = STRICT
    kg: Number
    before: Before


@dataclass(frozen=True, slots=True)
class Coded:
    """One entry of the problem list beside Crohn's disease, by its concept."""

    __pydantic_config__ = STRICT
    condition: Condition
    recorded: Before = "unknown"
    state: Literal["active", "recurrent", "remission", "inactive"] = "active"
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Drug:
    """Another drug; `until` "unknown": it goes on."""

    __pydantic_config__ = STRICT
    drug: Literal["systemic_steroid", "immunomodulator"]
    since: Before
    until: Before = "unknown"


@dataclass(frozen=True, slots=True)
class Order:
    """The draft that the clinician is about to sign."""

    __pydantic_config__ = STRICT
    dose: Annotated[str, _phrase(read_amount)] = "200 mg"  # or "5 mg/kg"
    every: Annotated[str, _phrase(read_rhythm)] = "8 weeks"  # or "not stated"
    route: Literal["intravenous", "subcutaneous"] = "intravenous"
    reason: Condition | None = None
