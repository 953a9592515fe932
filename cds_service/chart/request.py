"""What the chart room is asked: whose chart, what the EHR sent along, and which server may fill the gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

from cds_service.outgoing import Deadline
from fhir_mappings.chart import Resource


class FhirServer(Protocol):
    """The base of a FHIR server that may be read; `trust` decides, the chart only follows."""

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""

    def resolve(self, link: str) -> str | None:
        """The absolute URL of a link under this base, None for any other."""


class TokenSource(Protocol):
    """Where our own token for a FHIR server comes from; `trust` has it, the chart only asks."""

    def token(self, deadline: Deadline, refused: str | None = None) -> str:
        """A token to read with; `refused` is one that the server has just answered with 401. Raises NoToken."""


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """One child's chart, please.

    `server` is None where no FHIR server may be read and `no_server` then says why, in words for a diagnostic.
    `token` is that of the hook call; only without one `own_token` is asked, if the site has one for this server.
    """

    patient_id: str
    prefetch: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    drafts: tuple[Resource, ...] = field(default=(), repr=False)
    server: FhirServer | None = None
    no_server: str = "no fhirServer given"
    token: str | None = field(default=None, repr=False)
    own_token: TokenSource | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far reading goes. Bytes are decoded bytes of one answer.

    `recent` is how far back the newest results are read once more where a cap ended the reading.
    """

    page_size: int = 200
    max_pages: int = 10
    max_entries: int = 5_000
    max_answer_bytes: int = 20_000_000
    max_references: int = 64
    recent: timedelta = timedelta(weeks=26)
