"""The error family, on one screen: broken plumbing is an exception, clinical doubt is a value.

CdsError                     something that the caller must hear about
├── BadHookRequest     400   the request is not what CDS Hooks describes
├── UnknownCaller      401   nobody whom this site lets in
├── UnknownService     404   no service of that id
├── RequestTooLarge    413   larger than the configured limit
├── Busy               503   as many calls as may are being answered
├── MissingData        412   the chart could not be had
│   ├── ForeignPatient 412   a resource belongs to someone else: nothing is used
│   └── NoToken        412   a FHIR server that gives us no token
└── ConfigurationError   -   the configuration file is wrong (command line only)
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType


class CdsError(Exception):
    """Base of all errors that reach the caller as an OperationOutcome (HL7 FHIR R4 OperationOutcome).

    `code` is a FHIR issue type; `diagnostics` is one line that names the field and what was expected; `headers` go with
    the answer.
    """

    status = 500
    code = "exception"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, *diagnostics: str, expression: Iterable[str] = ()) -> None:
        super().__init__("; ".join(diagnostics))
        self.diagnostics = diagnostics
        self.expression = tuple(expression)

    def operation_outcome(self) -> dict[str, object]:
        """The FHIR resource that tells the caller what went wrong, one issue per line."""
        where = {"expression": list(self.expression)} if self.expression else {}
        return {
            "resourceType": "OperationOutcome",
            "issue": [
                {"severity": "error", "code": self.code, "diagnostics": line, **where} for line in self.diagnostics
            ],
        }


class BadHookRequest(CdsError):
    """The body is not a CDS Hooks request for this service."""

    status = 400
    code = "invalid"


class UnknownCaller(CdsError):
    """The call brings no token that this site accepts. Nothing else is told, whatever was wrong with it."""

    status = 401
    code = "login"
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})  # RFC 9110, 15.5.2

    def __init__(self) -> None:
        super().__init__("a signed token of a configured caller expected")


class UnknownService(CdsError):
    """No service of that id is offered."""

    status = 404
    code = "not-found"


class RequestTooLarge(CdsError):
    """The body is larger than the configured limit."""

    status = 413
    code = "too-long"


class Busy(CdsError):
    """As many calls as may are being answered or wait for a FHIR server; another one would make all of them late."""

    status = 503
    code = "throttled"
    headers = MappingProxyType({"Retry-After": "1"})  # seconds; RFC 9110, 15.6.4


class MissingData(CdsError):
    """Required data is neither prefetched nor to be had (CDS Hooks 2.0.1: precondition failed)."""

    status = 412
    code = "incomplete"


class ForeignPatient(MissingData):
    """Something in the request or the chart belongs to another patient."""

    code = "security"


class NoToken(MissingData):
    """The authorization server of a FHIR server gives us no token (SMART App Launch 2.2, Backend Services).

    `late` says that the time was over, so that someone with more time may ask again.
    """

    def __init__(self, reason: str, *, late: bool = False) -> None:
        super().__init__(f"no token for the FHIR server: {reason}")
        self.reason = reason
        self.late = late


class ConfigurationError(CdsError):
    """The configuration cannot be used; `diagnostics` give file, line and what was expected."""
