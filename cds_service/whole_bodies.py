"""What a caller sends is taken in to its end, also where the answer is known before.

Left unread, it would end the connection: the server closes it, and the reset may overtake the answer.
Source: RFC 9112, 9.6.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]  # gunicorn has no types

PORTION_BYTES = 64 * 1024
BROKEN = (OSError, ParseException)  # what reading a body raises that breaks off, or whose chunks are malformed


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class WholeBodies:
    """In front of the application: what it leaves of a body is read, up to `most_bytes`, before it is answered."""

    def __init__(self, app: WSGIApplication, most_bytes: int) -> None:
        self._app, self._most_bytes = app, most_bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The application's answer."""
        answer = self._app(environ, start_response)
        if environ.get("wsgi.input_terminated"):  # as gunicorn says: reading ends where the body does
            with suppress(*BROKEN):  # its answer stands
                self._take_in(environ["wsgi.input"])
        return answer

    def _take_in(self, body: _Readable) -> None:
        left = self._most_bytes
        while left > 0 and (portion := body.read(min(PORTION_BYTES, left))):
            left -= len(portion)
