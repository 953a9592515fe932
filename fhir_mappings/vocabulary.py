"""The words we look up: concepts, codes, names, units, drugs, routes and assays as one frozen value.

Question: what does a FHIR code, unit or word stand for? Built by `tables`, read by everything else in this room.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, wraps
from typing import TypeAlias, TypeVar

from cds_service.clinical.record import ReportedSign
from fhir_mappings.ndc import read_ndc

LONGEST_NAME = 256
NUMBER = re.compile(r"\d{1,6}", re.ASCII)
LONGEST_PREFIX = 32  # characters; a whole code of ICD-10-CM, ICD-10-PCS or ATC has 7

Words: TypeAlias = tuple[str, ...]
"""All that names one thing: its text, then system, code and display of each of its codings; "" where absent."""
Key: TypeAlias = tuple[str, str]
"""Short system name (or concept, or kind) and code (or unit, or word)."""


@dataclass(frozen=True, slots=True)
class Concept:
    """What a laboratory value, weight or score is about; `unit` is the one the record uses."""

    name: str
    title: str
    kind: str  # level, antibody, measurement or sign (positive or negative)
    unit: str
    unit_optional: bool
    search: str  # the search that brings it


@dataclass(frozen=True, slots=True)
class LaboratoryCode:
    """One code of a result: to `read`, to `refuse` with an issue, or to `ignore` as something else."""

    concept: str
    use: str


@dataclass(frozen=True, slots=True)
class NameRule:
    """A concept's name in words: any of `words`, together with any of `also`, and none of `without`."""

    concept: str
    words: re.Pattern[str]
    stems: frozenset[str]
    also: re.Pattern[str] | None
    without: re.Pattern[str] | None

    def matches(self, text: str) -> bool:
        """Whether a text names the concept."""
        return bool(
            self.words.search(text)
            and (self.also is None or self.also.search(text))
            and not (self.without and self.without.search(text))
        )


@dataclass(frozen=True, slots=True)
class DrugCode:
    """What a drug code stands for. `product` tells intravenous ("iv") from subcutaneous ("sc") infliximab."""

    concept: str
    product: str


@dataclass(frozen=True, slots=True)
class DrugWords:
    """The names of one drug, and what a text that holds one of them stands for."""

    drug: DrugCode
    words: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class ProcedureCode:
    """What a procedure code stands for; `title` says in our words what was done."""

    concept: str
    title: str


@dataclass(frozen=True, slots=True)
class Worded:
    """A key that is recognised by words: an assay, a route, the assay of a laboratory."""

    key: str
    words: re.Pattern[str]


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Everything we look up. Codes are keyed by (short system name, code).

    `units` gives the factor to the concept's own unit, None where a person must look first. `unit_spellings` are all
    units known anywhere, `name_stems` are lower-case pieces of which a text must hold one to name anything.
    """

    systems: Mapping[str, str]
    urls: Mapping[str, str]
    concepts: Mapping[str, Concept]
    laboratory: Mapping[Key, LaboratoryCode]
    names: tuple[NameRule, ...]
    name_stems: tuple[str, ...]
    units: Mapping[Key, Decimal | None]
    antibody_units: Mapping[str, str]
    unit_spellings: frozenset[str]
    assays: tuple[Worded, ...]
    performers: tuple[Worded, ...]
    signs: Mapping[Key, ReportedSign]
    route_codes: Mapping[Key, str]
    route_words: tuple[Worded, ...]
    timings: Mapping[str, str]
    drugs: Mapping[Key, DrugCode]
    drug_prefixes: Mapping[Key, DrugCode]
    drug_names: tuple[DrugWords, ...]
    conditions: Mapping[Key, frozenset[str]]
    condition_prefixes: Mapping[Key, frozenset[str]]
    manifestations: Mapping[Key, str]
    manifestation_prefixes: Mapping[Key, str]
    procedures: Mapping[Key, ProcedureCode]
    procedure_prefixes: Mapping[Key, ProcedureCode]


Name = TypeVar("Name", str, Words)
Found = TypeVar("Found")


def remembered(find: Callable[[Name, Tables], Found]) -> Callable[[Name, Tables], Found]:
    """What the tables say to a name, kept for the 2,048 short names met last: the same few come with every chart.

    Only for names of tests, assays, drugs and routes; never for values, dates or what may be about a patient.
    """
    kept = lru_cache(maxsize=2048)(find)

    @wraps(find)
    def found(name: Name, tables: Tables) -> Found:
        # Joined with a blank, so that a thousand empty words are long, too.
        length = len(name if isinstance(name, str) else " ".join(name))
        return kept(name, tables) if length <= LONGEST_NAME else find(name, tables)

    return found


@lru_cache(maxsize=256)
def spelling(unit: str) -> str:
    """A unit as it is looked up: any case, both micro signs, no blanks."""
    return "".join(unit.casefold().split()).replace("μ", "u")


def counted_words(text: str) -> tuple[str, tuple[int, ...]]:
    """Words as they are looked up, any case, no blanks, `#` for each number, and those numbers."""
    shown = "".join(text.casefold().split())
    return NUMBER.sub("#", shown), tuple(int(digits) for digits in NUMBER.findall(shown))


def plain_code(system: str, code: str) -> str:
    """A code as it is looked up: ICD-10-CM without its dot, an NDC that can be only one as its digits, others as is."""
    if system == "ndc":
        readings = read_ndc(code)
        return readings[0] if len(readings) == 1 else code
    return code.upper().replace(".", "") if system == "icd10cm" else code


def beginnings(code: str) -> list[str]:
    """The prefixes of a code that a table may hold, shortest first: of three characters and more."""
    return [code[:length] for length in range(3, min(len(code), LONGEST_PREFIX) + 1)]
