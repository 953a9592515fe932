"""Our own access to a FHIR server: one token for all threads, fetched when it is needed and kept in memory only.

Question: which token do we read this server with, if the hook call brought none?
Source: SMART App Launch 2.2, Backend Services. A token is renewed before it runs out and, where the server answers 401
before that, once. A refusal holds for some seconds: an authorization server may lock out who asks too often.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from cds_service.errors import NoToken
from cds_service.operations.log import tell
from cds_service.outgoing import Deadline
from cds_service.trust.origins import FhirBase
from cds_service.trust.registration import Registration
from cds_service.trust.token_endpoint import Token, TokenEndpoint

RENEW_BEFORE_SECONDS = 30
QUIET_SECONDS = 5  # no second request so soon after a refusal, nor for a token so new that 401 cannot mean its age


@dataclass(frozen=True, slots=True)
class _Held:
    """A token of which `until` is the instant, on the monotonic timer, from which it is used no more."""

    text: str = field(repr=False)
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why there was no token, and until when nobody asks again."""

    reason: str
    until: float


class OwnToken:
    """The token of one registration. Threads share it; while one asks for it, the others wait for that answer."""

    def __init__(self, registration: Registration, clock: Callable[[], float] = monotonic) -> None:
        self.registration = registration
        self._endpoint = TokenEndpoint(registration)
        self._clock = clock
        self._lock = Lock()
        self._known: _Held | _Refusal | None = None
        self._asking: Future[str] | None = None

    def token(self, deadline: Deadline, refused: str | None = None) -> str:
        """A token to read with. `refused` is one that the FHIR server has just answered with 401.

        A new one is fetched in its place unless it is only seconds old: then it is given again. Raises NoToken where
        there is none, at the latest at the deadline.
        """
        while True:
            with self._lock:
                if (known := self._usable(refused)) is not None:
                    return known
                ours = self._asking is None
                asking = self._asking = self._asking or Future()
            if ours:
                self._ask(asking, deadline)
            try:
                return asking.result(deadline.remaining)
            except TimeoutError:
                raise NoToken(deadline.missed, late=True) from None
            except NoToken as error:
                # The thread that asked may have had less time than we have.
                if ours or not error.late or not deadline.remaining:
                    raise NoToken(error.reason, late=error.late) from error

    def _usable(self, refused: str | None) -> str | None:
        known, now = self._known, self._clock()
        if known is None or now >= known.until:
            return None
        if isinstance(known, _Refusal):
            raise NoToken(known.reason)
        return known.text if known.text != refused or now - known.since < QUIET_SECONDS else None

    def _ask(self, asking: "Future[str]", deadline: Deadline) -> None:
        began = self._clock()
        try:
            token = self._endpoint.ask(deadline)
        except NoToken as error:
            tell("no_token", reason=error.reason)
            self._conclude(None if error.late else _Refusal(error.reason, self._clock() + QUIET_SECONDS))
            asking.set_exception(error)
        except BaseException as error:
            self._conclude(None)
            asking.set_exception(error)  # a defect of ours must not leave the others waiting
            raise
        else:
            self._conclude(_Held(token.text, began, began + _kept(token)))
            asking.set_result(token.text)

    def _conclude(self, known: _Held | _Refusal | None) -> None:
        with self._lock:
            self._known, self._asking = known, None


def _kept(token: Token) -> float:
    """Seconds for which a token is used: to 30 s before its end, or half its life where that is short."""
    return max(token.seconds - RENEW_BEFORE_SECONDS, token.seconds / 2)


@dataclass(frozen=True, slots=True)
class OwnAccess:
    """The servers that we may read with a token of our own."""

    tokens: Sequence[OwnToken] = ()

    def to(self, server: FhirBase) -> OwnToken | None:
        """Our token for exactly this server, None where the site is not registered there."""
        return next((token for token in self.tokens if token.registration.server.is_same(server)), None)
