"""Which drug a resource gives or orders, by code or by name, and by which route.

Question: is this infliximab, a systemic steroid, an immunomodulator, or nothing of ours? Source: FHIR R4
medication[x], Medication.ingredient; `tables/drugs.csv`, `drug_names.csv`, `routes.csv`. Any coding may match.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.clinical.record import DataIssue, IssueLevel, Route
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, read_coded, resolve
from fhir_mappings.doubts import Doubt, issue, quote
from fhir_mappings.shape import struct, structs, text
from fhir_mappings.vocabulary import DrugCode, Tables

INFLIXIMAB = "infliximab"


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One part of a mixture, with its strength (a FHIR Ratio, empty where not given)."""

    names: tuple[CodedText, ...]
    strength: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drug:
    """All that names the drug of one resource. `unresolved` is a reference that led nowhere and has no display."""

    names: tuple[CodedText, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    unresolved: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of the drug and of its ingredients."""
        return tuple(text for name in self.all_names for text in name.texts)

    @property
    def all_names(self) -> tuple[CodedText, ...]:
        """The drug's own names and those of its ingredients."""
        return self.names + tuple(name for part in self.ingredients for name in part.names)


@dataclass(frozen=True, slots=True)
class Product:
    """Infliximab as found: `by_name` is the text that named it where no code did."""

    subcutaneous: bool
    by_name: str | None = None


def read_drug(holder: Resource, tables: Tables, referenced: Mapping[str, Resource]) -> Drug:
    """The drug of an administration, a request or an order, its Medication and the ingredients followed."""
    own = read_coded(struct(holder, "medicationCodeableConcept"), tables)
    reference = struct(holder, "medicationReference")
    display = text(reference, "display")
    medication = resolve(reference, holder, referenced)
    names = [own, CodedText(text=display)]
    if medication is None:
        return Drug(tuple(names), unresolved=bool(reference) and display is None)
    names += [read_coded(struct(medication, "code"), tables), read_coded(struct(medication, "form"), tables)]
    rows = structs(medication, "ingredient")
    return Drug(tuple(names), tuple(_ingredient(row, medication, holder, tables, referenced) for row in rows))


def _ingredient(
    row: Mapping[str, Any], medication: Resource, holder: Resource, tables: Tables, referenced: Mapping[str, Resource]
) -> Ingredient:
    reference = struct(row, "itemReference")
    # A contained Medication finds its parts in the resource that contains both.
    part = resolve(reference, medication, referenced) or resolve(reference, holder, referenced) or {}
    names = (
        read_coded(struct(row, "itemCodeableConcept"), tables),
        CodedText(text=text(reference, "display")),
        read_coded(struct(part, "code"), tables),
    )
    return Ingredient(names, struct(row, "strength"))


def infliximab_in(names: Iterable[CodedText], tables: Tables) -> Product | None:
    """Infliximab among some names: a known code goes before words, a subcutaneous product before its ingredient."""
    known = tuple(names)
    texts = [text for name in known for text in name.texts]
    worded = [(row.key, text) for text in texts for row in tables.drug_names if row.words.search(text)]
    codes = list(drug_codes(known, tables))
    coded = [code.product for code in codes if code.concept == INFLIXIMAB]
    if not coded and (codes or not worded):  # a steroid "before infliximab" is a steroid
        return None
    injected = any(routes_in(text, tables) & {"subcutaneous"} for text in texts)
    subcutaneous = injected or "sc" in coded or any(product == "sc" for product, _ in worded)
    return Product(subcutaneous, None if coded else worded[0][1])


def drug_codes(names: Iterable[CodedText], tables: Tables) -> Iterator[DrugCode]:
    """What the codes of some names stand for, ATC groups included."""
    known = tuple(names)
    yield from (row for name in known for coding in name.codings if (row := tables.drugs.get(coding.key)))
    yield from atc_groups(known, tables)


def atc_groups(names: Iterable[CodedText], tables: Tables) -> Iterator[DrugCode]:
    """What the ATC groups of some names stand for; they tell a tablet from an inhaler where an ingredient cannot."""
    codes = (coding.code for name in names for coding in name.codings if coding.system == "atc")
    prefixes = (code[:length] for code in codes for length in range(3, len(code) + 1))
    yield from (row for prefix in prefixes if (row := tables.drug_prefixes.get(("atc", prefix))))


def routes_in(words: str, tables: Tables) -> set[str]:
    """The routes that a text names."""
    return {row.key for row in tables.route_words if row.words.search(words)}


def routes_of(route: CodedText, tables: Tables) -> set[str]:
    """The routes of a CodeableConcept, by code, else by its words."""
    coded = {found for coding in route.codings if (found := tables.route_codes.get(coding.key))}
    return coded or {found for words in route.texts for found in routes_in(words, tables)}


def infliximab_route(
    product: Product, route: CodedText, about: str, evidence: str, tables: Tables
) -> tuple[Route, DataIssue | None]:
    """How infliximab is given: by the product where it is subcutaneous, else as written, else by its labelling."""
    written = routes_of(route, tables)
    if product.subcutaneous and written <= {"subcutaneous"}:
        return Route.SUBCUTANEOUS, None
    if not route.texts and not route.codings:
        says = "states no route and is read as intravenous, as the product is labelled"
        return Route.INTRAVENOUS, issue(
            Doubt("route-assumed", says, IssueLevel.NOTE), about, f"The {about} of infliximab"
        )
    if len(written) == 1 and not product.subcutaneous and written <= {"intravenous", "subcutaneous"}:
        return Route(written.pop()), None
    doubt = Doubt("route-unclear", f"has a route that does not fit the product ({quote(route.label)})")
    known = Route.SUBCUTANEOUS if product.subcutaneous else Route.UNKNOWN
    return known, issue(doubt, about, f"The {about} of infliximab", evidence)
