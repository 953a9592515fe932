"""Reading from a FHIR server: parallel, bounded, one attempt each, and never anywhere else than asked.

Question: what does this server hold, and if it does not say, why not?
Source: FHIR R4 HTTP and paging; CDS Hooks 2.0.1 FHIR access. requests would take credentials from ~/.netrc and
follow redirects with our headers: both are switched off.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

from cds_service.chart.page import Failure
from cds_service.chart.request import ChartRequest, Deadline

T = TypeVar("T")

_CHUNK = 64 * 1024
_REASONS = (
    (requests.exceptions.SSLError, "the FHIR server's certificate was not accepted"),
    (requests.exceptions.Timeout, ""),
    (requests.exceptions.ConnectionError, "the FHIR server could not be reached"),
)


class FhirClient:
    """The process's one HTTP client: a bounded pool of threads and connections, without cookies or proxies.

    Threads start with the first read, so the client may be built before the server forks.
    """

    def __init__(self, *, parallel_reads: int = 16, max_answer_bytes: int = 20_000_000) -> None:
        self._threads = ThreadPoolExecutor(parallel_reads, thread_name_prefix="fhir-read")
        self._max_bytes = max_answer_bytes
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            adapter = HTTPAdapter(pool_connections=4, pool_maxsize=parallel_reads, max_retries=0)
            self._session.mount(scheme, adapter)

    def in_parallel(self, reads: Sequence[Callable[[], T | Failure]], deadline: Deadline) -> list[T | Failure]:
        """Every read's answer in the order asked; one that is not there at the deadline is a Failure."""
        futures = [self._threads.submit(read) for read in reads]
        return [_await(future, deadline) for future in futures]

    def get(self, url: str, parameters: Sequence[tuple[str, str]], ask: ChartRequest, deadline: Deadline) -> Any:
        """The JSON document at a URL of the allowed server, or a Failure with its reason.

        Sends the token of this hook call and nothing else; one attempt; ends with the deadline.
        """
        if not deadline.remaining:
            return Failure(deadline.missed)
        try:
            with self._session.get(
                url,
                params=list(parameters),
                headers=_headers(ask.token),
                timeout=max(deadline.remaining, 0.001),
                allow_redirects=False,
                stream=True,
            ) as response:
                return _refusal(response) or self._read_document(response, deadline)
        except requests.exceptions.RequestException as error:
            return Failure(_reason(error, deadline))

    def _read_document(self, response: requests.Response, deadline: Deadline) -> Any:
        body = bytearray()
        try:
            # read1 returns what has arrived, so that a server that drips cannot outlive the deadline.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._max_bytes:
                    return Failure(f"the FHIR server answered with more than {self._max_bytes} bytes")
                if not deadline.remaining:
                    return Failure(deadline.missed)
        except Exception as error:  # noqa: BLE001 - urllib3, ssl and zlib each raise their own
            return Failure(_broken_off(error, deadline))
        return _parse(bytes(body), response.headers.get("Content-Length"))


def _await(future: "Future[T | Failure]", deadline: Deadline) -> T | Failure:
    try:
        return future.result(timeout=deadline.remaining)
    except TimeoutError:
        future.cancel()
        return Failure(deadline.missed)


def _headers(token: str | None) -> dict[str, str]:
    headers = {"Accept": "application/fhir+json", "Accept-Encoding": "identity"}
    return {**headers, "Authorization": f"Bearer {token}"} if token else headers


def _refusal(response: requests.Response) -> Failure | None:
    if response.status_code != 200:
        return Failure(f"the FHIR server answered {response.status_code}")
    media_type = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        return Failure(f"the FHIR server answered with {media_type[:60] or 'no content type'} instead of FHIR JSON")
    return None


def _parse(body: bytes, announced: str | None) -> Any:
    if announced and announced.isdigit() and int(announced) > len(body):
        return Failure("the FHIR server's answer was cut short")
    try:
        return json.loads(body, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return Failure("the FHIR server's answer is not valid JSON")


def _not_json(text: str) -> None:
    raise ValueError(text)


def _reason(error: Exception, deadline: Deadline) -> str:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason or deadline.missed
    return "the FHIR server could not be asked"


def _broken_off(error: Exception, deadline: Deadline) -> str:
    late = not deadline.remaining or "timed out" in str(error).lower()
    return deadline.missed if late else "the FHIR server's answer was cut short"
