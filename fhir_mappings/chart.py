"""What came back when the chart was asked for: raw FHIR resources by search, before anything was understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cds_service.clinical.record import DataIssue, SourceState

Resource = Mapping[str, Any]
"""One FHIR resource as parsed JSON. It is read tolerantly and never changed."""


@dataclass(frozen=True, slots=True)
class ChartPart:
    """The answer to one search: its resources, how complete it is, and what must be said about it."""

    resources: tuple[Resource, ...] = ()
    state: SourceState = SourceState.READ
    issues: tuple[DataIssue, ...] = ()


@dataclass(frozen=True, slots=True)
class RawChart:
    """All parts of one child's chart by search name (rows of tables/searches.toml).

    `referenced` holds resources that others point to, by relative reference ("Medication/abc").
    """

    patient_id: str
    parts: Mapping[str, ChartPart] = field(default_factory=lambda: MappingProxyType({}))
    referenced: Mapping[str, Resource] = field(default_factory=lambda: MappingProxyType({}))

    def part(self, name: str) -> ChartPart:
        """One part; a part nobody asked for is empty."""
        return self.parts.get(name, ChartPart())
