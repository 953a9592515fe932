"""SIGTERM: calls under way get their cards, nobody new gets half an answer, and readiness says at once what happens."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service import patients
from cds_service.hooks import clock
from tests.service.real_server import Answer, RealServer, serving, wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealServer]:
    with serving(tmp_path, "[fhir]\ndeadline_seconds = 10", log_level="info") as running:
        yield running


def _slow(ehr: Any, seconds: float) -> Any:
    child = patients.load("low-trough")
    ehr.holds(*patients.resources(child, clock.now()))

    def wait(request: Any) -> Any:
        time.sleep(seconds)
        del ehr.quirks["AllergyIntolerance"]
        return ehr.respond(request)

    ehr.quirks["AllergyIntolerance"] = wait
    return patients.hook_request(child, "order-sign", clock.now(), prefetch=False, fhir_server=ehr.base)


def test_a_call_under_way_is_finished_while_readiness_is_503(server: RealServer, ehr: Any) -> None:
    answers: list[Answer] = []
    request = _slow(ehr, 1.5)
    caller = threading.Thread(target=lambda: answers.append(server.post(request)))
    caller.start()
    wait_until(lambda: len(ehr.requests) > 5)
    server.process.send_signal(signal.SIGTERM)
    told = server.look("/ready")
    while told.status == 200:  # the signal is on its way
        told = server.look("/ready")
    assert (told.status, '"stopping"' in told.body) == (503, True)
    assert server.look("/live").status == 200
    wait_until(lambda: _refused(server), 1)
    caller.join()
    assert [answer.status for answer in answers] == [200]
    assert "every 5 weeks" in answers[0].body
    assert server.process.wait(5) == 0
    assert [event["outcome"] for event in server.events("hook_call")] == ["carded"]
    assert len(server.events("stopping")) == 1
    assert server.events("worker_ended") == []
    for port in (server.port, server.second):  # both are free for the next one
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))


def _refused(server: RealServer) -> bool:
    try:
        assert server.ask(server.port, "GET", "/cds-services").status == 200  # whoever still got in is answered
    except OSError:
        return True
    return False
