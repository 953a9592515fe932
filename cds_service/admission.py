"""How many calls are answered at once: as many may wait a moment, more are told so instead of making all of them late.

Source: RFC 9110 15.6.4 (503) and 10.2.3 (Retry-After); OWASP API4:2023.
"""

import json
from collections.abc import Iterable
from threading import BoundedSemaphore
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Response

from cds_service.errors import Busy

HEALTH = "/health"
WAIT_SECONDS = 0.1  # J: a call that begins later than this had better not begin
ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}  # with every answer of the service


class Admission:
    """In front of the application of one process: it sees at most so many calls at the same time."""

    def __init__(self, app: WSGIApplication, most_calls: int) -> None:
        self._app = app
        self._places, self._queue = BoundedSemaphore(most_calls), BoundedSemaphore(most_calls)
        outcome = Busy("as many calls as may are being answered").operation_outcome()
        self._turned_away = Response(
            json.dumps(outcome), Busy.status, {**ALWAYS, **Busy.headers}, content_type="application/json"
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answered by the application, or 503."""
        if environ["PATH_INFO"] == HEALTH:  # a proxy asks it to know whether we live, not whether we have time
            return self._app(environ, start_response)
        if not self._admits():
            return self._turned_away(environ, start_response)
        try:
            return self._app(environ, start_response)  # answers are whole when it returns: none is streamed
        finally:
            self._places.release()

    def _admits(self) -> bool:
        if self._places.acquire(blocking=False):
            return True
        if not self._queue.acquire(blocking=False):
            return False
        try:
            return self._places.acquire(timeout=WAIT_SECONDS)
        finally:
            self._queue.release()
