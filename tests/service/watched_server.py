"""The real server as a process of its own, with everything that it prints kept in files."""

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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIGN = "/cds-services/infliximab-order-sign"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class RealServer:
    """A running `serve`: `port` is that of the EHR, `second` that of those who run it."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    port: int = 0
    second: int = 0

    def ask(self, port: int, method: str, path: str, body: str | bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read().decode())

    def post(self, request: Any, path: str = SIGN) -> Answer:
        return self.ask(self.port, "POST", path, json.dumps(request), **JSON)

    def look(self, path: str) -> Answer:
        return self.ask(self.second, "GET", path)

    def count(self, series: str) -> float:
        """What a series says now; 0 where it does not exist."""
        found = re.search(rf"^infliximab_cds_{re.escape(series)} (\S+)$", self.look("/metrics").body, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def printed(self) -> str:
        return self.folder.joinpath("stderr").read_text("utf-8") + self.folder.joinpath("stdout").read_text("utf-8")

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        lines = self.folder.joinpath("stderr").read_text("utf-8").splitlines()
        return [event for line in lines if (event := json.loads(line))["event"] == name or name is None]

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(10)


@contextmanager
def serving(folder: Path, more: str = "", *, workers: int = 2, threads: int = 4) -> Iterator[RealServer]:
    """`serve` in this folder, at debug level unless `more` says otherwise; `more` is TOML, below [operations]."""
    config = folder / "site.toml"
    config.write_text(
        f"[server]\nport = 0\nworkers = {workers}\nthreads = {threads}\n"
        f'[operations]\nlog_format = "json"\n{more or "log_level = " + chr(34) + "debug" + chr(34)}\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "cds_service.cli", "serve", "--config", str(config)]
    with folder.joinpath("stdout").open("wb") as out, folder.joinpath("stderr").open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=folder, env={**os.environ})
    server = RealServer(process, folder)
    try:
        wait_until(lambda: "/metrics" in server.printed() or process.poll() is not None)
        printed = server.printed()
        ports = [re.search(rf"http://127\.0\.0\.1:(\d+)/{path}", printed) for path in ("cds-services", "ready")]
        assert all(ports), printed
        server.port, server.second = (int(found[1]) for found in ports if found)
        wait_until(lambda: server.look("/ready").status == 200)
        yield server
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_until(happens: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
