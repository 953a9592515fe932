"""Codes that nobody mapped although their text looks like ours, each with a row to paste into a site's tables.

Question: what does this chart hold under codes of its own? Source: the texts beside the codes, by the same names as
the reader's (`names.csv`, `drug_names.csv`) and, for values that are read by code only, by `lookalikes.csv`.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fhir_mappings.chart import RawChart, Resource
from fhir_mappings.codings import CodedText, Coding, code_of, read_coded, resolve
from fhir_mappings.conditions import REFUTED, concepts_of
from fhir_mappings.drugs import INFLIXIMAB, infliximab_in, read_drug
from fhir_mappings.identity import newest_versions
from fhir_mappings.procedures import NAMED, PERIANAL
from fhir_mappings.recognition import ANTIBODY, LEVEL, recognise
from fhir_mappings.rows import Row
from fhir_mappings.shape import Misshapen, struct, structs, text
from fhir_mappings.uses import read_use
from fhir_mappings.vocabulary import NameRule, Tables

LOOKALIKES = "lookalikes.csv"
CROHNS = "crohns"
ABOUT_OTHERS = re.compile(
    r"\b(?:family|mother|father|sibling|history|FH|suspect\w*|rule|exclu\w*|screening|risk)\b", re.IGNORECASE
)
"""A diagnosis so worded is nobody's Crohn's disease yet: no row is offered for it."""
LONGEST = 80  # of a code or a text that is shown


@dataclass(frozen=True, slots=True)
class Unmapped:
    """What one row would map. `concepts` are those that it may name, several where somebody has to choose.

    `system` is the URL as it came, "" with `code` where only words stand there. `used` tells whether the reader takes
    it all the same, by its name. `product` is "iv" or "sc" for drugs.
    """

    table: str
    concepts: tuple[str, ...]
    system: str
    code: str
    used: bool
    product: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """One place in one chart where something unmapped stands. `words` were typed by a person, `display` was not."""

    unmapped: Unmapped
    display: str = ""
    words: str = ""


def find_unmapped(
    chart: RawChart, tables: Tables, *, drug_by_name: bool = False, procedure_by_name: bool = False
) -> tuple[Sight, ...]:
    """Everything in one chart that looks like ours and has no row; each resource counts once."""
    look = _Look(tables, chart.referenced, drug_by_name, procedure_by_name)
    resources = newest_versions(resource for part in chart.parts.values() for resource in part.resources)
    return tuple(sight for resource in resources for sight in _in_resource(resource, look))


@dataclass(frozen=True, slots=True)
class _Look:
    tables: Tables
    referenced: Mapping[str, Resource]
    drug_by_name: bool
    procedure_by_name: bool


def _in_resource(resource: Resource, look: _Look) -> list[Sight]:
    finder = FINDERS.get(str(resource.get("resourceType")))
    try:
        return [] if finder is None else list(finder(resource, look))
    except Misshapen:
        return []  # the reader says so itself


def _in_observation(resource: Resource, look: _Look) -> Iterator[Sight]:
    if text(resource, "status") in ("entered-in-error", "cancelled"):
        return
    for part in (resource, *structs(resource, "component")):
        if any(member.startswith("value") and part[member] is not None for member in part):
            yield from _in_result(part, look.tables)


def _in_result(part: Mapping[str, Any], tables: Tables) -> Iterator[Sight]:
    code, found = recognise(struct(part, "code"), tables)
    if any(coding.key in tables.laboratory for coding in code.codings):
        return
    if found is not None:
        chosen = (found.concept.name,) if found.doubt is None else (LEVEL, ANTIBODY)
        yield _sight("laboratory.csv", chosen, code, used=found.doubt is None)
        return
    concept = next((rule.concept for rule in _lookalikes() if any(rule.matches(words) for words in code.texts)), None)
    if concept is not None and _mappable(code):
        yield _sight("laboratory.csv", (concept,), code, used=False)


def _in_administration(resource: Resource, look: _Look) -> Iterator[Sight]:
    if text(resource, "status") not in ("entered-in-error", "not-done"):
        route = read_coded(struct(struct(resource, "dosage"), "route"), look.tables)
        yield from _in_drug(resource, [route], look, order=False)


def _in_request(resource: Resource, look: _Look) -> Iterator[Sight]:
    if text(resource, "status") != "entered-in-error":
        rows = structs(resource, "dosageInstruction")
        yield from _in_drug(resource, [read_coded(struct(row, "route"), look.tables) for row in rows], look, order=True)


def _in_drug(resource: Resource, routes: list[CodedText], look: _Look, *, order: bool) -> Iterator[Sight]:
    drug = read_drug(resource, look.tables, look.referenced)
    product, use = infliximab_in(drug.all_names), read_use(drug, routes, look.tables)
    if product is not None and product.by_name is not None:
        written = "sc" if product.subcutaneous else "iv"
        yield _drug(INFLIXIMAB, resource, look, used=order or look.drug_by_name, product=written)
    elif use is not None and use.by_name is not None:
        yield _drug(use.concept, resource, look, used=look.drug_by_name)


def _drug(concept: str, resource: Resource, look: _Look, *, used: bool, product: str = "") -> Sight:
    naming = [name for name in _drug_names(resource, look) if _names(concept, name, look.tables)]
    chosen = next((name for name in naming if _mappable(name)), naming[0] if naming else CodedText())
    return _sight("drugs.csv", (concept,), chosen, used=used, product=product)


def _drug_names(holder: Resource, look: _Look) -> Iterator[CodedText]:
    yield read_coded(struct(holder, "medicationCodeableConcept"), look.tables)
    medication = resolve(struct(holder, "medicationReference"), holder, look.referenced) or {}
    yield read_coded(struct(medication, "code"), look.tables)
    for row in structs(medication, "ingredient"):
        yield read_coded(struct(row, "itemCodeableConcept"), look.tables)
        reference = struct(row, "itemReference")
        part = resolve(reference, medication, look.referenced) or resolve(reference, holder, look.referenced) or {}
        yield read_coded(struct(part, "code"), look.tables)


def _names(concept: str, name: CodedText, tables: Tables) -> bool:
    rows = [row for row in tables.drug_names if row.drug.concept == concept]
    return any(row.words.search(words) for words in name.texts for row in rows)


def _in_condition(resource: Resource, look: _Look) -> Iterator[Sight]:
    code = read_coded(struct(resource, "code"), look.tables)
    if code_of(resource, "verificationStatus") in REFUTED or concepts_of(code, look.tables):
        return
    if _named(code, "mentions_crohns", look.tables) and not any(ABOUT_OTHERS.search(words) for words in code.texts):
        yield _sight("conditions.csv", (CROHNS,), code, used=False)


def _in_procedure(resource: Resource, look: _Look) -> Iterator[Sight]:
    code = read_coded(struct(resource, "code"), look.tables)
    known = any(
        coding.key in look.tables.procedures
        or any((coding.system, coding.code[:length]) in look.tables.procedure_prefixes for length in range(3, 8))
        for coding in code.codings
    )
    if not known and _named(code, NAMED, look.tables):
        yield _sight("procedures.csv", (PERIANAL,), code, used=look.procedure_by_name)


def _named(code: CodedText, concept: str, tables: Tables) -> bool:
    rules = [rule for rule in tables.names if rule.concept == concept]
    return any(rule.matches(words) for rule in rules for words in code.texts)


FINDERS: Mapping[str, Callable[[Resource, _Look], Iterable[Sight]]] = {
    "Observation": _in_observation,
    "MedicationAdministration": _in_administration,
    "MedicationRequest": _in_request,
    "Condition": _in_condition,
    "Procedure": _in_procedure,
}


@cache
def _lookalikes() -> tuple[NameRule, ...]:
    lines = csv.DictReader(io.StringIO(files(__package__).joinpath(LOOKALIKES).read_text("utf-8")))
    rows = [Row(LOOKALIKES, number, cells) for number, cells in enumerate(lines, 2)]
    return tuple(
        NameRule(
            row.filled("concept"),
            row.words("words"),
            row.stems("words"),
            None,
            row.words("without") if row["without"] else None,
        )
        for row in rows
    )


def _mappable(code: CodedText) -> Coding | None:
    """The coding that a row can name: of a system that we know, else of any; a code without a system is none."""
    whole = [coding for coding in code.codings if coding.system and coding.written and _printable(coding)]
    return next((coding for coding in whole if "/" not in coding.system and ":" not in coding.system), None) or next(
        iter(whole), None
    )


def _printable(coding: Coding) -> bool:
    return all(len(part) <= LONGEST and part.isprintable() for part in (coding.system, coding.written))


def _sight(table: str, concepts: tuple[str, ...], code: CodedText, *, used: bool, product: str = "") -> Sight:
    coding = _mappable(code)
    if coding is None:
        return Sight(Unmapped(table, concepts, "", "", used, product))
    unmapped = Unmapped(table, concepts, coding.system, coding.written, used, product)
    return Sight(unmapped, _short(coding.display), _short(code.text))


def _short(words: str | None) -> str:
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in words or "").split())
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def rows_for(unmapped: Unmapped, shown: str, tables: Tables) -> Sequence[tuple[str, str]]:
    """The lines to paste, each with its table; none for words without a code. Several of one table: choose one.

    `shown` is what the source column says of the text.
    """
    if not unmapped.code:
        return ()
    known = unmapped.system in tables.systems.values()
    short = unmapped.system if known else short_name(unmapped.system, tables)
    source = f"our EHR: {shown}" if shown else "our EHR"
    named = [] if known else [("systems.csv", _line(short, unmapped.system, "our EHR"))]
    cells = [_cells(unmapped, concept, short, shown) for concept in unmapped.concepts]
    return [*named, *((unmapped.table, _line(*row, source)) for row in cells)]


def _cells(unmapped: Unmapped, concept: str, short: str, shown: str) -> tuple[str, ...]:
    code = unmapped.code
    match unmapped.table:
        case "laboratory.csv":
            return concept, short, code, "read", "yes"
        case "drugs.csv":
            return concept, short, "code", code, unmapped.product, "yes"
        case "procedures.csv":
            return concept, shown or "perianal procedure", short, "code", code, "yes"
        case _:
            return concept, short, "code", code, "yes"


def short_name(url: str, tables: Tables) -> str:
    """A short name for a code system that has none, made of its address; never one that stands for another system."""
    name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"^\w+://", "", url.lower())).strip("-") or "own"
    return name if name not in tables.systems.values() else f"{name}-2"


def _line(*cells: str) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(cells)
    return written.getvalue()
