"""Reading from a FHIR server: parallel, bounded, once and once again where it fits, and nowhere else than asked.

Question: what does this server hold, and if it does not say, why not?
Source: FHIR R4 HTTP and paging; CDS Hooks 2.0.1 FHIR access; RFC 9110 10.2.3 (Retry-After) and 15.6 (server errors).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from time import monotonic, perf_counter, sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from cds_service.chart.breaker import Breaker
from cds_service.chart.page import Failure
from cds_service.chart.request import ChartRequest, TokenSource
from cds_service.errors import NoToken
from cds_service.operations.log import tell
from cds_service.operations.metrics import board
from cds_service.outgoing import Asked, Deadline, Unanswered, is_json, media_type, open_transport, read_json, send

T = TypeVar("T")

WHO = "the FHIR server"
UNAVAILABLE = frozenset({429, 500, 502, 503, 504})
PAUSE_SECONDS = 0.1  # before asking again, where the server does not say how long
FAIR_SHARE = 0.5  # of its deadline; a read that began with less ran out of time through no fault of the server
WAIT_SECONDS = 0.1  # J: for a place among the calls that read
TOO_MANY = Failure("too many calls wait for a FHIR server")
_UNAUTHORIZED = Failure(f"{WHO} answered 401")
_SAYS_NOTHING = frozenset({"certificate", "failed"})  # of whether the server answers


class FhirClient:
    """The process's one client of FHIR servers: a bounded pool of threads and connections.

    Threads start with the first read, so the client may be built before the server forks. `calls` is how many hook
    calls may read at once, so that a slow server never holds all threads that answer hooks.
    """

    def __init__(self, *, parallel_reads: int = 48, max_answer_bytes: int = 20_000_000, calls: int = 64) -> None:
        self._threads = ThreadPoolExecutor(parallel_reads, thread_name_prefix="fhir-read")
        self._max_bytes = max_answer_bytes
        self._transport = open_transport(parallel_reads)
        self._calls = BoundedSemaphore(calls)
        self._breakers: defaultdict[tuple[str | None, int | None], Breaker] = defaultdict(Breaker)

    def admits(self, url: str) -> bool:
        """Whether the server at this URL may be asked now, or is left alone because it did not answer."""
        return self._breakers[_host(url)].admits

    def in_parallel(self, reads: Sequence[Callable[[], T | Failure]], deadline: Deadline) -> list[T | Failure]:
        """Every read's answer in the order asked; one that is not there at the deadline is a Failure.

        Where as many calls read as may, and none ends within a moment, each is `TOO_MANY`.
        """
        if not reads:
            return []
        if not self._calls.acquire(timeout=WAIT_SECONDS):
            return [TOO_MANY] * len(reads)
        try:
            futures = [self._threads.submit(read) for read in reads]
            return [_await(future, deadline) for future in futures]
        finally:
            self._calls.release()

    def get(self, url: str, parameters: Sequence[tuple[str, str]], ask: ChartRequest, deadline: Deadline) -> Any:
        """The JSON document at a URL of the allowed server, or a Failure with its reason.

        Sends the token of this hook call, else our own where the site has one for this server, and nothing else. A
        second attempt is made where the server was unavailable and it fits the deadline, or our own token had run out.
        """
        if ask.token is None and ask.own_token is not None:
            return self._get_as_ourselves(url, parameters, ask.own_token, deadline)
        return self._get(url, parameters, ask.token, deadline)

    def _get_as_ourselves(
        self, url: str, parameters: Sequence[tuple[str, str]], source: TokenSource, deadline: Deadline
    ) -> Any:
        try:
            token = source.token(deadline)
            answer = self._get(url, parameters, token, deadline)
            if answer != _UNAUTHORIZED:
                return answer
            fresh = source.token(deadline, refused=token)
        except NoToken as error:
            return Failure(str(error))
        return answer if fresh == token else self._ask(url, parameters, fresh, deadline)

    def _get(self, url: str, parameters: Sequence[tuple[str, str]], token: str | None, deadline: Deadline) -> Any:
        begun = monotonic()
        answer = self._ask(url, parameters, token, deadline)
        if not isinstance(answer, Failure) or answer.again_in is None:
            return answer
        if answer.again_in + (monotonic() - begun) > deadline.remaining:
            return answer
        sleep(answer.again_in)
        return self._ask(url, parameters, token, deadline)

    def _ask(self, url: str, parameters: Sequence[tuple[str, str]], token: str | None, deadline: Deadline) -> Any:
        had_time, breaker = deadline.remaining > FAIR_SHARE * deadline.seconds, self._breakers[_host(url)]
        begun, ended = perf_counter(), "failed"
        breaker.asked()
        try:
            with send(self._transport, Asked(WHO, url, _headers(token), parameters), deadline) as response:
                answer = _refusal(response) or read_json(response, WHO, self._max_bytes, deadline)
                ended = "not_json" if _is_another_form(response) else _status_class(response.status_code)
        except Unanswered as error:
            ended = error.fault
            if (had_time or not error.late) and error.fault not in _SAYS_NOTHING:
                breaker.heard(answered=not (error.late or error.broken))
            return Failure(error.reason, PAUSE_SECONDS if error.broken else None)
        finally:
            board().add("fhir_reads_total", read=ended)
            tell("fhir_read", read=ended, duration_ms=(perf_counter() - begun) * 1000)
        breaker.heard(answered=True)
        return answer


def _host(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port


def _await(future: "Future[T | Failure]", deadline: Deadline) -> T | Failure:
    try:
        return future.result(timeout=deadline.remaining)
    except TimeoutError:
        future.cancel()
        return Failure(deadline.missed)


def _headers(token: str | None) -> dict[str, str]:
    headers = {"Accept": "application/fhir+json"}
    return {**headers, "Authorization": f"Bearer {token}"} if token else headers


def _status_class(status: int) -> str:
    return f"{status // 100}xx" if 200 <= status < 600 else "failed"


def _is_another_form(response: requests.Response) -> bool:
    return response.status_code == 200 and not is_json(media_type(response))


def _refusal(response: requests.Response) -> Failure | None:
    if response.status_code in UNAVAILABLE:
        return Failure(f"{WHO} answered {response.status_code}", _seconds(response.headers.get("Retry-After", "")))
    if response.status_code != 200:
        return Failure(f"{WHO} answered {response.status_code}")
    kind = media_type(response)
    if not is_json(kind):
        return Failure(f"{WHO} answered with {kind[:60] or 'no content type'} instead of FHIR JSON")
    return None


def _seconds(told: str) -> float:
    """Retry-After in seconds; a date, which would have to be compared with a clock, counts as not told."""
    return float(told) if told.isascii() and told.isdigit() and len(told) < 6 else PAUSE_SECONDS
