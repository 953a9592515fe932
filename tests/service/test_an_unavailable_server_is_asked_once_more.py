"""At most one more attempt, only where the server was unavailable or the connection broke, and only if it fits."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.page import Failure
from cds_service.chart.request import ChartRequest
from cds_service.clinical.record import SourceState
from cds_service.errors import MissingData
from cds_service.hooks import clock
from cds_service.outgoing import Deadline

UNAVAILABLE = (429, 500, 502, 503, 504)


def once(synthetic: Any, status: int, **headers: str) -> Callable[[Any], Any]:
    """An answer of this status, and an empty searchset from then on."""
    left = [synthetic.answer({}, status, **headers)]
    return lambda _: left.pop() if left else synthetic.answer(synthetic.searchset())


@pytest.mark.parametrize("status", UNAVAILABLE)
def test_a_server_that_was_unavailable_for_a_moment_costs_nothing(
    status: int, ehr: Any, read_chart: Any, synthetic: Any
) -> None:
    ehr.quirks["Condition"] = once(synthetic, status)
    assert read_chart(None, ehr).part("conditions").state is SourceState.READ
    assert ehr.asked().count("Condition") == 2


def test_it_is_asked_again_after_as_many_seconds_as_it_says(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.quirks["Condition"] = once(synthetic, 429, **{"Retry-After": "1"})
    begin = time.monotonic()
    assert read_chart(None, ehr).part("conditions").state is SourceState.READ
    assert time.monotonic() - begin >= 1


@pytest.mark.parametrize("told", ["5", "3600", "99999"])
def test_not_where_that_is_after_the_deadline(told: str, ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.quirks["Condition"] = once(synthetic, 503, **{"Retry-After": told})
    begin = time.monotonic()
    with pytest.raises(MissingData, match="answered 503"):
        read_chart(None, ehr, seconds=2)
    assert time.monotonic() - begin < 1
    assert ehr.asked().count("Condition") == 1


@pytest.mark.parametrize("told", ["Wed, 25 Nov 2026 10:00:00 GMT", "-1", "soon", "1e9", "١"])
def test_a_time_that_is_no_number_of_seconds_counts_as_not_told(
    told: str, ehr: Any, read_chart: Any, synthetic: Any
) -> None:
    ehr.quirks["Condition"] = once(synthetic, 503, **{"Retry-After": told.encode().decode("latin-1")})
    assert read_chart(None, ehr, seconds=2).part("conditions").state is SourceState.READ


def test_nor_where_the_first_attempt_took_most_of_the_time(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    def slowly(_: Any) -> Any:
        time.sleep(0.6)
        return synthetic.answer({}, 503)

    ehr.quirks["Condition"] = slowly
    with pytest.raises(MissingData, match="answered 503"):
        read_chart(None, ehr, seconds=1)
    assert ehr.asked().count("Condition") == 1


def test_a_server_that_stays_unavailable_is_asked_twice_for_each_part_and_no_more(
    ehr: Any, read_chart: Any, synthetic: Any
) -> None:
    kinds = ("Observation", "Condition", "MedicationRequest", "MedicationAdministration", "AllergyIntolerance")
    for kind in kinds:
        ehr.quirks[kind] = lambda _: synthetic.answer({}, 503)
    with pytest.raises(MissingData):
        read_chart(None, ehr)
    first = {(request.path, request.query_string) for request in ehr.requests}
    assert len(ehr.requests) <= 2 * len(first)


@contextmanager
def breaking(answers: list[bytes]) -> Iterator[str]:
    """A server that answers each connection with the next of these bytes and closes it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)

    def serve() -> None:
        for answer in answers:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
    thread.join(6)
    listener.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "broken", [b"", b"HTTP/1.1 ", HEAD + b"Content-Length: 9\r\n\r\n{}"], ids=["at once", "in the head", "in the body"]
)
def test_a_connection_that_broke_off_is_tried_again(broken: bytes) -> None:
    with breaking([broken, WHOLE]) as url:
        assert FhirClient().get(url, (), ChartRequest("p1"), Deadline.after(5)) == {}


def test_twice_broken_is_told() -> None:
    with breaking([b"", b""]) as url:
        answer = FhirClient().get(url, (), ChartRequest("p1"), Deadline.after(5))
    assert answer == Failure("the FHIR server could not be reached")


def certificate(folder: Path, *, expired: bool = False) -> Path:
    """A certificate for 127.0.0.1 that nobody but itself vouches for, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begin, end = clock.now() - timedelta(days=9), clock.now() + timedelta(days=-1 if expired else 9)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begin, end)
    path = folder / "server.pem"
    pem = PrivateFormat.PKCS8
    path.write_bytes(
        built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, pem, NoEncryption())
    )
    return path


@pytest.mark.parametrize("expired", [False, True], ids=["of an authority that nobody knows", "that has expired"])
def test_a_certificate_is_refused_at_once_and_not_tried_again(expired: bool, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, expired=expired))
    listener = socket.create_server(("127.0.0.1", 0))
    accepted = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                accepted.append(connection)
                with suppress(OSError):
                    context.wrap_socket(connection, server_side=True)

    threading.Thread(target=serve, daemon=True).start()
    begin = time.monotonic()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}/fhir"
    answer = FhirClient().get(url, (), ChartRequest("p1", token="canary-token"), Deadline.after(5))
    assert answer == Failure("the FHIR server's certificate was not accepted")
    assert time.monotonic() - begin < 0.7
    assert len(accepted) == 1
    listener.close()
    for connection in accepted:
        connection.close()
