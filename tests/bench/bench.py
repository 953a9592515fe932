"""Speed as ratios, in one run: `make bench`. It measures and prints; it judges nothing and fails for no figure.

Question: what do we cost beside a Flask application that does nothing, and beside the one FHIR query that nobody can
do without? A ratio of two things measured in turns holds on a slow or busy machine; its single figures do not.
"""

import argparse
import json
import os
import platform
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import median
from urllib.parse import urlencode, urlsplit

import requests

from cds_service.hooks import clock
from cds_service.server import keep_memory
from cds_service.site.settings import Settings
from fhir_mappings.searches import fhir_query, load_searches
from tests.bench import reading
from tests.bench.forecasting import measure_forecast, measure_import
from tests.bench.load import Call, Round, ask_once, load, percentile, take_turns
from tests.bench.serve import THREADS, WORKERS
from tests.bench.servers import Server, started
from tests.bench.stages import WHOLE, measure_stages
from tests.bench.workload import ADMINISTRATIONS, OBSERVATIONS, PATH, Workload, build_workload
from tests.hapi.server import start as start_hapi

LATENCY_MS = 50.0
LOOK_BACK = timedelta(days=Settings().fhir.look_back_days)
PAGE_SIZE = Settings().fhir.page_size
OURS = "ours"
CHOICES = {
    "thawed": "With gc.freeze against without",
    "untold": "With log and counts against without",
    "returned": "With memory kept against given back to the system",
}
WARM_UP_S = 1.0


def main() -> None:
    """Measure everything and print it."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: sys.exit(128 + received))  # the servers are ended on the way out
    keep_memory()  # as the service does, for what is measured in this process
    as_of = clock.now()
    work = build_workload(as_of)
    for line in _machine(options):
        print(line)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        service = stack.enter_context(started("service"))
        card = _checked(ask_once(Call(service.port, PATH, work.prefetched_once())), None)
        _print(_prefetch_path(work, service, _saved(card, scratch / "card.json"), options))
        for kind, title in CHOICES.items():
            _print(_choice(kind, title, work.prefetched_once(), service, options))
        _print(_stand_in_path(work, service, card, scratch, options.turns))
        if options.hapi:
            _print(_hapi_path(work, service, card, stack.enter_context(start_hapi()), options.turns))
    _print(reading.told(options.repeats))
    _print(_forecast(options.repeats))
    _print(_stages(work.prefetched_once(), measure_stages(work.prefetched_once(), as_of, options.repeats)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the speed of the service as ratios.")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of rounds, ours and static in turn (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one round (default 2)")
    parser.add_argument("--connections", type=int, default=4, help="keep-alive connections of the client (default 4)")
    parser.add_argument("--turns", type=int, default=20, help="repeats on the FHIR path (default 20)")
    parser.add_argument("--repeats", type=int, default=300, help="repeats of each stage in process (default 300)")
    parser.add_argument("--hapi", action="store_true", help="also read the real HAPI server of tests/hapi")
    return parser.parse_args()


def _machine(options: argparse.Namespace) -> Iterator[str]:
    yield f"Command  {shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]])}"
    yield f"Machine  {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at start, Python {platform.python_version()}"
    yield "         load and servers share the cores, nothing is pinned: read the ratios, not the single figures"
    yield f"Servers  gunicorn {version('gunicorn')}, gthread, {WORKERS} worker, {THREADS} threads, on loopback"
    rounds = f"{options.rounds} rounds of {options.seconds:g} s each, in turns"
    yield f"Client   {options.connections} keep-alive connections, closed loop, {rounds}"


def _print(lines: Iterator[str]) -> None:
    print()
    for line in lines:
        print(line, flush=True)


def _saved(answer: bytes, path: Path) -> str:
    path.write_bytes(answer)
    return str(path)


def _checked(answer: bytes, expected: bytes | None) -> bytes:
    """The answer, if it holds the one card that is expected: a fast wrong answer is no measurement."""
    cards = json.loads(answer)["cards"]
    same = expected is None or [c["detail"] for c in json.loads(expected)["cards"]] == [c["detail"] for c in cards]
    if len(cards) != 1 or not same:
        raise RuntimeError(f"the one card of the prefetch path expected, got {answer[:400]!r}")
    return answer


def _prefetch_path(work: Workload, service: Server, card: str, options: argparse.Namespace) -> Iterator[str]:
    yield f"Prefetch path ({OBSERVATIONS} Observations, {ADMINISTRATIONS} MedicationAdministrations)"
    yield "                                        ours   static   ratio     aim"
    with started("static", "--answer", card) as static:
        for title, body in (
            ("each Observation sent once", work.prefetched_once()),
            ("each under every key that finds it", work.prefetched()),
        ):
            yield f"  {title}, {len(body) / 1000:.0f} KB"
            ours, fixed = _in_turn(Call(service.port, PATH, body), Call(static.port, PATH, body), options)
            yield from _rates(ours, fixed)
        yield _row("resident MB per worker", service.resident_mb()[0], static.resident_mb()[0], aim="< 150")


def _choice(kind: str, title: str, body: bytes, service: Server, options: argparse.Namespace) -> Iterator[str]:
    yield f"{title} ({len(body) / 1000:.0f} KB prefetch, and an order that does not concern us)"
    yield "                                        with  without   ratio"
    order = json.loads(body)
    order["context"]["draftOrders"]["entry"] = []
    with started(kind) as other:
        for name, sent in (("card", body), ("not applicable", json.dumps(order).encode())):
            servers = (service, other)
            begun = [server.cpu_ms() for server in servers]
            ours, without = _in_turn(*(Call(server.port, PATH, sent) for server in servers), options)
            # The seconds of warming up are in the time and, by the rate of the rounds, in the number.
            calls = [
                sum(len(r.latencies_ms) for r in rounds) * (1 + _share_of_warm_up(options))
                for rounds in (ours, without)
            ]
            each = [(server.cpu_ms() - b) / n for server, b, n in zip(servers, begun, calls, strict=True)]
            yield _row(f"{name}: CPU ms each", *each, ratio=each[0] / each[1])
            ratios = sorted(a.per_second / b.per_second for a, b in zip(ours, without, strict=True))
            rates = (median(r.per_second for r in rounds) for rounds in (ours, without))
            yield _row(f"{name}: requests/s", *rates, ratio=median(ratios))
            p99 = (percentile([ms for r in rounds for ms in r.latencies_ms], 99) for rounds in (ours, without))
            yield _row(f"{name}: p99 ms", *p99)
        yield _row("memory of its own, MB", service.own_mb()[0], other.own_mb()[0])


def _share_of_warm_up(options: argparse.Namespace) -> float:
    return float(WARM_UP_S / (options.rounds * options.seconds))


def _in_turn(ours: Call, static: Call, options: argparse.Namespace) -> tuple[list[Round], list[Round]]:
    calls = (ours, static)
    for call in calls:
        load(call, connections=options.connections, seconds=WARM_UP_S)
    rounds: tuple[list[Round], list[Round]] = ([], [])
    for _ in range(options.rounds):
        for call, done in zip(calls, rounds, strict=True):
            done.append(load(call, connections=options.connections, seconds=options.seconds))
    return rounds


def _rates(ours: list[Round], static: list[Round]) -> Iterator[str]:
    ratios = sorted(a.per_second / b.per_second for a, b in zip(ours, static, strict=True))
    rates = (median(r.per_second for r in rounds) for rounds in (ours, static))
    yield _row("requests/s", *rates, ratio=median(ratios), aim=">= 0.25")
    yield f"    {'(ratio of single rounds)':<28}{'':>25}{ratios[0]:.2f}-{ratios[-1]:.2f}"
    pooled = [[ms for r in rounds for ms in r.latencies_ms] for rounds in (ours, static)]
    p50, p99 = ([percentile(values, percent) for values in pooled] for percent in (50, 99))
    yield _row("p50 ms", *p50)
    yield _row("p99 ms", *p99)
    yield _row("p99 / p50", p99[0] / p50[0], p99[1] / p50[1], aim="ours < 5")
    yield _row("client's share of a core", *(median(r.client_share for r in rounds) for rounds in (ours, static)))


def _row(name: str, ours: float, other: float, *, ratio: float | None = None, aim: str = "") -> str:
    shown = "" if ratio is None else f"{ratio:.2f}"
    return f"    {name:<28}{ours:>12.2f} {other:>8.2f} {shown:>7}  {aim}".rstrip()


def _stand_in_path(work: Workload, service: Server, card: bytes, scratch: Path, turns: int) -> Iterator[str]:
    found = _saved(json.dumps(work.found).encode(), scratch / "found.json")
    yield f"FHIR path, stand-in server that answers after {LATENCY_MS:g} ms"
    with started("fhir", "--answer", found, "--latency-ms", str(LATENCY_MS)) as fhir:
        yield from _fhir_path(work, service, card, f"http://127.0.0.1:{fhir.port}", turns)


def _hapi_path(work: Workload, service: Server, card: bytes, base: str, turns: int) -> Iterator[str]:
    yield "FHIR path, real HAPI FHIR server"
    headers = {"Content-Type": "application/fhir+json"}
    requests.post(base, work.transaction(), headers=headers, timeout=120).raise_for_status()
    yield from _fhir_path(work, service, card, base, turns)


def _fhir_path(work: Workload, service: Server, card: bytes, base: str, turns: int) -> Iterator[str]:
    ours = Call(service.port, PATH, work.pulling(base))
    _checked(ask_once(ours), card)
    taken = take_turns({OURS: ours, **dict(_queries(work, base))}, turns)
    p50 = {name: median(times) for name, times in taken.items()}
    slowest = max((name for name in p50 if name != OURS), key=p50.__getitem__)
    yield "                                        ours  slowest   ratio     aim"
    yield _row("p50 ms", p50[OURS], p50[slowest], ratio=p50[OURS] / p50[slowest], aim="< 1.50")
    yield _row("p99 ms", percentile(taken[OURS], 99), percentile(taken[slowest], 99))
    together = sum(p50.values()) - p50[OURS]
    yield f"    slowest single query: {slowest}, of {len(p50) - 1} asked alone, each {turns} times"
    yield f"    all of them one after another: {together:.0f} ms, which a server short of cores needs in parallel too"


def _queries(work: Workload, base: str) -> Iterator[tuple[str, Call]]:
    """Each of our searches as a request of its own, as the service would send it."""
    root = urlsplit(base)
    patient, since = work.request["context"]["patientId"], clock.now() - LOOK_BACK
    for search in load_searches():
        path, parameters = fhir_query(search, patient, since, PAGE_SIZE)
        query = f"?{urlencode(parameters)}" if parameters else ""
        yield search.name, Call(root.port or 80, f"{root.path}/{path}{query}")


def _forecast(repeats: int) -> Iterator[str]:
    yield "Forecast in process, one core (median ms)"
    for name, ms, aim in measure_forecast(repeats):
        yield f"    {name:<34}{ms:>7.2f}  {aim and f'aim {aim}'}".rstrip()
    for name, ms, mb in measure_import():
        yield f"    {f'import of {name}':<34}{ms:>7.0f}  {mb:.0f} MB resident in all"


def _stages(body: bytes, taken: dict[str, float]) -> Iterator[str]:
    yield f"In process, one request of {len(body) / 1000:.0f} KB (median ms, share of the whole)"
    for name, ms in taken.items():
        yield f"    {name:<34}{ms:>7.3f} {ms / taken[WHOLE]:>6.0%}"


if __name__ == "__main__":
    main()
