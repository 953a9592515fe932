"""Load on the real server, every answer held against its golden card: `make load`, and for a long time `make soak`.

Question: how many orders does one small machine answer in time, what happens to the others, and does an hour wear the
server out? It measures and prints; it fails for a wrong answer, a 500 or a lost call, never for a slow one. Targets
stand beside the figures (docs/operate.md); load, FHIR server and service share the cores of the machine.
"""

import argparse
import asyncio
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter

from cds_service.hooks import clock
from tests.load import orders
from tests.load.open_loop import Client, Order, Tally, offer, saturate
from tests.service.real_server import RealServer, serving

FHIR_LATENCY_MS = 50
DOCUMENTED = frozenset({200, 503})
WITHOUT_CHART = DOCUMENTED | {412}  # while the FHIR server fails


@dataclass(frozen=True, slots=True)
class Target:
    """What is aimed at: calls per second, and the 99th percentile of their times in ms."""

    name: str
    rate: float
    p99_ms: float


NOT_OURS = Target("orders of another drug", 300, 50)
PREFETCHED = Target("infliximab, chart prefetched", 150, 150)
ON_THE_SERVER = Target(f"infliximab, FHIR server at {FHIR_LATENCY_MS} ms", 100, 300)


class FhirProcess:
    """The FHIR server as a process of its own; `fail` makes it misbehave for so many seconds."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process, self.base = process, f"http://127.0.0.1:{port}/fhir"

    def fail(self, how: str, seconds: float) -> None:
        """`fail`: 503; `hang`: no answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{how} {seconds}\n")
        self._process.stdin.flush()


@contextmanager
def fhir_server(as_of: datetime) -> Iterator[FhirProcess]:
    """It ends with its input."""
    command = [sys.executable, "-m", "tests.load.fhir_server", "--latency-ms", str(FHIR_LATENCY_MS)]
    command += ["--as-of", as_of.isoformat()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield FhirProcess(process, int(process.stdout.readline().split()[1]))
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def main() -> None:
    """Measure, print, and end with 1 where an answer was wrong, lost or a defect."""
    options = _options()
    as_of = clock.now()
    print(f"Command  {shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]])}")
    print(
        f"Machine  {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at start, Python {platform.python_version()}"
    )
    with ExitStack() as stack:
        fhir = stack.enter_context(fhir_server(as_of))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-")))
        run = Run(as_of, fhir, folder, options)
        faults = asyncio.run(run.soak() if options.minutes else run.load())
    sys.exit(1 if faults else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Load on the real server, with every answer compared.")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each round (default 20)")
    parser.add_argument("--workers", type=int, default=3, help="processes of the service (default 3)")
    parser.add_argument("--threads", type=int, default=16, help="calls answered at once by each (default 16)")
    parser.add_argument("--calls", type=int, default=10_000, help="calls with crossed patients (default 10,000)")
    parser.add_argument("--minutes", type=float, default=0.0, help="soak for so long instead")
    parser.add_argument("--rate", type=float, default=50.0, help="calls per second of a soak (default 50)")
    return parser.parse_args()


class Run:
    """One campaign: what it is asked, and the faults that it found."""

    def __init__(self, as_of: datetime, fhir: FhirProcess, folder: Path, options: argparse.Namespace) -> None:
        self._fhir, self._folder, self._options = fhir, folder, options
        self._not_ours = orders.of_another_drug(as_of)
        self._prefetched = orders.prefetched(as_of)
        self._on_the_server = orders.on_the_server(as_of, fhir.base)
        self._faults: list[str] = []

    def _serving(self, *, workers: int, threads: int) -> AbstractContextManager[RealServer]:
        more = f'[fhir]\nallowed_servers = ["{self._fhir.base}"]'
        return serving(self._folder, more, workers=workers, threads=threads, log_level="info")

    async def load(self) -> list[str]:
        """The rounds of `make load`."""
        with self._serving(workers=self._options.workers, threads=self._options.threads) as server:
            client = Client(server.port)
            await saturate(client, self._not_ours + self._prefetched + self._on_the_server, 8, 3)  # warm
            print("\nOpen loop: calls leave at a fixed rate. Times in ms from the moment at which a call was due.")
            print(
                f"{'':<38}{'offered/s':>10}{'right/s':>9}{'p50':>8}{'p95':>8}{'p99':>8}  not 200, lost, wrong; target"
            )
            for target, work in (
                (NOT_OURS, self._not_ours),
                (PREFETCHED, self._prefetched),
                (ON_THE_SERVER, self._on_the_server),
            ):
                tally = await offer(client, work, target.rate, self._options.seconds)
                self._tell(target.name, tally, DOCUMENTED, f"{target.rate:g}/s, p99 < {target.p99_ms:g}")
            await self._most_it_can(client)
            await self._crossed(client)
            print(f"Resident memory of the workers: {', '.join(f'{mb:.0f} MB' for mb in server.resident_mb())}")
            client.close()
        await self._overload()
        return self._done()

    async def _most_it_can(self, client: Client) -> None:
        print("\nClosed loop, 8 callers that ask again at once: the most that this machine does, client included.")
        for name, work in (
            (NOT_OURS.name, self._not_ours),
            (PREFETCHED.name, self._prefetched),
            (ON_THE_SERVER.name, self._on_the_server),
        ):
            self._tell(name, await saturate(client, work, 8, self._options.seconds / 2), DOCUMENTED, "")

    async def _crossed(self, client: Client) -> None:
        """Neighbouring calls are always of different children, so an answer that went astray is seen."""
        print(f"\nCrossed patients: {self._options.calls} calls, 16 at a time, prefetch and FHIR server in turn.")
        pairs = zip(self._prefetched, self._on_the_server, strict=True)
        tally, begun = Tally(), perf_counter()
        left = iter([order for _, order in zip(range(self._options.calls), _around(list(pairs)), strict=False)])

        async def ask() -> None:
            for order in left:
                await client.call(order, perf_counter(), tally)

        await asyncio.gather(*(ask() for _ in range(16)))
        tally.seconds = perf_counter() - begun
        self._tell("answers of another child or wrong", tally, DOCUMENTED, "0 wrong")

    async def _overload(self) -> None:
        """Server and load on a core each, small bodies, ten times of what the server can do."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            print("\nOverload: two cores are needed, not run.")
            return
        os.sched_setaffinity(0, {cores[0]})
        with self._serving(workers=1, threads=self._options.threads) as server:
            os.sched_setaffinity(0, {cores[1]})
            client = Client(server.port, 2000)
            await saturate(client, self._not_ours, 8, 2)
            most = await saturate(client, self._not_ours, 8, self._options.seconds / 2)
            calm = most.goodput / 2
            print("\nOverload: service on one core, load on the other, small orders of another drug.")
            self._tell("the most it can do", most, DOCUMENTED, "")
            before = await offer(client, self._not_ours, calm, self._options.seconds / 2)
            self._tell("half of that", before, DOCUMENTED, "")
            ten_times = most.goodput * 10
            many = await offer(client, self._not_ours, ten_times, self._options.seconds, as_many_as_can=True)
            target = f"right/s >= {most.goodput * 0.8:.0f}, p99 < 2000"
            self._tell("ten times, or all that the client can", many, DOCUMENTED, target, lost_counts=False)
            after = await offer(client, self._not_ours, calm, 10)
            self._tell("half of it again, the next 10 s", after, DOCUMENTED, f"p99 {before.percentile(99):.0f} again")
            client.close()
        os.sched_setaffinity(0, set(cores))

    async def soak(self) -> list[str]:
        """A day's mixture for a long time; in the second half the FHIR server fails or hangs every few minutes."""
        minutes, rate = self._options.minutes, self._options.rate
        mixture = _mixture(self._not_ours, self._prefetched, self._on_the_server)
        with self._serving(workers=self._options.workers, threads=self._options.threads) as server:
            client = Client(server.port)
            print(f"\nSoak: {rate:g} calls/s for {minutes:g} minutes; six in ten of another drug.")
            print("minute  right/s     p50     p99  MB of each worker  threads  sockets  fault; not 200, lost, wrong")
            first: list[float] = []
            threads = 0
            for minute in range(int(minutes)):
                fault = _fault(minute, minutes)
                if fault:
                    self._fhir.fail(fault, 15)
                tally = await offer(client, mixture, rate, 60)
                megabytes = server.resident_mb()
                first, threads = first or megabytes, threads or server.threads()
                shown = " ".join(f"{mb:.1f}" for mb in megabytes)
                print(
                    f"{minute + 1:>6}{tally.goodput:>9.1f}{tally.percentile(50):>8.1f}{tally.percentile(99):>8.1f}"
                    f"  {shown:<17}{server.threads():>9}{server.sockets():>9}  {fault or '-'}; {_others(tally)}",
                    flush=True,
                )
                self._judge(f"minute {minute + 1}", tally, WITHOUT_CHART if fault else DOCUMENTED)
            growth = max(after - before for before, after in zip(first, server.resident_mb(), strict=True))
            started = (server.threads() - threads) / len(first)
            print(
                f"Memory of a worker grew by at most {growth:.1f} MB after the first minute, while it started "
                f"{started:.0f} threads (target: less than 1 MB an hour without new ones)."
            )
            client.close()
        return self._done()

    def _tell(
        self, name: str, tally: Tally, documented: frozenset[int], target: str, *, lost_counts: bool = True
    ) -> None:
        times = "".join(f"{tally.percentile(percent):>8.1f}" for percent in (50, 95, 99))
        rates = f"{tally.offered / tally.seconds:>10.0f}{tally.goodput:>9.0f}"
        print(f"{name:<38}{rates}{times}  {_others(tally)}{f'; {target}' if target else ''}", flush=True)
        self._judge(name, tally, documented, lost_counts=lost_counts)

    def _judge(self, name: str, tally: Tally, documented: frozenset[int], *, lost_counts: bool = True) -> None:
        unexpected = Counter({s: n for s, n in tally.statuses.items() if s not in documented})
        if unexpected or tally.wrong or (tally.lost and lost_counts):
            self._faults.append(f"{name}: {dict(unexpected)} {dict(tally.lost)} {tally.wrong[:3]}")

    def _done(self) -> list[str]:
        print("\nFaults: " + ("none" if not self._faults else ""))
        for fault in self._faults:
            print(f"  {fault}")
        return self._faults


def _around(pairs: list[tuple[Order, Order]]) -> Iterator[Order]:
    while True:
        for prefetched, on_the_server in pairs:
            yield prefetched
            yield on_the_server


def _mixture(not_ours: list[Order], prefetched: list[Order], on_the_server: list[Order]) -> list[Order]:
    mixed = []
    for number, (other, whole, asked) in enumerate(zip(not_ours, prefetched, on_the_server, strict=True)):
        mixed += [other, other, whole] + ([other, whole, asked] if number % 2 else [other])
    return mixed


def _fault(minute: int, minutes: float) -> str:
    second_half = minute >= minutes / 2
    return ("fail", "hang")[minute // 5 % 2] if second_half and minute % 5 == 0 else ""


def _others(tally: Tally) -> str:
    refused = ", ".join(f"{count} x {status}" for status, count in sorted(tally.statuses.items()) if status != 200)
    lost = ", ".join(f"{count} {why}" for why, count in tally.lost.items())
    return f"{refused or 0}, {lost or 0}, {len(tally.wrong)}"


if __name__ == "__main__":
    main()
