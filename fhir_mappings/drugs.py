"""Which drug a resource gives or orders, by code or by name, and by which route.

Question: is this infliximab, a systemic steroid, an immunomodulator, or nothing of ours? Source: FHIR R4
medication[x], Medication.ingredient; `tables/drugs.csv`, `drug_names.csv`, `routes.csv`. Any coding may match.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.clinical.record import DataIssue, IssueLevel, Route
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, is_contained, read_words, resolve, words_of
from fhir_mappings.doubts import Doubt, issue, quote
from fhir_mappings.shape import Misshapen, struct, structs, text
from fhir_mappings.vocabulary import DrugCode, Tables, Words, beginnings, plain_code, remembered

INFLIXIMAB = "infliximab"
CODED_IN = ("rxnorm", "ndc", "hcpcs", "atc", "unii")


@dataclass(frozen=True, slots=True)
class DrugName:
    """What one name of a drug says by its codes and its texts.

    `groups` are those of the codes that its ATC groups stand for: they tell a tablet from an inhaler where an
    ingredient cannot. `infliximab` is the first text that names infliximab, or its code without a code system;
    `subcutaneous` tells whether anything names a subcutaneous product or route.
    """

    codes: tuple[DrugCode, ...]
    groups: tuple[DrugCode, ...]
    routes: frozenset[str]
    infliximab: str | None
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
    codes = (*(row for coding in name.codings if (row := tables.drugs.get(coding.key))), *groups)
    worded = [(row.key, text) for text in name.texts for row in tables.drug_names if row.words.search(text)]
    routes = frozenset(route for text in name.texts for route in _routes_in(text, tables))
    bare = [] if worded else list(_without_system(name, tables))
    named_by = [*worded, *bare]
    products = {product for product, _ in named_by} | {code.product for code in codes}
    return DrugName(
        codes=codes,
        groups=groups,
        routes=routes,
        infliximab=named_by[0][1] if named_by else None,
        subcutaneous="sc" in products or "subcutaneous" in routes,
    )


def _without_system(name: CodedText, tables: Tables) -> Iterator[tuple[str, str]]:
    """Product and text of codes that would be infliximab's if they named their system: no more sure than a name."""
    for coding in name.codings:
        for system in CODED_IN if not coding.system else ():
            row = tables.drugs.get((system, plain_code(system, coding.written)))
            if row is not None and row.concept == INFLIXIMAB:
                yield row.product, coding.written


named = remembered(_read_name)


def _groups(name: CodedText, tables: Tables) -> Iterator[DrugCode]:
    codes = (coding.code for coding in name.codings if coding.system == "atc")
    prefixes = (prefix for code in codes for prefix in beginnings(code))
    yield from (row for prefix in prefixes if (row := tables.drug_prefixes.get(("atc", prefix))))


def infliximab_in(names: Sequence[DrugName]) -> Product | None:
    """Infliximab among some names: a known code goes before words, a subcutaneous product before its ingredient."""
    concepts = {code.concept for name in names for code in name.codes}
    by_name = next((name.infliximab for name in names if name.infliximab is not None), None)
    if INFLIXIMAB in concepts:
        by_name = None
    elif concepts or by_name is None:  # a steroid "before infliximab" is a steroid
        return None
    return Product(any(name.subcutaneous for name in names), by_name)


def _routes_in(words: str, tables: Tables) -> frozenset[str]:
    return frozenset(row.key for row in tables.route_words if row.words.search(words))


_routes_named = remembered(_routes_in)


def routes_of(route: CodedText, tables: Tables) -> set[str]:
    """The routes of a CodeableConcept, by code, else by its words."""
    coded = {found for coding in route.codings if (found := tables.route_codes.get(coding.key))}
    return coded or {found for words in route.texts for found in _routes_named(words, tables)}


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
