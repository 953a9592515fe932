"""The tokens that were used already: one file, shared by all processes of this machine, that outlives a restart.

Question: is this the first time that we see this token?
Source: CDS Hooks, best practices (jti); OWASP ASVS 5.0 V9.2. Write-ahead logging without a flush of each commit: an
entry outlives the end of any process; a loss of power may take the newest ones, for the minutes that a token lives.
"""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from cds_service.errors import ConfigurationError

FILE = "used-tokens.sqlite3"
BUSY_SECONDS = 0.2
PURGE_SECONDS = 60

_FORM = """
CREATE TABLE IF NOT EXISTS used (issuer TEXT, token TEXT, until REAL, PRIMARY KEY (issuer, token)) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX IF NOT EXISTS used_until ON used (until)"
_ENTRY = "INSERT INTO used VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_PURGE = "DELETE FROM used WHERE until < ?"


class UsedTokens:
    """The entries of one folder. Threads share one connection; each process opens its own with its first token."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = folder / FILE, clock
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._purge_at = 0.0

    def prepare(self) -> None:
        """Make folder and file where they are missing, and keep nothing open.

        Raises ConfigurationError where that cannot be done.
        """
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            connection = self._open()
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(_FORM)
                connection.execute(_INDEX)
            finally:
                connection.close()
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(
                f"server.state_folder: a folder that the service may write to expected, {self._file}: {reason}"
            ) from error

    def take(self, issuer: str, token_id: str, until: float) -> bool:
        """Whether a token was not used before; from now on it is, until an instant in seconds since 1970.

        Raises sqlite3.Error where that cannot be written down.
        """
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise sqlite3.OperationalError("the file is in use")
        try:
            self._connection = self._connection or self._open()
            first = self._connection.execute(_ENTRY, (issuer, token_id, until)).rowcount == 1
            if (now := self._clock()) >= self._purge_at:
                self._purge_at = now + PURGE_SECONDS
                self._connection.execute(_PURGE, (now,))
            return first
        finally:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection
