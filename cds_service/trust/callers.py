"""Who may call us: the callers of a site, and the one answer for everybody else.

Question: may this call be answered, and whose is it?
Source: CDS Hooks 2.0.1, Trusting CDS Clients, and its best practices: 401 without a reason; the log gets issuer and
`jti`, never the token.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from cds_service.errors import UnknownCaller
from cds_service.operations.log import tell
from cds_service.trust.caller_token import (
    LEEWAY_SECONDS,
    Caller,
    CallerToken,
    Reason,
    TokenRefused,
    check_token,
    read_bearer,
)
from cds_service.trust.used_tokens import UsedTokens

MOST_SHOWN = 200  # characters of what an unproven token says, in the log


@dataclass(frozen=True, slots=True)
class Callers:
    """The callers of one site, by their issuers; without any, everybody is let in."""

    allowed: Mapping[str, Caller]
    used: UsedTokens
    clock: Callable[[], float] = time.time

    def prepare(self) -> None:
        """Load what checks a token and make the file of used ones, before the processes fork.

        Raises ConfigurationError where the file cannot be written.
        """
        if self.allowed:
            import_module("jwt.api_jws")
            self.used.prepare()

    def admit(self, authorization: str | None, endpoint: str) -> Caller | None:
        """The caller whose token stands in an Authorization header; None where nobody is checked.

        A token is accepted once. `endpoint` is our own path of what was called, not what the request says of its host.
        Raises UnknownCaller.
        """
        if not self.allowed:
            return None
        token: CallerToken | None = None
        try:
            token = read_bearer(authorization)
            caller = self._sender(token)
            check_token(token, caller, endpoint, self.clock())
            self._use(token, caller)
        except TokenRefused as refused:
            _tell(refused.reason, token)
            raise UnknownCaller from refused
        return caller

    def _sender(self, token: CallerToken) -> Caller:
        issuer = token.claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self.allowed:
            raise TokenRefused(Reason.ISSUER)
        return self.allowed[issuer]

    def _use(self, token: CallerToken, caller: Caller) -> None:
        try:
            first = self.used.take(caller.issuer, token.claims["jti"], token.claims["exp"] + LEEWAY_SECONDS)
        except sqlite3.Error as error:
            tell("used_tokens_unwritable", error=type(error).__name__)
            raise TokenRefused(Reason.UNRECORDED) from error
        if not first:
            raise TokenRefused(Reason.USED)


def _tell(reason: Reason, token: CallerToken | None) -> None:
    claims = token.claims if token else {}
    tell("caller_refused", refusal=reason, issuer=_shown(claims.get("iss")), token_id=_shown(claims.get("jti")))


def _shown(told: object) -> str | None:
    return ascii(told[:MOST_SHOWN])[1:-1] if isinstance(told, str) else None
