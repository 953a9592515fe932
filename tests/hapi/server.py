"""The FHIR server of the integration tests: build it when its sources changed, start it, stop it.

In a test: ``with start() as base_url: ...``. For a developer: ``python tests/hapi/server.py --port 8080``.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE / "target"
JAR = TARGET / "hapi-for-tests.jar"
STAMP = TARGET / "built-from.sha256"

# A small heap, one collector thread and only the quick compiler: measured, 4 s and 50 MB less than without.
JVM_FLAGS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
BUILD_TIMEOUT_S = 900  # the first build downloads 190 MB
STOP_TIMEOUT_S = 20
POLL_S = 0.1
TAIL_LINES = 20


class HapiUnavailable(Exception):
    """The server cannot be built or started here; the first line says why, the tail of the log follows."""

    def __init__(self, reason: str, log: bytes = b"") -> None:
        super().__init__("\n".join([reason, *log.decode(errors="replace").splitlines()[-TAIL_LINES:]]))


@contextmanager
def start(port: int = 0, *, timeout_s: float = 240, db: str | None = None) -> Iterator[str]:
    """Run the server and yield its base URL; port 0 takes a free one, db is a JDBC URL instead of memory.

    timeout_s limits the start; a build that comes before it has its own limit.
    """
    build()
    command = [*_command(port, db), "--stop-with-parent"]
    with tempfile.TemporaryDirectory(prefix="hapi-") as scratch:
        # Files instead of pipes: nobody has to empty them, so the server can never block on a full one.
        said, log = Path(scratch, "stdout"), Path(scratch, "stderr")
        with said.open("wb") as out, log.open("wb") as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            yield _base_url(process, said, log, timeout_s)
        finally:
            _stop(process)


def build() -> None:
    """Run Maven, unless the last build was of the same sources."""
    TARGET.mkdir(exist_ok=True)
    with (TARGET / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may start together
        digest = _digest_of_sources()
        if JAR.exists() and STAMP.exists() and STAMP.read_text() == digest:
            return
        _say("building; the first time downloads 190 MB")
        _run_maven()
        STAMP.write_text(digest)


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in (HERE / "pom.xml", *sorted((HERE / "src").rglob("*"))):
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(HERE)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _run_maven() -> None:
    maven = [_program("mvn"), "-q", "-B", "-f", str(HERE / "pom.xml")]
    try:
        done = subprocess.run(
            [*maven, "package", "dependency:copy-dependencies"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise HapiUnavailable(f"mvn did not end within {BUILD_TIMEOUT_S} s", late.output or b"") from late
    if done.returncode != 0:
        raise HapiUnavailable(f"mvn failed with exit code {done.returncode}", done.stdout)


def _command(port: int, db: str | None) -> list[str]:
    command = [_program("java"), *JVM_FLAGS, "-jar", str(JAR), "--port", str(port)]
    return command if db is None else [*command, "--db", db]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise HapiUnavailable(f"{name} is not on the PATH; the server needs Java 17 and Maven 3.8")
    return found


def _base_url(process: subprocess.Popen[bytes], said: Path, log: Path, timeout_s: float) -> str:
    deadline = time.monotonic() + timeout_s
    while True:
        line = said.read_text()
        if line.startswith("READY ") and line.endswith("\n"):
            return line.split()[1]
        if process.poll() is not None:
            raise HapiUnavailable(f"HAPI ended with exit code {process.returncode}", log.read_bytes())
        if time.monotonic() > deadline:
            raise HapiUnavailable(f"HAPI was not ready within {timeout_s:g} s", log.read_bytes())
        time.sleep(POLL_S)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _say(text: str) -> None:
    print(f"hapi: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Build, then become the server: signals and log go straight to it, no process stands between."""
    parser = argparse.ArgumentParser(description="A real HAPI FHIR R4 server on loopback, for development.")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (default: 8080)")
    parser.add_argument("--db", help="JDBC URL of PostgreSQL (default: in memory, empty at each start)")
    options = parser.parse_args()
    try:
        build()
        command = _command(options.port, options.db)
    except HapiUnavailable as problem:
        sys.exit(f"hapi: {problem}")
    _say("starting, 15 s is usual; a line READY follows; Ctrl-C ends it")
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
