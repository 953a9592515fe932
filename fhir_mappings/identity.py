"""Who and which: the patient a resource names, its evidence reference, and one resource out of several copies.

Source: FHIR R4 patient compartment (subject, patient, beneficiary, for), Resource.meta.
"""

import json
from collections import defaultdict
from collections.abc import Iterable

from fhir_mappings.chart import Resource
from fhir_mappings.shape import OBJECTS, Misshapen, struct, text

PATIENT_MEMBERS = ("subject", "patient", "beneficiary", "for", "individual")


def subjects(resource: Resource) -> tuple[str, ...]:
    """Every patient reference that a resource carries, as written; wrong shapes are looked through, never raised."""
    found: dict[str, None] = {}
    for member in PATIENT_MEMBERS:
        if member not in resource:
            continue
        value = resource[member]
        for reference in value if isinstance(value, list) else (value,):
            target = reference.get("reference") if isinstance(reference, OBJECTS) else reference
            if isinstance(target, str) and (written := target.strip()):
                found[written] = None
    return tuple(found)


def evidence(resource: Resource) -> str:
    """The reference by which a card names a resource: "Observation/abc", or "Observation/(no id)"."""
    kind, own = resource.get("resourceType"), resource.get("id")
    named = own if isinstance(own, str) and own.strip() else "(no id)"
    return f"{kind if isinstance(kind, str) else 'Resource'}/{named.strip()}"


def newest_versions(resources: Iterable[Resource]) -> list[Resource]:
    """One resource for each type and id, in an order that does not depend on how they came.

    Of several versions the highest meta.versionId wins, then the latest meta.lastUpdated, then the last by content.
    Resources without an id are told apart by their content.
    """
    found: dict[tuple[str, str], Resource] = {}
    copies: defaultdict[tuple[str, str], list[Resource]] = defaultdict(list)
    for resource in resources:
        key = evidence(resource), "" if isinstance(resource.get("id"), str) else _content(resource)
        if found.setdefault(key, resource) is not resource:
            copies[key].append(resource)
    for key, others in copies.items():
        found[key] = _newest(found[key], others)
    return [found[key] for key in sorted(found)]


def _newest(first: Resource, others: list[Resource]) -> Resource:
    try:
        if all(other == first for other in others):
            return first
    except RecursionError:  # nested deeper than Python compares: told apart by what can be written
        pass
    return max(first, *others, key=_version)


def _content(resource: Resource) -> str:
    try:
        return json.dumps(resource, sort_keys=True, default=str)
    except RecursionError:
        flat = {member: value for member, value in resource.items() if not isinstance(value, list | dict)}
        return json.dumps(flat, sort_keys=True, default=str)


def _version(resource: Resource) -> tuple[int, str, str]:
    content = _content(resource)
    try:
        meta = struct(resource, "meta")
        version, updated = text(meta, "versionId") or "", text(meta, "lastUpdated") or ""
    except Misshapen:
        return -1, "", content
    return int(version) if version.isdecimal() and len(version) < 20 else -1, updated, content
