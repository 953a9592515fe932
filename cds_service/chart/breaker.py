"""A server that does not answer is left alone for a while, so that nobody waits for it in vain.

Question: is it worth asking this server now? Source: the circuit breaker of M. Nygard, Release It! (2018, chapter 5).
"""

from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

MOST_FAILURES = 5  # J: reads in a row without an answer
REST_SECONDS = 5.0  # J: then one call tries again


@dataclass(slots=True)
class Breaker:
    """What the reads of one process found at one server. Any answer closes it again, also a refusal or an error."""

    failures: int = 0
    resting_until: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def admits(self) -> bool:
        """Whether it is worth asking."""
        return self.failures < MOST_FAILURES or monotonic() >= self.resting_until

    def asked(self) -> None:
        """A read begins: the first one after a rest tries for all others, which wait on."""
        with self._lock:
            self._rest()

    def heard(self, *, answered: bool) -> None:
        """A read came to its end."""
        with self._lock:
            self.failures = 0 if answered else self.failures + 1
            self._rest()

    def _rest(self) -> None:
        if self.failures >= MOST_FAILURES:
            self.resting_until = monotonic() + REST_SECONDS
