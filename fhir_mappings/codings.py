"""CodeableConcepts and references: which codes and words stand there, and what a reference points to.

Source: FHIR R4 CodeableConcept, Reference (relative, absolute, versioned, contained).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fhir_mappings.chart import Resource
from fhir_mappings.shape import OBJECTS, struct, structs, text
from fhir_mappings.vocabulary import Key, Tables, Words, plain_code


class Coding(NamedTuple):
    """One coding: `system` is our short name, "" where absent, else the URL as it came; `code` as it is looked up."""

    system: str
    code: str
    display: str | None
    written: str

    @property
    def key(self) -> Key:
        """How tables are asked for it."""
        return self[:2]


class CodedText(NamedTuple):
    """A CodeableConcept as read: its codings and its own text."""

    codings: tuple[Coding, ...] = ()
    text: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """All words that stand there: the text first, then the displays that say something else."""
        displays = [coding.display for coding in self.codings if coding.display not in (None, self.text)]
        return tuple(displays if self.text is None else [self.text, *displays])

    @property
    def label(self) -> str:
        """Something to call it by."""
        return next(iter(self.texts), None) or next((coding.written for coding in self.codings), "without a name")


UNCODED = CodedText()


def read_coded(concept: Mapping[str, Any], tables: Tables) -> CodedText:
    """A CodeableConcept as codings and text. Raises Misshapen."""
    if not concept:
        return UNCODED
    codings = [_coding(*_words(row), tables) for row in structs(concept, "coding")]
    return CodedText(tuple(codings), text(concept, "text"))


def words_of(concept: Mapping[str, Any]) -> Words:
    """The text of a CodeableConcept, then system, code and display of each coding. Raises Misshapen."""
    words: list[str] = []
    for row in structs(concept, "coding"):
        words += _words(row)
    return (text(concept, "text") or "", *words)


def read_words(words: Words, tables: Tables) -> CodedText:
    """The words of a CodeableConcept as codings and text."""
    codings = zip(words[1::3], words[2::3], words[3::3], strict=True)
    return CodedText(tuple([_coding(*coding, tables) for coding in codings]), words[0] or None)


def _words(coding: Mapping[str, Any]) -> tuple[str, str, str]:
    return text(coding, "system") or "", text(coding, "code") or "", text(coding, "display") or ""


def _coding(url: str, code: str, display: str, tables: Tables) -> Coding:
    system = tables.systems.get(url, url)
    return Coding(system, plain_code(system, code), display or None, code)


def relative(reference: str) -> str:
    """A reference as "Type/id": without base, version and trailing blanks; others (#id, urn:) as they are."""
    if reference.startswith(("#", "urn:")):
        return reference
    parts = reference.split("/_history/", maxsplit=1)[0].rstrip("/").rsplit("/", 2)
    return "/".join(parts[-2:])


def resolve(reference: Mapping[str, Any], holder: Resource, referenced: Mapping[str, Resource]) -> Resource | None:
    """What a Reference points to: contained in its holder, or among the referenced resources; None where not had."""
    target = text(reference, "reference")
    if target is None:
        return None
    if target.startswith("#"):
        return next((r for r in structs(holder, "contained") if text(r, "id") == target[1:]), None)
    found = referenced.get(target) or referenced.get(relative(target))
    return found if isinstance(found, OBJECTS) else None


def is_contained(reference: Mapping[str, Any]) -> bool:
    """Whether a Reference points into the resource that holds it. Raises Misshapen."""
    return (text(reference, "reference") or "").startswith("#")


def code_of(source: Mapping[str, Any], member: str) -> str | None:
    """The first code of a CodeableConcept that FHIR binds to a fixed list (clinicalStatus and the like)."""
    return next((code for entry in structs(struct(source, member), "coding") if (code := text(entry, "code"))), None)
