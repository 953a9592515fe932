"""The production server: gunicorn with threads, loaded once before it forks, and a process for the second port."""

import ctypes
import gc
import signal
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn has no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from cards.suggest import load_timing_check
from cards.wording import load_wording
from cds_service import __version__
from cds_service.errors import ConfigurationError
from cds_service.operations.log import catch_what_nobody_catches, tell
from cds_service.operations.metrics import Board, open_board
from cds_service.operations.port import Watch

GRACE_SECONDS = 3  # a hook call ends within its deadline; SIGTERM ends us within 5 s
SPARE_THREADS = 4  # of each process, to turn away who finds all places and all waiting places taken

KEPT_MEMORY = {-8: 1, -3: 32 << 20, -1: 32 << 20}  # mallopt: M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's own logger without handlers of its own: what it says passes our gate."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


_OPTIONS = {
    "worker_class": "gthread",
    "preload_app": True,
    "graceful_timeout": GRACE_SECONDS,
    "timeout": 30,
    "keepalive": 5,
    "loglevel": "warning",
    "logger_class": _Log,
    "errorlog": None,
    "control_socket_disable": True,
}


class _Overseer(Arbiter):  # type: ignore[misc]
    """gunicorn's arbiter, which also says on the board what it does, and keeps the second port running."""

    def manage_workers(self) -> None:
        super().manage_workers()
        if self.app.watch:
            self.app.watch.keep_running(*(listener.sock for listener in self.LISTENERS))

    def kill_worker(self, pid: int, sig: int) -> None:
        if (worker := self.WORKERS.get(pid)) and sig in (signal.SIGTERM, signal.SIGQUIT):
            worker.may_end = True
        super().kill_worker(pid, sig)

    def stop(self, graceful: bool = True) -> None:
        if self.app.board.open:
            self.app.board.mark(0, serving=False)
            tell("stopping")
        super().stop(graceful)


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, app: Flask, options: dict[str, Any], board: Board, watch: Watch | None) -> None:
        self._app, self._options = app, options
        self.board, self.watch = board, watch
        super().__init__()

    def load_config(self) -> None:
        hooks = {
            "when_ready": self._begin,
            "pre_fork": self._give_row,
            "post_fork": lambda _server, worker: self.board.take_row(worker.row),
            "child_exit": self._tell_ended,
            "on_exit": self._end_watch,
        }
        for name, value in {**self._options, **hooks}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app

    def run(self) -> None:
        _Overseer(self).run()

    def _begin(self, _server: Any) -> None:
        load_and_freeze()
        self.board.mark(0, serving=True)

    def _give_row(self, server: Any, worker: Any) -> None:
        taken = {other.row for other in server.WORKERS.values()}
        worker.row = next(row for row in range(1, self.board.rows) if row not in taken)

    def _tell_ended(self, _server: Any, worker: Any) -> None:
        self.board.mark(worker.row, serving=False)
        if self.board.open and not getattr(worker, "may_end", False):
            self.board.add("workers_ended_total")
            tell("worker_ended")

    def _end_watch(self, _server: Any) -> None:
        if self.watch:
            self.watch.end()


def load_and_freeze() -> None:
    """Load what the first card and the first suggestion would load in every worker; leave all of it to no collector."""
    load_wording()
    load_timing_check()
    gc.collect()
    gc.freeze()


def keep_memory() -> None:
    """Let glibc keep what it freed, for all threads together, instead of giving it back to the system.

    The arrays of a forecast are made anew for each card; taking their pages from the system again took longer than to
    compute with them. Other C libraries have no such setting and go on as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        for setting, value in KEPT_MEMORY.items():
            mallopt(setting, value)


def open_port(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises ConfigurationError if the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"cannot listen on {host}:{port}: {reason}") from error
    return listener


def run_server(
    app: Flask,
    listener: socket.socket,
    *,
    workers: int,
    threads: int,
    second_port: socket.socket | None = None,
    when_serving: Callable[[], None] | None = None,
) -> None:
    """Serve on the listener, which is taken over, until SIGTERM or SIGINT; never returns. `threads` answer calls.

    On `second_port`, if there is one, health and metrics are served. `when_serving` is called once, in the first
    worker. The application is loaded before the fork and its objects are frozen out of the garbage collector, so that
    the workers share its memory.
    """
    catch_what_nobody_catches()
    keep_memory()
    board = open_board(4 * workers + 8)  # while workers are exchanged, once or again, there are more

    def announce(worker: Any) -> None:
        board.mark(worker.row, serving=True)
        if worker.age == 1:
            if when_serving:
                when_serving()
            tell("started", version=__version__, workers=workers, threads=threads)

    chosen = {"bind": [f"fd://{listener.detach()}"], "workers": workers, "threads": 2 * threads + SPARE_THREADS}
    watch = Watch(second_port, board) if second_port else None
    _Server(app, {**_OPTIONS, **chosen, "post_worker_init": announce}, board, watch).run()
