"""Resources against the models of FHIR: which rules are broken, how often, with one example each.

Question: what does this server send that is no FHIR? Source: fhir.resources, R4B models (FHIR R4 resources of the
kinds read here pass them). It only reports: the reader takes what it can from a resource that does not conform.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from fhir_mappings.chart import Resource

RULES = {  # by the kind of pydantic's error; its own message may repeat a value and is not used
    "missing": "is required and missing",
    "extra_forbidden": "is no element of FHIR R4",
    "string_type": "is not a text",
    "string_pattern_mismatch": "is not written as FHIR asks",
    "string_too_short": "is empty",
    "decimal_type": "is not a number",
    "decimal_parsing": "is not a number",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "bool_type": "is neither true nor false",
    "list_type": "is not a list",
    "model_type": "is not an object",
    "dict_type": "is not an object",
    "json_invalid": "is not an object",
    "value_error": "is not written as FHIR asks",
}
CHOICE = re.compile(r".*from this list \[(['\w, ]+)\]\.?")  # of elements, one of which is required
ELEMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")


@dataclass(frozen=True, slots=True)
class Broken:
    """One rule that a kind of resource breaks: where (a path without positions) and how."""

    resource: str
    element: str
    says: str


def broken_rules(resource: Resource) -> frozenset[Broken]:
    """The rules that one resource breaks; nothing raises."""
    from fhir.resources.R4B import get_fhir_model_class

    kind = str(resource.get("resourceType"))
    try:
        get_fhir_model_class(kind).model_validate(resource)
    except ValidationError as error:
        return frozenset(_each(kind, error))
    except Exception as error:  # noqa: BLE001 - the models raise what they like for what they do not know
        return frozenset({Broken(kind, "", f"could not be held against its model ({type(error).__name__})")})
    return frozenset()


def _each(kind: str, error: ValidationError) -> Iterator[Broken]:
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        choice = CHOICE.fullmatch(fault["msg"])
        says = RULES.get(fault["type"], f"breaks a rule ({fault['type']})")
        lacking = f"needs one of {choice[1].replace(chr(39), '')}" if choice else says
        yield Broken(kind, ".".join(_path(fault["loc"])), lacking)


def _path(place: tuple[Any, ...]) -> Iterator[str]:
    # A name that is no name of an element may be anything, also a patient's.
    for part in place:
        if isinstance(part, str):
            yield part if ELEMENT.fullmatch(part) else "(something)"
