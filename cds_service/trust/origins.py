"""Where we may go: the FHIR servers that a site allows, matched by origin and whole path segments.

Question: may this address be read, with this token?
Source: CVE-2026-34359 (a prefix match of URLs sent tokens to look-alike hosts); OWASP ASVS 5.0 V1.3.6.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!-\[\]-~]{1,8192}")  # printable ASCII without space and backslash
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+")


@dataclass(frozen=True, slots=True)
class FhirBase:
    """The base URL of a FHIR server. `url` has no trailing slash. Build it with `read_base`."""

    url: str
    origin: tuple[str, str, int]
    segments: tuple[str, ...]

    def covers(self, other: "FhirBase") -> bool:
        """Whether the other address has the same scheme, host and port and lies at or under our path."""
        return self.origin == other.origin and self.segments == other.segments[: len(self.segments)]

    def resolve(self, link: str) -> str | None:
        """The absolute URL of a link the server gave us, if it stays on this server, else None.

        A relative link counts from the base; one that starts with a slash from the host's root or, where that
        leaves the base, from the base too (Canvas sends `/Observation?_offset=10`).
        """
        candidates = [urljoin(self.url + "/", link)]
        if re.match(r"/[^/]", link):
            candidates.append(self.url + link)
        return next((target for target in candidates if _is_plain(link) and self._holds(target)), None)

    def _holds(self, target: str) -> bool:
        try:
            return self.covers(_base_of(urlsplit(target)))
        except ValueError:
            return False

    def is_same(self, other: "FhirBase") -> bool:
        """Whether both are one server: a base below ours may be another tenant's."""
        return (self.origin, self.segments) == (other.origin, other.segments)

    @property
    def secure(self) -> bool:
        """Whether a secret may be sent there: by https, or to this machine."""
        return self.origin[0] == "https" or self.loopback

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine, by name or by number."""
        return is_this_machine(self.origin[1])


def is_this_machine(host: str) -> bool:
    """Whether a host name or number is that of the loopback interface."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_base(text: str) -> FhirBase:
    """A FHIR base from its URL. Raises ValueError with one sentence that says what was expected."""
    parts = urlsplit(text.strip())
    if not _is_plain(text.strip()) or parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError("an http or https URL without query, fragment, spaces or backslashes expected")
    return _base_of(parts)


def read_secure_url(text: str) -> str:
    """A URL to which a secret may be sent, as it was written: a token endpoint compares it letter by letter.

    Raises ValueError with one sentence that says what was expected.
    """
    if not read_base(text).secure:
        raise ValueError("an https URL expected, http only on this machine")
    return text.strip()


def _base_of(parts: SplitResult) -> FhirBase:
    host, port = (parts.hostname or "").lower(), parts.port
    if (
        parts.scheme not in _PORTS
        or not _HOST.fullmatch(host)
        or parts.username
        or parts.password
        or "@" in parts.netloc
    ):
        raise ValueError("an http or https URL with a plain host name expected")
    segments = tuple(part for part in parts.path.split("/") if part)
    if any(part.lower().replace("%2e", ".") in (".", "..") for part in segments) or "%2f" in parts.path.lower():
        raise ValueError("a URL without dot segments expected")
    url = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    return FhirBase(url, (parts.scheme, host, port or _PORTS[parts.scheme]), segments)


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class AllowedServers:
    """The FHIR servers that may be read; with none configured, only those on this machine."""

    bases: tuple[FhirBase, ...] = ()

    def allow(self, base: FhirBase) -> bool:
        """Whether this server may be read."""
        if not self.bases:
            return base.loopback
        return any(allowed.covers(base) for allowed in self.bases)
