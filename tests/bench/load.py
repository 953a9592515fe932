"""A closed-loop client: a few keep-alive connections, each of which asks again as soon as it was answered."""

import http.client
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles

TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a server on loopback; with a body it is a POST of JSON."""

    port: int
    path: str
    body: bytes | None = None

    def send(self, connection: http.client.HTTPConnection) -> bytes:
        """The answer. Raises RuntimeError for anything but 200: a refused request is no measurement."""
        headers = {"Content-Type": "application/json"} if self.body else {"Accept": "application/fhir+json"}
        connection.request("POST" if self.body else "GET", self.path, self.body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{self.path} answered {response.status}: {answer[:400]!r}")
        return answer

    def connect(self) -> http.client.HTTPConnection:
        """A connection that stays open between requests."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of load gave: latencies in ms, its length in s, and the client's own share of one core."""

    latencies_ms: Sequence[float]
    seconds: float
    client_share: float = 0.0

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return len(self.latencies_ms) / self.seconds


def ask_once(call: Call) -> bytes:
    """The answer to one request."""
    return call.send(call.connect())


def load(call: Call, *, connections: int, seconds: float) -> Round:
    """Keep every connection busy for so many seconds."""
    begun, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(connections) as pool:
        futures = [pool.submit(_repeat, call, begun + seconds) for _ in range(connections)]
        latencies = [ms for future in futures for ms in future.result()]
    lasted = time.perf_counter() - begun
    return Round(latencies, lasted, (time.process_time() - cpu) / lasted)


def take_turns(calls: Mapping[str, Call], repeats: int) -> dict[str, list[float]]:
    """Latencies in ms by name, one request at a time and one of each per turn, so that drift hits all alike."""
    connections = {name: call.connect() for name, call in calls.items()}
    latencies: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            took = _timed(call, connections[name])
            if turn:  # the first turn opens connections and warms up
                latencies[name].append(took)
    return latencies


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which so many percent lie."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _repeat(call: Call, until: float) -> list[float]:
    connection, latencies = call.connect(), []
    while time.perf_counter() < until:
        latencies.append(_timed(call, connection))
    connection.close()
    return latencies


def _timed(call: Call, connection: http.client.HTTPConnection) -> float:
    begun = time.perf_counter()
    call.send(connection)
    return (time.perf_counter() - begun) * 1000
