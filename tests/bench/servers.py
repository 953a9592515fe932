"""Start a measured server, wait until it serves, end it by its process id."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVE = Path(__file__).with_name("serve.py")
STOP_TIMEOUT_S = 10
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server on loopback. `pid` is its master where it forks workers."""

    port: int
    pid: int

    def resident_mb(self) -> list[float]:
        """Resident memory of each worker in MB (VmRSS, which counts pages shared with the master too)."""
        return [_resident_mb(worker) for worker in self._workers()]

    def cpu_ms(self) -> float:
        """Processor time that all workers used so far."""
        stats = (Path(f"/proc/{worker}/stat").read_text(encoding="ascii") for worker in self._workers())
        return sum(int(ticks) for stat in stats for ticks in stat.rpartition(")")[2].split()[11:13]) * _TICK_MS

    def own_mb(self) -> list[float]:
        """Memory of each worker that it shares with nobody, in MB."""
        return [_own_mb(worker) for worker in self._workers()]

    def _workers(self) -> list[int]:
        workers = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return [int(worker) for worker in workers or [str(self.pid)]]


@contextmanager
def started(kind: str, *options: str) -> Iterator[Server]:
    """A server of serve.py in a process group of its own, so that Ctrl-C reaches only us and we end it."""
    command = [sys.executable, str(SERVE), kind, *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        yield Server(_read_port(process, kind), process.pid)
    finally:
        _stop(process)


def _read_port(process: "subprocess.Popen[str]", kind: str) -> int:
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith("READY "):
        raise RuntimeError(f"the server {kind!r} did not start")
    return int(line.split()[1])


def _own_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty"))) / 1024


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
