"""The production server as a process of its own, on a free port of loopback."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/cds-services")


@dataclass(frozen=True)
class Answered:
    """What came back for one request."""

    status: int
    headers: dict[str, str]
    body: Any


def post(port: int, service: str, request: Any, timeout: float = 20) -> Answered:
    """One hook call over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        connection.request("POST", f"/cds-services/{service}", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return Answered(response.status, dict(response.getheaders()), json.loads(response.read()))
    finally:
        connection.close()


@dataclass(frozen=True)
class Serving:
    """A running server: its port, and its master process."""

    port: int
    pid: int

    @property
    def workers(self) -> list[int]:
        """The process ids of those that answer calls: the children that hold the listening socket of the port."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        listening = _listening(self.port)
        return [int(child) for child in children if listening in open_sockets(int(child))]

    def resident_mb(self) -> list[float]:
        """Resident memory of each worker."""
        return [_status(worker, "VmRSS") / 1024 for worker in self.workers]

    def threads(self) -> int:
        """Of all workers."""
        return sum(_status(worker, "Threads") for worker in self.workers)

    def sockets(self) -> int:
        """Open ones of all workers."""
        return sum(len(open_sockets(worker)) for worker in self.workers)


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _listening(port: int) -> str:
    """The socket that listens on a port of loopback, as the links of /proc name it."""
    rows = (row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
    return next(f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port)


def open_sockets(pid: int) -> list[str]:
    """The open sockets of a process, as the links of /proc name them."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.append(str(link.readlink()))
    return [target for target in found if target.startswith("socket:")]


@contextmanager
def serving(folder: Path, configuration: str) -> Iterator[Serving]:
    """`infliximab-cds serve` with this configuration; it is ended by its process id."""
    config = folder / "site.toml"
    config.write_text(configuration, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "cds_service.cli", "serve", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert process.stderr is not None
    try:
        told = ""
        for line in process.stderr:
            told += line
            if found := ADDRESS.search(line):
                break
        else:
            raise AssertionError(told)
        threading.Thread(target=process.stderr.read, daemon=True).start()  # or a full pipe would stop it
        yield Serving(int(found[1]), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stderr.close()
