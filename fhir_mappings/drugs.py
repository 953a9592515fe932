"""Which drug a resource gives or orders, by code or by name, and by which route.

Question: is this infliximab, a systemic steroid, an immunomodulator, or nothing of ours? Source: FHIR R4
medication[x], Medication.ingredient; `tables/drugs.csv`, `drug_names.csv`, `routes.csv`. Any coding may match.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cds_service.clinical.record import DataIssue, IssueLevel, Route
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, Coding, is_contained, read_words, resolve, words_of
from fhir_mappings.doubts import Doubt, issue, quote
from fhir_mappings.ndc import PRODUCT_DIGITS, read_ndc
from fhir_mappings.routes import routes_in, routes_of
from fhir_mappings.shape import Misshapen, struct, structs, text
from fhir_mappings.vocabulary import DrugCode, Tables, Words, beginnings, plain_code, remembered

INFLIXIMAB = "infliximab"
CODED_IN = ("rxnorm", "ndc", "hcpcs", "atc", "unii")


@dataclass(frozen=True, slots=True)
class DrugName:
    """What one name of a drug says by its codes and its texts.

    `groups` are those of the codes that its ATC groups stand for: they tell a tablet from an inhaler where an
    ingredient cannot. `worded` gives each drug that is named, with the text that names it first, or with its code
    where that has no code system; `subcutaneous` tells whether anything names a subcutaneous product or route.
    """

    codes: tuple[DrugCode, ...]
    groups: tuple[DrugCode, ...]
    routes: frozenset[str]
    worded: Mapping[str, str]
    subcutaneous: bool


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One part of a mixture, with its strength (a FHIR Ratio, empty where not given)."""

    names: tuple[DrugName, ...]
    strength: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drug:
    """All that names the drug of one resource. `unresolved` is a reference that led nowhere and has no display."""

    names: tuple[DrugName, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    unresolved: bool = False

    @property
    def all_names(self) -> tuple[DrugName, ...]:
        """The drug's own names and those of its ingredients."""
        return self.names + tuple([name for part in self.ingredients for name in part.names])


@dataclass(frozen=True, slots=True)
class Product:
    """Infliximab as found: `by_name` is the text that named it where no code did."""

    subcutaneous: bool
    by_name: str | None = None


def read_drug(holder: Resource, tables: Tables, referenced: Mapping[str, Resource]) -> Drug:
    """The drug of an administration, a request or an order, its Medication and the ingredients followed."""
    own = named(words_of(struct(holder, "medicationCodeableConcept")), tables)
    reference = struct(holder, "medicationReference")
    if not reference:
        return Drug((own,))
    display = text(reference, "display")
    medication = resolve(reference, holder, referenced)
    names = [own, named((display or "",), tables)]
    try:
        found = None if medication is None else read_medication(medication, holder, tables, referenced)
    except Misshapen:
        if is_contained(reference):
            raise
        found = None  # it is told as a resource of its own, and costs none of those that refer to it
    if found is None:
        return Drug(tuple(names), unresolved=display is None)
    return Drug((*names, *found.names), found.ingredients)


def read_medication(medication: Resource, holder: Resource, tables: Tables, referenced: Mapping[str, Resource]) -> Drug:
    """A Medication's own names and its ingredients, for the resource that refers to it. Raises Misshapen."""
    names = tuple(named(words_of(struct(medication, member)), tables) for member in ("code", "form"))
    rows = structs(medication, "ingredient")
    return Drug(names, tuple(_ingredient(row, medication, holder, tables, referenced) for row in rows))


def _ingredient(
    row: Mapping[str, Any], medication: Resource, holder: Resource, tables: Tables, referenced: Mapping[str, Resource]
) -> Ingredient:
    reference = struct(row, "itemReference")
    # A contained Medication finds its parts in the resource that contains both.
    part = resolve(reference, medication, referenced) or resolve(reference, holder, referenced) or {}
    names = [
        named(words_of(struct(row, "itemCodeableConcept")), tables),
        named((text(reference, "display") or "",), tables),
    ]
    try:
        names.append(named(words_of(struct(part, "code")), tables))
    except Misshapen:
        if is_contained(reference):
            raise
        # A Medication of its own is told as such, and costs no mixture that it is a part of.
    return Ingredient(tuple(names), struct(row, "strength"))


def read_name(concept: Mapping[str, Any], tables: Tables) -> DrugName:
    """What a CodeableConcept says about a drug; not remembered, as it may be free text. Raises Misshapen."""
    return _read_name(words_of(concept), tables)


def _read_name(words: Words, tables: Tables) -> DrugName:
    name = read_words(words, tables)
    groups = tuple(_groups(name, tables))
    sure = (found for coding in name.codings if len(found := _coded(coding, tables)) == 1)
    codes = (*(code for found in sure for code in found), *groups)
    named_by = [(row.drug, text) for text in name.texts for row in tables.drug_names if row.words.search(text)]
    named_by += [(drug, coding.written) for coding in name.codings for drug in _unsure(coding, tables)]
    routes = frozenset(route for text in name.texts for route in routes_in(text, tables))
    products = {drug.product for drug, _ in named_by} | {code.product for code in codes}
    return DrugName(
        codes=codes,
        groups=groups,
        routes=routes,
        worded=MappingProxyType({drug.concept: text for drug, text in reversed(named_by)}),
        subcutaneous="sc" in products or "subcutaneous" in routes,
    )


def _coded(coding: Coding, tables: Tables) -> frozenset[DrugCode]:
    """What one coding stands for; several only for an NDC without hyphens, which then may be any of them."""
    if coding.system != "ndc":
        row = tables.drugs.get(coding.key)
        return frozenset(() if row is None else (row,))
    return frozenset(row for digits in read_ndc(coding.written) if (row := _by_product(digits, tables)))


def _by_product(digits: str, tables: Tables) -> DrugCode | None:
    return tables.drugs.get(("ndc", digits)) or tables.drug_prefixes.get(("ndc", digits[:PRODUCT_DIGITS]))


def _unsure(coding: Coding, tables: Tables) -> Iterator[DrugCode]:
    """Infliximab by a code without a system, or by one that may be another drug's: no more sure than a name."""
    systems = (coding.system,) if coding.system else CODED_IN
    for system in systems:
        found = _coded(coding._replace(system=system, code=plain_code(system, coding.written)), tables)
        if not coding.system or len(found) > 1:
            yield from (code for code in found if code.concept == INFLIXIMAB)


named = remembered(_read_name)


def _groups(name: CodedText, tables: Tables) -> Iterator[DrugCode]:
    codes = (coding.code for coding in name.codings if coding.system == "atc")
    prefixes = (prefix for code in codes for prefix in beginnings(code))
    yield from (row for prefix in prefixes if (row := tables.drug_prefixes.get(("atc", prefix))))


def infliximab_in(names: Sequence[DrugName]) -> Product | None:
    """Infliximab among some names: a known code goes before words, a subcutaneous product before its ingredient."""
    concepts = {code.concept for name in names for code in name.codes}
    by_name = worded(names, INFLIXIMAB)
    if INFLIXIMAB in concepts:
        by_name = None
    elif concepts or by_name is None:  # a steroid "before infliximab" is a steroid
        return None
    return Product(any(name.subcutaneous for name in names), by_name)


def worded(names: Sequence[DrugName], concept: str) -> str | None:
    """The text among some names that names a drug, None where none does."""
    return next((name.worded[concept] for name in names if concept in name.worded), None)


def infliximab_route(
    product: Product, route: CodedText, about: str, evidence: str, tables: Tables
) -> tuple[Route, DataIssue | None]:
    """How infliximab is given: by the product where it is subcutaneous, else as written, else by its labelling."""
    written = routes_of(route, tables)
    if product.subcutaneous and written <= {"subcutaneous"}:
        return Route.SUBCUTANEOUS, None
    if not route.codings and not route.texts:
        says = "states no route and is read as intravenous, as the product is labelled"
        return Route.INTRAVENOUS, issue(
            Doubt("route-assumed", says, IssueLevel.NOTE), about, f"The {about} of infliximab"
        )
    if len(written) == 1 and not product.subcutaneous and written <= {"intravenous", "subcutaneous"}:
        return Route(written.pop()), None
    doubt = Doubt("route-unclear", f"has a route that does not fit the product ({quote(route.label)})")
    known = Route.SUBCUTANEOUS if product.subcutaneous else Route.UNKNOWN
    return known, issue(doubt, about, f"The {about} of infliximab", evidence)
