"""Who and which: the patient a resource names, its evidence reference, and one resource out of several copies.

Source: FHIR R4 patient compartment (subject, patient, beneficiary, for), Resource.meta.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from fhir_mappings.chart import Resource
from fhir_mappings.shape import Misshapen, struct, text

PATIENT_MEMBERS = ("subject", "patient", "beneficiary", "for", "individual")


def subjects(resource: Resource) -> tuple[str, ...]:
    """Every patient reference that a resource carries, as written; wrong shapes are looked through, never raised."""
    found: list[str] = []
    for member in PATIENT_MEMBERS:
        value = resource.get(member)
        for reference in value if isinstance(value, list) else [value]:
            target = reference.get("reference") if isinstance(reference, Mapping) else reference
            if isinstance(target, str) and target.strip():
                found.append(target.strip())
    return tuple(dict.fromkeys(found))


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
    copies: defaultdict[tuple[str, str], list[Resource]] = defaultdict(list)
    for resource in resources:
        own = resource.get("id")
        content = "" if isinstance(own, str) else json.dumps(resource, sort_keys=True, default=str)
        copies[evidence(resource), content].append(resource)
    return [_newest(copies[key]) for key in sorted(copies)]


def _newest(copies: list[Resource]) -> Resource:
    first = copies[0]
    return first if all(copy == first for copy in copies[1:]) else max(copies, key=_version)


def _version(resource: Resource) -> tuple[int, str, str]:
    content = json.dumps(resource, sort_keys=True, default=str)
    try:
        meta = struct(resource, "meta")
        version, updated = text(meta, "versionId") or "", text(meta, "lastUpdated") or ""
    except Misshapen:
        return -1, "", content
    return int(version) if version.isdecimal() and len(version) < 20 else -1, updated, content
