"""A real FHIR server with the bundled synthetic patients, and our service reading it.

The server is HAPI FHIR, started here, or any other R4 server named by FHIR_BASE_URL. What was created is deleted
again. A server that cannot be had fails the suite: it is never skipped.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service import patients
from cds_service.hooks import clock
from cds_service.patients import SyntheticPatient
from tests.hapi import server as hapi

CHILDREN = [patients.load(name) for name in patients.names()]
LOAD_TIMEOUT_S = 120


@pytest.fixture(scope="session")
def as_of() -> datetime:
    """The moment for which the charts are written: now, since the service reads its own clock."""
    return clock.now()


@pytest.fixture(scope="session")
def fhir_base(as_of: datetime) -> Iterator[str]:
    """Base URL of a FHIR server that holds all bundled children."""
    with ExitStack() as stack:
        base = os.environ.get("FHIR_BASE_URL", "").rstrip("/") or stack.enter_context(hapi.start())
        bundle = patients.transaction(CHILDREN, as_of)
        _transact(base, bundle["entry"])
        created = [entry["request"]["url"] for entry in bundle["entry"]]
        stack.callback(_delete, base, created)
        yield base


FHIR_JSON = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}


@contextmanager
def held(base: str, resources: list[dict[str, Any]]) -> Iterator[None]:
    """The server with these resources, too, for as long as it takes."""
    urls = [f"{resource['resourceType']}/{resource['id']}" for resource in resources]
    rows = zip(resources, urls, strict=True)
    _transact(base, [{"resource": resource, "request": {"method": "PUT", "url": url}} for resource, url in rows])
    try:
        yield
    finally:
        _delete(base, urls)


def _delete(base: str, urls: list[str]) -> None:
    """Take back what was created, in one transaction: the order of what points to what does not matter then."""
    _transact(base, [{"request": {"method": "DELETE", "url": url}} for url in reversed(urls)])


def _transact(base: str, entries: list[dict[str, Any]]) -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = requests.post(base, json=bundle, timeout=LOAD_TIMEOUT_S, headers=FHIR_JSON)
    assert answer.status_code == 200, f"a transaction failed: {answer.status_code} {answer.text[:600]}"


@pytest.fixture(scope="session")
def service(fhir_base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of our own service as a site would run it: `serve` with a configuration file."""
    port = _free_port()
    folder = tmp_path_factory.mktemp("site")
    configuration = Path(folder, "infliximab-cds.toml")
    configuration.write_text(
        f'[server]\nport = {port}\nworkers = 1\n[fhir]\nallowed_servers = ["{fhir_base}"]\ndeadline_seconds = 10.0\n'
    )
    command = [sys.executable, "-m", "cds_service.cli", "serve", "--config", str(configuration)]
    with Path(folder, "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        base = f"http://127.0.0.1:{port}"
        _wait_for(f"{base}/health", process, Path(folder, "log"))
        yield base
    finally:
        process.terminate()
        assert process.wait(timeout=5) == 0, Path(folder, "log").read_text()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, f"the service ended: {log.read_text()}"
        try:
            if requests.get(url, timeout=1).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"no answer from {url}: {log.read_text()}")


@pytest.fixture(params=CHILDREN, ids=lambda child: child.name)
def child(request: pytest.FixtureRequest) -> SyntheticPatient:
    """Every bundled child in turn."""
    return request.param  # type: ignore[no-any-return]
