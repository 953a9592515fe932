"""By which route a drug is given, by code or in words. Source: FHIR R4 dosage.route; `tables/routes.csv`."""

from fhir_mappings.codings import CodedText
from fhir_mappings.vocabulary import Tables, remembered


def routes_in(words: str, tables: Tables) -> frozenset[str]:
    """The routes that a text names."""
    return frozenset(row.key for row in tables.route_words if row.words.search(words))


_routes_named = remembered(routes_in)


def routes_of(route: CodedText, tables: Tables) -> set[str]:
    """The routes of a CodeableConcept, by code, else by its words."""
    coded = {found for coding in route.codings if (found := tables.route_codes.get(coding.key))}
    return coded or {found for words in route.texts for found in _routes_named(words, tables)}
