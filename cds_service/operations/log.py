"""The log: one line per event on standard error, of named events and named fields only.

Question: what happened, without a word of what was sent or received? `tell` is the only way into the log; what
libraries log passes the same gate and loses its message, because that may hold an address with a patient's id.
Source: OWASP ASVS 5.0 V14.2.1, V16.2.5, V16.4.1, V16.5.4.
"""

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any

import structlog

from cds_service.operations.events import MOST, MOST_ROWS, listed

LEVELS = ("debug", "info", "warning", "error")


class UnlistedField(UserWarning):
    """An event, field or value that events.toml does not allow. It was dropped; a defect of ours."""


def tell(event: str, /, *, level: str = "", **fields: object) -> None:
    """Log one event of events.toml, at its usual level unless another one is given. A field of None is not said."""
    known = listed().events.get(event)
    method = getattr(structlog.get_logger(), level or (known.level if known else "error"))
    with suppress(OSError):  # where nobody reads the log any more, calls are answered all the same
        method(event, **{name: value for name, value in fields.items() if value is not None})


def told_of(error: BaseException | None) -> dict[str, Any]:
    """What may be said of an exception: classes, and the module and line of each place. Never its text."""
    if error is None:
        return {}
    frames = [
        f"{frame.f_globals.get('__name__', '?')}:{line}"[-MOST:]
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    behind = [type(cause).__name__ for cause in _causes(error)]
    return {"error": type(error).__name__, "because": behind or None, "frames": frames[-MOST_ROWS:] or None}


def set_up_log(level: str = "warning", *, readable: bool = True) -> None:
    """From now on tell what is at least of this level, as JSON or in a form for a terminal; libraries too."""
    _configure(level, readable=readable)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Gate)]:
        root.removeHandler(handler)
    root.addHandler(_Gate())
    root.setLevel(level.upper())


def catch_what_nobody_catches() -> None:
    """Let warnings, and exceptions that end a thread or the process, be told like any other: not printed as text."""
    logging.captureWarnings(capture=True)
    threading.excepthook = lambda caught: tell("defect", **told_of(caught.exc_value))
    sys.unraisablehook = lambda caught: tell("defect", **told_of(caught.exc_value))
    sys.excepthook = _tell_uncaught


def keep_listed(_logger: Any, _method: str, told: Any) -> Any:
    """The link of structlog's chain that drops everything that is not on the list, with a warning for developers."""
    event = listed().events.get(told["event"])
    if event is None:
        warnings.warn(f"event {told['event']!r} is not listed", UnlistedField, stacklevel=2)
        raise structlog.DropEvent
    kept = {"event": told["event"]}
    for name, value in told.items():
        if name == "event":
            continue
        cleaned = listed().fields[name].cleaned(value) if name in event.fields else None
        if cleaned is None:
            warnings.warn(
                f"{told['event']}.{name} is not listed, or not with such a value", UnlistedField, stacklevel=2
            )
        else:
            kept[name] = cleaned
    return kept


def _configure(level: str, *, readable: bool) -> None:
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False) if readable else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            keep_listed,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    cause = error.__cause__ or error.__context__
    while cause is not None and id(cause) not in seen and len(seen) < MOST_ROWS:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


class _Gate(logging.Handler):
    """Tells that a library logged, and where; not what."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        tell(
            "library",
            level=LEVELS[max(0, min(3, record.levelno // 10 - 1))],
            logger=record.name[:MOST],
            place=f"{record.module}:{record.lineno}"[-MOST:],
            **told_of(error),
        )


def _tell_uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    tell("defect", **told_of(error))


_configure("warning", readable=True)
