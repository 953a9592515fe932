"""An open-loop client: calls leave at a fixed rate, whatever became of the earlier ones, as those of a hospital do.

A closed loop asks less as soon as the server gets slow and so hides what its callers would feel. Here the time of a
call counts from the moment at which it was due. Connections are kept alive and opened as they are needed, up to a cap;
a call that finds none counts as lost. Every answer is compared with the one that is expected, byte by byte.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

TIMEOUT_S = 10.0
MOST_CONNECTIONS = 256


@dataclass(frozen=True, slots=True)
class Order:
    """One hook call as bytes, and the body of its only right answer. `child` tells whose it is."""

    child: str
    request: bytes = field(repr=False)
    expected: bytes = field(repr=False)


@dataclass(slots=True)
class Tally:
    """What became of the calls of one round: times in ms of those answered with 200, and how many of each kind."""

    seconds: float = 0.0
    answered_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    @property
    def offered(self) -> int:
        """How many calls were due."""
        return sum(self.statuses.values()) + sum(self.lost.values())

    @property
    def goodput(self) -> float:
        """Right answers per second."""
        return (len(self.answered_ms) - len(self.wrong)) / self.seconds

    def percentile(self, percent: float) -> float:
        """Of the times of the answers, in ms; infinite without any."""
        ordered = sorted(self.answered_ms)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else float("inf")


class Client:
    """The connections to one server."""

    def __init__(self, port: int, most_connections: int = MOST_CONNECTIONS) -> None:
        self._port, self._most = port, most_connections
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open = 0

    async def call(self, order: Order, due: float, tally: Tally) -> None:
        """One call, told to the tally. It is sent at most twice: a kept connection may have been closed meanwhile."""
        if not self._idle and self._open >= self._most:
            tally.lost["no connection left"] += 1
            return
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, body = await self._exchange(order.request)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError) as error:
            tally.lost[type(error).__name__] += 1
            return
        taken = (perf_counter() - due) * 1000
        tally.statuses[status] += 1
        if status == 200:
            tally.answered_ms.append(taken)
            if body != order.expected:
                tally.wrong.append(f"{order.child}: {body[:200]!r}")
        else:
            tally.refused_ms.append(taken)

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        kept = bool(self._idle)
        reader, writer = self._idle.pop() if kept else await self._connect()
        try:
            writer.write(request)
            status, body, keep = await _read(reader)
        except (OSError, asyncio.IncompleteReadError):
            self._drop(writer)
            if not kept:
                raise
            return await self._exchange(request)
        except BaseException:
            self._drop(writer)
            raise
        if keep:
            self._idle.append((reader, writer))
        else:
            self._drop(writer)
        return status, body

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._open += 1
        try:
            return await asyncio.open_connection("127.0.0.1", self._port)
        except BaseException:
            self._open -= 1
            raise

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._open -= 1
        writer.close()

    def close(self) -> None:
        """Give up all idle connections."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    return int(head[9:12]), await reader.readexactly(length), b"connection: close" not in head


async def offer(
    client: Client, orders: Sequence[Order], rate: float, seconds: float, *, as_many_as_can: bool = False
) -> Tally:
    """Offer so many calls per second, in turn, and wait for the last answer.

    With `as_many_as_can` the rate is more than this client can do: calls count from when they leave, and end in time.
    """
    tally, begun = Tally(), perf_counter()
    running: set[asyncio.Task[None]] = set()
    for number, order in zip(range(int(rate * seconds)), itertools.cycle(orders), strict=False):
        due = begun + number / rate
        if as_many_as_can and perf_counter() > begun + seconds:
            break
        if (wait := due - perf_counter()) > 0:
            await asyncio.sleep(wait)
        elif number % 64 == 0:
            await asyncio.sleep(0)  # we are late: let the answers in
        task = asyncio.create_task(client.call(order, perf_counter() if as_many_as_can else due, tally))
        running.add(task)
        task.add_done_callback(running.discard)
    tally.seconds = max(perf_counter() - begun, seconds)
    await asyncio.gather(*running)
    return tally


async def saturate(client: Client, orders: Sequence[Order], callers: int, seconds: float) -> Tally:
    """So many callers that ask again as soon as they are answered: how much the server can do."""
    tally, begun = Tally(), perf_counter()
    turn = itertools.cycle(orders)

    async def ask() -> None:
        while (now := perf_counter()) < begun + seconds:
            await client.call(next(turn), now, tally)

    await asyncio.gather(*(ask() for _ in range(callers)))
    tally.seconds = perf_counter() - begun
    return tally
