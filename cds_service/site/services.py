"""The services offered, as data: one id per hook, with the prefetch that each asks for.

Source: CDS Hooks 2.0.1, Discovery.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

from cds_service.errors import BadHookRequest, UnknownService


@dataclass(frozen=True, slots=True)
class Service:
    """One row of services.toml."""

    id: str
    hook: str
    title: str
    description: str
    usage: str

    def discovery(self, prefetch: Mapping[str, str]) -> dict[str, object]:
        """The service as the discovery endpoint describes it; what says nothing is absent."""
        described = {
            "hook": self.hook,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "usageRequirements": self.usage,
            "prefetch": dict(prefetch),
        }
        return {name: told for name, told in described.items() if told}


@cache
def load_services() -> tuple[Service, ...]:
    """All services offered, in the order of services.toml."""
    return read_services(files(__package__).joinpath("services.toml").read_text("utf-8"))


def read_services(table: str) -> tuple[Service, ...]:
    """The services of a TOML table. Raises ValueError naming the row that is wrong."""
    rows = tomllib.loads(table)["service"]
    expected = {field.name for field in fields(Service)}
    for number, row in enumerate(rows, 1):
        if row.keys() != expected or not all(isinstance(text, str) and text for text in row.values()):
            raise ValueError(f"services.toml, service {number}: exactly the texts {sorted(expected)} expected")
    if len({row["id"] for row in rows}) != len(rows) or len({row["hook"] for row in rows}) != len(rows):
        raise ValueError("services.toml: one id and one service per hook expected")
    return tuple(Service(**row) for row in rows)


def find_service(service_id: str, offered: Iterable[Service]) -> Service:
    """The service of an id among those that a site offers. Raises UnknownService naming them."""
    services = {service.id: service for service in offered}
    if service_id not in services:
        raise UnknownService(f"services offered: {', '.join(services)}")
    return services[service_id]


def service_for_hook(hook: object, offered: Iterable[Service]) -> Service:
    """The service of a hook among those that a site offers, for a request that came without a URL.

    Raises BadHookRequest for what is no hook of ours, UnknownService for one that the site turned off.
    """
    services = tuple(offered)
    for service in services:
        if service.hook == hook:
            return service
    known = [service.hook for service in load_services()]
    if hook in known:
        on = ", ".join(service.hook for service in services)
        raise UnknownService(f"hook: {hook} is off at this site (ehr.hooks or ehr.profile), on: {on}")
    raise BadHookRequest(f"hook: one of {', '.join(known)} expected")
