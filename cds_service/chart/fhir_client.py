"""Reading from a FHIR server: parallel, bounded, one attempt each, and never anywhere else than asked.

Question: what does this server hold, and if it does not say, why not?
Source: FHIR R4 HTTP and paging; CDS Hooks 2.0.1 FHIR access.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import Any, TypeVar

import requests

from cds_service.chart.page import Failure
from cds_service.chart.request import ChartRequest, Deadline, TokenSource
from cds_service.errors import NoToken
from cds_service.operations.log import tell
from cds_service.operations.metrics import board
from cds_service.outgoing import Asked, Unanswered, is_json, media_type, open_session, read_json, send

T = TypeVar("T")

WHO = "the FHIR server"
_UNAUTHORIZED = Failure(f"{WHO} answered 401")


class FhirClient:
    """The process's one client of FHIR servers: a bounded pool of threads and connections.

    Threads start with the first read, so the client may be built before the server forks.
    """

    def __init__(self, *, parallel_reads: int = 16, max_answer_bytes: int = 20_000_000) -> None:
        self._threads = ThreadPoolExecutor(parallel_reads, thread_name_prefix="fhir-read")
        self._max_bytes = max_answer_bytes
        self._session = open_session(parallel_reads)

    def in_parallel(self, reads: Sequence[Callable[[], T | Failure]], deadline: Deadline) -> list[T | Failure]:
        """Every read's answer in the order asked; one that is not there at the deadline is a Failure."""
        futures = [self._threads.submit(read) for read in reads]
        return [_await(future, deadline) for future in futures]

    def get(self, url: str, parameters: Sequence[tuple[str, str]], ask: ChartRequest, deadline: Deadline) -> Any:
        """The JSON document at a URL of the allowed server, or a Failure with its reason.

        Sends the token of this hook call, else our own where the site has one for this server, and nothing else; one
        attempt, or a second one where our own token had run out; ends with the deadline.
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
        return answer if fresh == token else self._get(url, parameters, fresh, deadline)

    def _get(self, url: str, parameters: Sequence[tuple[str, str]], token: str | None, deadline: Deadline) -> Any:
        begun, ended = perf_counter(), "failed"
        try:
            with send(self._session, Asked(WHO, url, _headers(token), parameters), deadline) as response:
                answer = _refusal(response) or read_json(response, WHO, self._max_bytes, deadline)
                ended = "not_json" if _is_another_form(response) else _status_class(response.status_code)
                return answer
        except Unanswered as error:
            ended = error.fault
            return Failure(error.reason)
        finally:
            board().add("fhir_reads_total", read=ended)
            tell("fhir_read", read=ended, duration_ms=(perf_counter() - begun) * 1000)


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
    if response.status_code != 200:
        return Failure(f"{WHO} answered {response.status_code}")
    kind = media_type(response)
    if not is_json(kind):
        return Failure(f"{WHO} answered with {kind[:60] or 'no content type'} instead of FHIR JSON")
    return None
