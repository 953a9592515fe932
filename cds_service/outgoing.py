"""One HTTP exchange with a server that a hospital configured: it goes nowhere else and ends in time.

Question: what did this server answer, and if nothing usable, why not?
Source: OWASP ASVS 5.0 V1.3.6, V15.3.2. A session of requests would take credentials from ~/.netrc and proxies from the
environment, follow redirects with our headers and keep cookies. So there is none: its transport, which does nothing of
that, is asked directly, in half the time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter

_CHUNK = 64 * 1024
_OURS = {"User-Agent": "infliximab-cds", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Deadline:
    """The instant, on the monotonic timer, at which reading ends. `seconds` is what there was at first."""

    ends: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The deadline that lies so many seconds ahead."""
        return cls(monotonic() + seconds, seconds)

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.ends - monotonic())

    @property
    def missed(self) -> str:
        """What to say about an answer that did not come in time."""
        return f"no answer within {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is sent, and to whom: `who` is how the server is called in what is told of it.

    `form` makes it a POST of these fields, percent-encoded; without one it is a GET.
    """

    who: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    parameters: Sequence[tuple[str, str]] = field(default=(), repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


class Unanswered(Exception):
    """There is no usable answer. `reason` is a text of ours, without anything that was sent or received.

    `late` says that the time was over, so that someone with more time may ask again; `broken` that there was no
    connection or that it broke off, so that the next one may hold. `fault` is the reason in one word, as it is counted.
    """

    def __init__(self, reason: str, *, late: bool = False, broken: bool = False, fault: str = "failed") -> None:
        super().__init__(reason)
        self.reason = reason
        self.late = late
        self.broken = broken
        self.fault = "timeout" if late else fault


def open_transport(connections: int) -> HTTPAdapter:
    """Connections that stay open, one for each of so many threads, without second attempts. Opens nothing yet."""
    return HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0)


def send(transport: HTTPAdapter, asked: Asked, until: Deadline) -> requests.Response:
    """The answer with its status and headers, to be closed by the caller; its body is not read yet.

    Raises Unanswered. A redirect is an answer like any other.
    """
    if not until.remaining:
        raise Unanswered(until.missed, late=True)
    request = requests.Request(
        "GET" if asked.form is None else "POST",
        asked.url,
        params=list(asked.parameters),
        data=asked.form,
        headers={**_OURS, **asked.headers},
    )
    try:
        return transport.send(request.prepare(), stream=True, timeout=max(until.remaining, 0.001))
    except requests.exceptions.RequestException as error:
        raise _unanswered(error, asked.who, until) from error


def media_type(response: requests.Response) -> str:
    """The media type of an answer in lower case, without its parameters; empty where none is given."""
    return response.headers.get("Content-Type", "").split(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type is that of JSON (RFC 6839)."""
    return kind == "application/json" or kind.endswith("+json")


def read_json(response: requests.Response, who: str, most_bytes: int, until: Deadline) -> Any:
    """The JSON document in an answer, of at most so many decoded bytes. Raises Unanswered."""
    body = bytearray()
    try:
        # read1 returns what has arrived, so that a server that drips cannot outlive the deadline.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > most_bytes or not until.remaining:
                break
    except Exception as error:
        # urllib3, ssl and zlib each raise their own.
        raise _broken_off(error, who, until) from error
    if len(body) > most_bytes:
        raise Unanswered(f"{who} answered with more than {most_bytes} bytes", fault="too_large")
    if chunk:
        raise Unanswered(until.missed, late=True)
    return _parse(bytes(body), who, response.headers.get("Content-Length"))


def _parse(body: bytes, who: str, announced: str | None) -> Any:
    if announced and announced.isdigit() and int(announced) > len(body):
        raise _cut_short(who)
    try:
        return json.loads(body, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise Unanswered(f"{who}'s answer is not valid JSON", fault="not_json") from error


def _not_json(text: str) -> None:
    raise ValueError(text)


def _unanswered(error: Exception, who: str, until: Deadline) -> Unanswered:
    match error:
        case requests.exceptions.SSLError():
            return Unanswered(f"{who}'s certificate was not accepted", fault="certificate")
        case requests.exceptions.Timeout():
            return Unanswered(until.missed, late=True)
        case requests.exceptions.ConnectionError():
            return Unanswered(f"{who} could not be reached", broken=True, fault="refused")
        case _:
            return Unanswered(f"{who} could not be asked")


def _broken_off(error: Exception, who: str, until: Deadline) -> Unanswered:
    late = not until.remaining or "timed out" in str(error).lower()
    return Unanswered(until.missed, late=True) if late else _cut_short(who)


def _cut_short(who: str) -> Unanswered:
    return Unanswered(f"{who}'s answer was cut short", broken=True, fault="cut_short")
