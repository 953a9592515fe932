"""What a result is about: by its code where we know it, else by its name.

Question: which of our concepts is this, and how sure is that? Source: `tables/laboratory.csv`, `names.csv`. A code goes
before a name, the antibody's name before the level's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cds_service.clinical.record import IssueLevel
from fhir_mappings.codings import CodedText, read_words, words_of
from fhir_mappings.doubts import Doubt, quote
from fhir_mappings.shape import Misshapen, struct, structs
from fhir_mappings.vocabulary import Concept, Tables, Words, remembered

LEVEL, ANTIBODY, MENTIONED = "infliximab_level", "infliximab_antibody", "mentions_infliximab"
PANEL, BOTH = "mentions_panel", "mentions_both"
ITEM, PERIANAL = "perianal_item", "mentions_perianal"
INDICES = frozenset({"pcdai", "wpcdai"})  # those with a perianal item


@dataclass(frozen=True, slots=True)
class Recognised:
    """A concept and how it was found: `by_name` is the text that named it, None for a code.

    `doubt` says why nothing may be read from the result although its concept is known, `note` what is to be told of
    how it was found.
    """

    concept: Concept
    by_name: str | None = None
    doubt: Doubt | None = None
    note: Doubt | None = None


def recognise(code: Mapping[str, Any], tables: Tables) -> tuple[CodedText, Recognised | None]:
    """An Observation.code (or ServiceRequest.code) and its concept, None for what is not ours to read.

    Raises Misshapen.
    """
    return _recognised(words_of(code), tables)


def recognise_part(
    code: Mapping[str, Any], whole: Recognised | None, tables: Tables
) -> tuple[CodedText, Recognised | None]:
    """A component's code and its concept: by itself, else as the perianal item of the activity index it is a part of.

    Raises Misshapen.
    """
    part, found = recognise(code, tables)
    if found is None and whole is not None and whole.concept.name in INDICES:
        named = name_in(part, tables)
        if named is not None and named[0] == PERIANAL:
            return part, Recognised(tables.concepts[ITEM], named[1])
    return part, found


def is_monitoring(observation: Mapping[str, Any], tables: Tables) -> bool:
    """Whether an Observation, or a component of it, is a drug level or an antibody; nothing raises."""
    try:
        parts = [observation, *structs(observation, "component")]
        found = [recognise(struct(part, "code"), tables)[1] for part in parts]
    except Misshapen:
        return False
    return any(one is not None and one.concept.name in (LEVEL, ANTIBODY) for one in found)


@remembered
def _recognised(words: Words, tables: Tables) -> tuple[CodedText, Recognised | None]:
    code = read_words(words, tables)
    return code, _concept_of(code, tables)


def _concept_of(code: CodedText, tables: Tables) -> Recognised | None:
    rows = [row for coding in code.codings if (row := tables.laboratory.get(coding.key))]
    bare = [coding for coding in code.codings if not coding.system and ("loinc", coding.code) in tables.laboratory]
    if not rows and not bare:
        return _by_name(code, tables)
    if not rows:
        says = f"came under {quote(bare[0].written)} without a code system, which is read as LOINC"
        as_loinc = code._replace(codings=tuple(coding._replace(system="loinc") for coding in bare))
        found = _concept_of(as_loinc, tables)
        return found and replace(found, note=Doubt("code-without-system", says, IssueLevel.NOTE))
    if any(row.use == "ignore" for row in rows):
        return None
    concept = tables.concepts[rows[0].concept]
    if len({row.concept for row in rows}) > 1:
        return Recognised(
            concept, doubt=Doubt("codes-disagree", f"carries codes of several tests ({quote(code.label)})")
        )
    if any(row.use == "refuse" for row in rows):
        return Recognised(concept, doubt=Doubt("code-refused", "came under a code whose unit is not read here"))
    named = name_in(code, tables) if concept.name == LEVEL else None
    if named is not None and named[0] == ANTIBODY:
        says = f"is coded as a drug level but named as an antibody ({quote(named[1])}) and was not used"
        return Recognised(concept, doubt=Doubt("level-or-antibody", says))
    return Recognised(concept)


def name_in(code: CodedText, tables: Tables) -> tuple[str, str] | None:
    """The first rule of the name table that one of the texts matches: its concept and that text."""
    texts = [text for text in code.texts if _worth_matching(text, tables)]
    return next(((rule.concept, text) for rule in tables.names for text in texts if rule.matches(text)), None)


def _worth_matching(text: str, tables: Tables) -> bool:
    # Most results name nothing of ours; plain substrings tell that ten times faster than the patterns.
    folded = text.casefold()
    return any(stem in folded for stem in tables.name_stems)


def is_panel(code: CodedText, tables: Tables) -> bool:
    """Whether a name is that of a panel of level and antibody."""
    return is_named(PANEL, code, tables)


def is_named(concept: str, code: CodedText, tables: Tables) -> bool:
    """Whether one of the texts is named by a rule of this concept."""
    return any(rule.matches(text) for rule in tables.names if rule.concept == concept for text in code.texts)


def _by_name(code: CodedText, tables: Tables) -> Recognised | None:
    found = name_in(code, tables)
    if found is None or (found[0] not in tables.concepts and found[0] != MENTIONED):
        return None
    concept, text = found
    if concept == MENTIONED:
        says = "was recognised neither as level nor as antibody and was not used"
        return Recognised(tables.concepts[LEVEL], text, Doubt("result-not-recognised", says, IssueLevel.NOTE))
    return Recognised(tables.concepts[concept], text)
