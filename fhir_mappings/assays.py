"""Which assay measured a level or an antibody: as the result says it, else as the site knows of its laboratory.

Question: whose thresholds count? Source: FHIR R4 Observation.method, code, performer; `tables/assays.csv` and
`performers.csv`, which only a site fills.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_mappings.codings import CodedText, is_contained, read_coded, resolve
from fhir_mappings.doubts import Doubt
from fhir_mappings.shape import struct, structs, text
from fhir_mappings.vocabulary import Tables, remembered


def read_assay(observation: Mapping[str, Any], code: CodedText, tables: Tables) -> tuple[str, str] | Doubt | None:
    """The assay and where its name stood; a doubt where two are named.

    In the method or the code itself, text or code; only where neither names one, by the laboratory that performed the
    test, as the site's own rows tell it.
    """
    found = list(_assays(observation, code, tables)) or list(_performed(observation, tables))
    if len({assay for assay, _ in found}) > 1:
        named = " and ".join(sorted({assay for assay, _ in found}))
        return Doubt("assay-contradictory", f"names two assays ({named}), so that neither is taken")
    return found[0] if found else None


def _assays(observation: Mapping[str, Any], code: CodedText, tables: Tables) -> Iterator[tuple[str, str]]:
    method = read_coded(struct(observation, "method"), tables)
    places = (
        ("method text", [method.text or ""]),
        ("method code", _codes_and_displays(method)),
        ("code text", code.texts),
        ("code", [coding.written for coding in code.codings]),
    )
    for place, texts in places:
        for said in texts:
            yield from ((assay, place) for assay in _assays_in(said, tables))


def _performed(observation: Mapping[str, Any], tables: Tables) -> Iterator[tuple[str, str]]:
    for performer in structs(observation, "performer") if tables.performers else ():
        laboratory = (resolve(performer, observation, {}) or {}) if is_contained(performer) else {}
        own = struct(performer, "identifier")
        names = (text(performer, "display"), text(own, "value"), text(laboratory, "name"), text(performer, "reference"))
        for said in names:
            yield from ((row.key, "performer") for row in tables.performers if said and row.words.search(said))


def _codes_and_displays(method: CodedText) -> list[str]:
    return [said for coding in method.codings for said in (coding.display, coding.written) if said]


@remembered
def _assays_in(text: str, tables: Tables) -> tuple[str, ...]:
    return tuple(row.key for row in tables.assays if row.words.search(text))
