"""Orders for an infliximab level or antibody test: open ones on record, and drafts beside the infusion's.

Source: FHIR R4 ServiceRequest (status, code).
"""

from collections.abc import Iterator, Mapping

from cds_service.clinical.record import LevelOrder
from fhir_mappings.chart import Resource
from fhir_mappings.identity import evidence
from fhir_mappings.recognition import ANTIBODY, BOTH, LEVEL, is_named, recognise
from fhir_mappings.scope import Scope
from fhir_mappings.shape import struct, structs, text, truth
from fhir_mappings.vocabulary import Tables

LABORATORY = frozenset({"108252007", "laboratory"})  # SNOMED Laboratory procedure; HL7 observation category


def ordered_test(resource: Resource, tables: Tables) -> str | None:
    """The concept that a ServiceRequest asks for, infliximab level or antibody, by code or name. Raises Misshapen.

    A test that may be for both counts as one for the level.
    """
    code, found = recognise(struct(resource, "code"), tables)
    if found is None or found.concept.name not in (LEVEL, ANTIBODY):
        return None
    # A bare "Infliximab" is a test only where the order says that it goes to the laboratory.
    if found.doubt is not None and found.by_name is not None and not _for_laboratory(resource):
        return None
    return LEVEL if is_named(BOTH, code, tables) else found.concept.name


def read_test_order(resource: Resource, scope: Scope) -> Iterator[LevelOrder]:
    """One open order for a level or antibody. Raises Misshapen."""
    written = scope.moment(resource, "authoredOn")
    is_open = text(resource, "status") == "active" and not truth(resource, "doNotPerform")
    test = ordered_test(resource, scope.tables) if is_open and (written is None or scope.sees(written)) else None
    if test is not None:
        yield LevelOrder(evidence(resource), written, antibody=test == ANTIBODY)


def _for_laboratory(resource: Resource) -> bool:
    category = resource.get("category")
    rows = [category] if isinstance(category, Mapping) else structs(resource, "category")
    return any(text(coding, "code") in LABORATORY for row in rows for coding in structs(row, "coding"))
