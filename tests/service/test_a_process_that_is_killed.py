"""A process of the server is killed in the middle of a call: nobody else notices, and a new one takes its place."""

import http.client
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cds_service import patients
from cds_service.hooks import clock
from tests.service.real_server import open_sockets, serving


def test_the_others_answer_and_a_new_one_takes_its_place(tmp_path: Path, ehr: Any, synthetic: Any) -> None:
    def slowly(_: Any) -> Any:
        time.sleep(0.8)
        return synthetic.answer(synthetic.searchset())

    ehr.quirks["Condition"] = slowly
    whole = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now())
    asked = patients.hook_request(
        patients.load("low-trough"), "order-sign", clock.now(), prefetch=False, fhir_server=ehr.base
    )
    with serving(tmp_path, f'[fhir]\nallowed_servers = ["{ehr.base}"]') as server, ThreadPoolExecutor(1) as another:
        while len(before := server.workers) < 2:
            time.sleep(0.05)
        held = another.submit(server.post, asked)
        while "Condition" not in ehr.asked():
            time.sleep(0.01)
        busy = max(before, key=lambda worker: len(open_sockets(worker)))  # those of the EHR and of the FHIR server
        os.kill(busy, signal.SIGKILL)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            held.result()
        killed_at = time.monotonic()
        assert server.post(whole).json["cards"]
        while len(set(server.workers) - {busy}) < 2:
            assert time.monotonic() - killed_at < 5  # under 2 s on an idle machine
            time.sleep(0.05)
        assert [server.post(whole).status for _ in range(8)] == [200] * 8
