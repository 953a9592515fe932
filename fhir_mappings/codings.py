"""CodeableConcepts and references: which codes and words stand there, and what a reference points to.

Source: FHIR R4 CodeableConcept, Reference (relative, absolute, versioned, contained).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from fhir_mappings.chart import Resource
from fhir_mappings.shape import struct, structs, text
from fhir_mappings.vocabulary import Key, Tables, plain_code


class Coding(NamedTuple):
    """One coding: `system` is our short name, "" where absent, else the URL as it came; `code` as it is looked up."""

    system: str
    code: str
    display: str | None
    written: str

    @property
    def key(self) -> Key:
        """How tables are asked for it."""
        return self.system, self.code


@dataclass(frozen=True, slots=True)
class CodedText:
    """A CodeableConcept as read: its codings and its own text."""

    codings: tuple[Coding, ...] = ()
    text: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """All words that stand there: the text first, then the displays."""
        own = () if self.text is None else (self.text,)
        return own + tuple(coding.display for coding in self.codings if coding.display is not None)

    @property
    def label(self) -> str:
        """Something to call it by."""
        return next(iter(self.texts), None) or next((coding.written for coding in self.codings), "without a name")


def read_coded(concept: Mapping[str, Any], tables: Tables) -> CodedText:
    """A CodeableConcept as codings and text. Raises Misshapen."""
    return CodedText(tuple(_coding(entry, tables) for entry in structs(concept, "coding")), text(concept, "text"))


def _coding(entry: Mapping[str, Any], tables: Tables) -> Coding:
    url, code = text(entry, "system") or "", text(entry, "code") or ""
    system = tables.systems.get(url, url)
    return Coding(system, plain_code(system, code), text(entry, "display"), code)


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
    return found if isinstance(found, Mapping) else None


def code_of(source: Mapping[str, Any], member: str) -> str | None:
    """The first code of a CodeableConcept that FHIR binds to a fixed list (clinicalStatus and the like)."""
    return next((code for entry in structs(struct(source, member), "coding") if (code := text(entry, "code"))), None)
