"""What has to be typed into the EHR: addresses, prefetch and scopes, as this site's own configuration makes them.

Source: CDS Hooks 2.0.1, Discovery and Prefetch Template; SMART App Launch 2, scopes (v1 spelling beside it).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cds_service.site.site import Site
from fhir_mappings.searches import common_types, prefetch_templates, resource_types


@dataclass(frozen=True, slots=True)
class Address:
    """Where one hook is sent, below the service's own address."""

    hook: str
    path: str
    title: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token must be allowed to read: that of a hook call in both spellings, and our own where we have one."""

    resource: str
    smart_v2: str
    smart_v1: str
    own: str | None


@dataclass(frozen=True, slots=True)
class Entries:
    """All that an EHR has to be told. `tasks` are those of its profile; `prefetch` is empty where it takes none."""

    profile: str
    tasks: tuple[str, ...]
    addresses: tuple[Address, ...]
    prefetch: Mapping[str, str]
    scopes: tuple[Scope, ...]


def entries_for(site: Site) -> Entries:
    """What to type in for this site."""
    facts = site.settings.ehr.facts
    asked = common_types(site.searches) if site.settings.fhir.backend else ()
    return Entries(
        profile=facts.title,
        tasks=facts.tasks,
        addresses=tuple(Address(row.hook, f"/cds-services/{row.id}", row.title) for row in site.services),
        # Discovery may be silent where queries are typed; this page is what they are typed from.
        prefetch={} if facts.prefetch.value == "none" else prefetch_templates(site.searches),
        scopes=tuple(
            Scope(kind, f"patient/{kind}.rs", f"patient/{kind}.read", f"system/{kind}.rs" if kind in asked else None)
            for kind in resource_types(site.searches)
        ),
    )
