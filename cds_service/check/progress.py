"""How far a long reading has come: one line on a terminal that is rewritten in place, else a line every few seconds."""

from collections.abc import Callable
from time import monotonic
from typing import TextIO

EVERY_SECONDS = 5.0  # between two lines where nothing can be rewritten
WIDTH = 30


class Progress:
    """Counts up to `total`; `what` names what is counted ("charts"). Writes nothing to a short reading's log."""

    def __init__(self, stream: TextIO, total: int, what: str, timer: Callable[[], float] = monotonic) -> None:
        self._stream, self._total, self._what, self._timer = stream, total, what, timer
        self._in_place = stream.isatty()
        self._began = self._told = timer()

    def tell(self, done: int) -> None:
        """Show that so many are done."""
        now = self._timer()
        if self._in_place:
            self._write(f"\r[{self._bar(done)}] {self._line(done, now)}\x1b[K")
        elif now - self._told >= EVERY_SECONDS:
            self._told = now
            self._write(self._line(done, now) + "\n")

    def end(self) -> None:
        """Leave the terminal's line empty for what comes next."""
        if self._in_place:
            self._write("\r\x1b[K")

    def _bar(self, done: int) -> str:
        return ("#" * (WIDTH * done // max(self._total, 1))).ljust(WIDTH, ".")

    def _line(self, done: int, now: float) -> str:
        line = f"{done} of {self._total} {self._what}"
        left = (now - self._began) / done * (self._total - done) if done else 0.0
        return f"{line}, about {left:.0f} s left" if left >= 1 else line

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
