"""The production server: gunicorn with threads, loaded once before it forks."""

import gc
import logging
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn has no types

from cards.suggest import load_timing_check
from cards.wording import load_wording
from cds_service.errors import ConfigurationError

GRACE_SECONDS = 3  # a hook call ends within its deadline; SIGTERM ends us within 5 s
SPARE_THREADS = 4  # of each process, to turn away who finds all places and all waiting places taken


def _load_and_freeze(_server: Any) -> None:
    # What would otherwise be loaded by the first card and by the first suggestion, in every worker.
    load_wording()
    load_timing_check()
    gc.collect()
    gc.freeze()


_OPTIONS = {
    "worker_class": "gthread",
    "preload_app": True,
    "graceful_timeout": GRACE_SECONDS,
    "timeout": 30,
    "keepalive": 5,
    "loglevel": "warning",
    "control_socket_disable": True,
    "when_ready": _load_and_freeze,
}


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self._app, self._options = app, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app


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
    when_serving: Callable[[], None] | None = None,
) -> None:
    """Serve on the listener, which is taken over, until SIGTERM or SIGINT; never returns. `threads` answer calls.

    `when_serving` is called once, in the first worker. The application is loaded before the fork and its objects are
    frozen out of the garbage collector, so that the workers share its memory.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def announce(worker: Any) -> None:
        if when_serving and worker.age == 1:
            when_serving()

    chosen = {"bind": [f"fd://{listener.detach()}"], "workers": workers, "threads": 2 * threads + SPARE_THREADS}
    _Server(app, {**_OPTIONS, **chosen, "post_worker_init": announce}).run()
