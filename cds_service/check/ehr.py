"""What has to be typed into the EHR: addresses, prefetch and scopes, as this site's own configuration makes them.

Source: CDS Hooks 2.0.1, Discovery and Prefetch Template; SMART App Launch 2, scopes (v1 spelling beside it).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cds_service.hooks.services import load_services
from cds_service.hooks.site import Site


@dataclass(frozen=True, slots=True)
class Address:
    """Where one hook is sent, below the service's own address."""

    hook: str
    path: str
    title: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What the token of a hook call must be allowed to read, in both spellings."""

    resource: str
    smart_v2: str
    smart_v1: str


@dataclass(frozen=True, slots=True)
class Entries:
    """All that an EHR has to be told."""

    addresses: tuple[Address, ...]
    prefetch: Mapping[str, str]
    scopes: tuple[Scope, ...]


def entries_for(site: Site) -> Entries:
    """What to type in for this site."""
    kinds = dict.fromkeys([*(search.resource_type for search in site.searches), "Medication"])
    return Entries(
        tuple(Address(service.hook, f"/cds-services/{service.id}", service.title) for service in load_services()),
        site.prefetch,
        tuple(Scope(kind, f"patient/{kind}.rs", f"patient/{kind}.read") for kind in kinds),
    )
