"""The production server as a process of its own on free ports of loopback, with everything that it prints in files."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICE = "infliximab-order-sign"
SIGN = f"/cds-services/{SERVICE}"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RealServer:
    """A running `serve`: `port` is that of the EHR, `second` that of those who run it."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    port: int = 0
    second: int = 0

    def ask(self, port: int, method: str, path: str, body: str | bytes | None = None, **headers: str) -> Answer:
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read().decode())

    def post(self, request: Any, path: str = SIGN, **headers: str) -> Answer:
        """One hook call."""
        return self.ask(self.port, "POST", path, json.dumps(request), **JSON, **headers)

    def look(self, path: str) -> Answer:
        """A look at the second port."""
        return self.ask(self.second, "GET", path)

    def count(self, series: str) -> float:
        """What a series says now; 0 where it does not exist."""
        found = re.search(rf"^infliximab_cds_{re.escape(series)} (\S+)$", self.look("/metrics").body, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def printed(self) -> str:
        """Everything that it printed."""
        return self.folder.joinpath("stderr").read_text("utf-8") + self.folder.joinpath("stdout").read_text("utf-8")

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What it logged, all of it or the events of one name."""
        lines = self.folder.joinpath("stderr").read_text("utf-8").splitlines()
        return [event for line in lines if (event := json.loads(line))["event"] == name or name is None]

    @property
    def children(self) -> list[int]:
        """The process ids of the workers and of the second port."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]

    @property
    def workers(self) -> list[int]:
        """The process ids of those that answer calls: they hold the listening socket of the port."""
        listening = _listening(self.port)
        return [child for child in self.children if listening in open_sockets(child)]

    def resident_mb(self) -> list[float]:
        """Resident memory of each worker."""
        return [_status(worker, "VmRSS") / 1024 for worker in self.workers]

    def page_faults(self) -> int:
        """How often the workers took a page of memory from the system so far."""
        stats = (Path(f"/proc/{worker}/stat").read_text(encoding="ascii") for worker in self.workers)
        return sum(int(stat.rpartition(")")[2].split()[7]) for stat in stats)

    def threads(self) -> int:
        """Of all workers."""
        return sum(_status(worker, "Threads") for worker in self.workers)

    def sockets(self) -> int:
        """Open ones of all workers."""
        return sum(len(open_sockets(worker)) for worker in self.workers)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        self.process.send_signal(how)
        return self.process.wait(10)


def open_sockets(pid: int) -> list[str]:
    """The open sockets of a process, as the links of /proc name them."""
    found = []
    with suppress(OSError):  # it ended meanwhile
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found.append(str(link.readlink()))
    return [target for target in found if target.startswith("socket:")]


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _listening(port: int) -> str:
    """The socket that listens on a port of loopback, as the links of /proc name it."""
    rows = (row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
    return next(f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port)


@contextmanager
def serving(
    folder: Path, more: str = "", *, server: str = "", log_level: str = "debug", workers: int = 2, threads: int = 4
) -> Iterator[RealServer]:
    """`serve` in this folder. `more` is TOML after [server] and [operations], `server` further lines of [server]."""
    config = folder / "site.toml"
    config.write_text(
        f"[server]\nport = 0\nworkers = {workers}\nthreads = {threads}\n{server}\n"
        f'[operations]\nlog_format = "json"\nlog_level = "{log_level}"\n{more}\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "cds_service.cli", "serve", "--config", str(config)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with folder.joinpath("stdout").open("wb") as out, folder.joinpath("stderr").open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
    running = RealServer(process, folder)
    try:
        wait_until(lambda: "/metrics" in running.printed() or process.poll() is not None)
        printed = running.printed()
        ports = [re.search(rf"http://127\.0\.0\.1:(\d+)/{path}", printed) for path in ("cds-services", "ready")]
        assert all(ports), printed
        running.port, running.second = (int(found[1]) for found in ports if found)
        wait_until(lambda: running.look("/ready").status == 200)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(happens: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
