"""The second port: is the service alive, is it ready, and what has it counted?

A small process beside the workers serves it: it answers while all of them are busy, and nothing on it can be reached
through the port that the EHR calls. Source: OWASP ASVS 5.0 V13.4.5; Prometheus exposition formats.
"""

import json
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cds_service import __version__
from cds_service.operations.metrics import CONTENT_TYPE, Board

_PARENT_CHECK_S = 0.5
_CLIENT_TIMEOUT_S = 5
_WAITING = 16  # connections
_JSON = "application/json"


class Watch:
    """The process of the second port. Start it again where it is gone."""

    def __init__(self, listener: socket.socket, board: Board) -> None:
        listener.listen(_WAITING)
        self._listener, self._board = listener, board
        self._pid = 0

    def keep_running(self, *foreign: socket.socket) -> None:
        """Fork it, unless it runs. It closes `foreign`: a port that is inherited would stay open after our end."""
        if self._pid and _is_alive(self._pid):
            return
        parent = os.getpid()
        self._pid = os.fork()
        if not self._pid:
            try:
                for inherited in foreign:
                    inherited.close()
                _serve(self._listener, self._board, parent)
            finally:
                os._exit(0)

    def end(self) -> None:
        """It holds nothing, so that it needs no time to end."""
        if self._pid and _is_alive(self._pid):
            os.kill(self._pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
        self._pid = 0


def answer(path: str, board: Board) -> tuple[HTTPStatus, str, str]:
    """Status, content type and body for one of the three addresses, and 404 for any other."""
    workers = board.workers
    if path == "/live":
        return HTTPStatus.OK, _JSON, json.dumps({"status": "live", "version": __version__})
    if path == "/ready":
        ready = board.open and workers > 0
        state = "ready" if ready else "starting" if board.open else "stopping"
        told = json.dumps({"status": state, "workers": workers, "version": __version__})
        return HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, _JSON, told
    if path == "/metrics":
        return HTTPStatus.OK, CONTENT_TYPE, board.text(__version__)
    return HTTPStatus.NOT_FOUND, _JSON, json.dumps({"status": "not found"})


class _Answering(BaseHTTPRequestHandler):
    """GET and HEAD of the three addresses; any other method is refused with what was expected."""

    server: "_Server"
    timeout = _CLIENT_TIMEOUT_S

    def __getattr__(self, name: str) -> Callable[[], None]:
        # The library looks for a method named do_ and whatever a client calls its method.
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._answer if name in ("do_GET", "do_HEAD") else self._refuse

    def log_message(self, *_: object) -> None:
        return

    def _answer(self) -> None:
        self._send(*answer(self.path.partition("?")[0], self.server.board))

    def _refuse(self) -> None:
        self.close_connection = True  # a body that nobody reads may follow
        told = json.dumps({"status": "GET or HEAD expected"})
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, _JSON, told, ("Allow", "GET, HEAD"))

    def _send(self, status: HTTPStatus, kind: str, text: str, *more: tuple[str, str]) -> None:
        body = text.encode()
        self.send_response_only(status)
        length = ("Content-Length", str(len(body)))
        for name, value in (("Content-Type", kind), length, ("Cache-Control", "no-store"), *more):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    """The server of a socket that listens already; it ends with the process `parent`."""

    def __init__(self, listener: socket.socket, board: Board, parent: int) -> None:
        super().__init__(listener.getsockname()[:2], _Answering, bind_and_activate=False)
        self.socket.close()
        self.socket, self.board, self._parent = listener, board, parent

    def service_actions(self) -> None:
        if os.getppid() != self._parent:
            os._exit(0)

    def handle_error(self, *_: object) -> None:
        return  # a client that went away


def _serve(listener: socket.socket, board: Board, parent: int) -> None:
    # Whoever stops us stops the parent, which ends this process last: it says "stopping" until then.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    _Server(listener, board, parent).serve_forever(poll_interval=_PARENT_CHECK_S)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
