"""The JWK Set behind a configured URL: fetched when a token first needs it, never before, and kept in memory.

Question: what are the keys of this caller now?
Source: CDS Hooks 2.0.1, Trusting CDS Clients (key rotation); OWASP ASVS 5.0 V9.1.3. Each process keeps its own.
Nothing a token says chooses where we ask: the URL is that of the configuration, and a redirect is a failure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from cds_service.operations.log import tell
from cds_service.outgoing import Asked, Deadline, Unanswered, open_transport, read_json, send
from cds_service.trust.public_keys import MOST_BYTES, CallerKey, KeySet, read_key_set

FRESH_SECONDS = 3600  # then the set is asked for again, so that a key that was withdrawn is noticed
KEPT_SECONDS = 24 * 3600  # of a set that cannot be renewed
QUIET_SECONDS = 60  # between two requests, whatever the tokens name
FETCH_SECONDS = 1.0

_WHO = "the key set's server"


@dataclass(frozen=True, slots=True)
class _Held:
    """A key set and when it was asked for, on the monotonic timer."""

    keys: KeySet
    since: float


class FetchedKeys:
    """The keys behind one URL, but for `refused` ones, by their thumbprints. Threads share it."""

    def __init__(self, url: str, refused: frozenset[str] = frozenset(), clock: Callable[[], float] = monotonic) -> None:
        self._url, self._refused, self._clock = url, refused, clock
        self._transport = open_transport(1)
        self._lock = Lock()
        self._held: _Held | None = None
        self._asked: float | None = None

    def named(self, key_id: str) -> tuple[CallerKey, ...]:
        """Every key of that id. The set is asked for where it is old or does not hold it, at most once in 60 s."""
        found = self._known(key_id, FRESH_SECONDS)
        if found:
            return found
        self._renew(wait=not self._known(key_id, KEPT_SECONDS))
        return self._known(key_id, KEPT_SECONDS)

    def fetch(self) -> KeySet:
        """The set as its server gives it now. Raises Unanswered."""
        until = Deadline.after(FETCH_SECONDS)
        with send(self._transport, Asked(_WHO, self._url, {"Accept": "application/json"}), until) as response:
            if response.status_code != 200:
                raise Unanswered(f"{_WHO} answered {response.status_code}")
            document = read_json(response, _WHO, MOST_BYTES, until)
        try:
            return read_key_set(document).without(self._refused)
        except ValueError as error:
            raise Unanswered(f"{_WHO} answered with something else than a JWK Set") from error

    def _known(self, key_id: str, seconds: float) -> tuple[CallerKey, ...]:
        held = self._held
        return held.keys.named(key_id) if held and self._clock() - held.since < seconds else ()

    def _renew(self, *, wait: bool) -> None:
        """Ask, unless that was done just now. Without `wait` whoever has a key goes on while another thread asks."""
        if not self._lock.acquire(timeout=FETCH_SECONDS if wait else 0):
            return
        try:
            now = self._clock()
            if self._asked is not None and now - self._asked < QUIET_SECONDS:
                return
            self._asked = now
            self._held = _Held(self.fetch(), now)
        except Unanswered as error:
            tell("keys_not_renewed", key_set=self._url, reason=error.reason)
        finally:
            self._lock.release()
