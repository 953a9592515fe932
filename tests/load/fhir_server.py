"""A FHIR server that holds the bundled children and takes its time: `python -m tests.load.fhir_server --latency-ms 50`.

It answers from memory after a fixed latency, so that what is measured is our reading and not a server's work. On a line
`fail SECONDS` of its input it answers 503 for so long, on `hang SECONDS` it answers nothing.
"""

import argparse
import asyncio
import json
import sys
from datetime import datetime
from time import monotonic
from urllib.parse import parse_qs, urlsplit

from cds_service.patients.serve import searchset
from tests.load.orders import charts

FIXED = ("category", "code", "status")


class FhirServer:
    """The answers, each built once, and the fault of the moment."""

    def __init__(self, as_of: datetime, latency_s: float) -> None:
        self._charts, self._latency_s = charts(as_of), latency_s
        self._answers: dict[str, bytes] = {}
        self._fault, self._until = "", 0.0

    def fail(self, how: str, seconds: float) -> None:
        """Behave badly for a while."""
        self._fault, self._until = how, monotonic() + seconds

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(self._latency_s)
                bad = self._fault if monotonic() < self._until else ""
                if bad == "hang":
                    await asyncio.sleep(self._until - monotonic())
                writer.write(_unavailable() if bad else self._answer(head.split(b" ", 2)[1].decode()))
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    def _answer(self, target: str) -> bytes:
        if target not in self._answers:
            self._answers[target] = _response(200, json.dumps(self._find(target)).encode())
        return self._answers[target]

    def _find(self, target: str) -> object:
        url = urlsplit(target)
        kind, _, wanted = url.path.removeprefix("/fhir/").partition("/")
        if kind == "Patient":
            return self._charts[wanted][0]
        if wanted:
            return next(r for chart in self._charts.values() for r in chart if r["id"] == wanted)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        return searchset(self._charts[query["patient"]], kind, [(n, v) for n, v in query.items() if n in FIXED])


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _unavailable() -> bytes:
    return _response(503, b"{}")


async def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser(description="A FHIR server with the bundled synthetic children.")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--as-of", type=datetime.fromisoformat, required=True)
    options = parser.parse_args()
    held = FhirServer(options.as_of, options.latency_ms / 1000)
    server = await asyncio.start_server(held.serve, "127.0.0.1", 0, backlog=512)
    print(f"READY {server.sockets[0].getsockname()[1]}", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        how, seconds = line.split()
        held.fail(how, float(seconds))


if __name__ == "__main__":
    asyncio.run(main())
