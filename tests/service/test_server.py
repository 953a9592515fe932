"""The real server as a process: it answers, it says in one line why it cannot start, and it ends when told."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cds_service import patients
from cds_service.hooks import clock
from tests.service.real_server import serving

COMMAND = [sys.executable, "-m", "cds_service.cli"]


@contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    document = json.loads(connection.getresponse().read())
    connection.close()
    return document


def _read_until(stream: Any, pattern: str) -> tuple[str, re.Match[str]]:
    """What was printed up to the line that matches; the process's own end ends the reading too."""
    text = ""
    for line in stream:
        text += line
        match = re.search(pattern, line)
        if match:
            return text, match
    raise AssertionError(text)


def _stop(process: subprocess.Popen[str], how: signal.Signals) -> tuple[int, float, str]:
    begin = time.monotonic()
    process.send_signal(how)
    _, errors = process.communicate(timeout=10)
    return process.returncode, time.monotonic() - begin, errors


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_demo_prints_a_card_keeps_serving_and_ends_when_told(how: signal.Signals) -> None:
    begin = time.monotonic()
    with _running("demo", "--port", "0") as process:
        printed, _ = _read_until(process.stdout, r"evaluate request\.json --explain")
        assert time.monotonic() - begin < 15  # under 3 s on an idle machine
        assert "Suggestion:" in printed
        assert "every 5 weeks" in printed
        assert "antibody-high" in printed
        assert all(len(line) <= 100 for line in printed.splitlines() if "|" not in line and "http" not in line)
        found = re.search(r"http://127\.0\.0\.1:(\d+)/cds-services", printed)
        assert found
        assert len(_get(int(found[1]), "/cds-services")["services"]) == 3
        assert _get(int(found[1]), "/demo/requests/low-trough/patient-view")["hook"] == "patient-view"
        assert _get(int(found[1]), "/demo/requests/nobody/patient-view")["resourceType"] == "OperationOutcome"
        assert _get(int(found[1]), "/demo/requests/low-trough/other")["resourceType"] == "OperationOutcome"
        code, seconds, errors = _stop(process, how)
    assert (code, seconds < 5) == (0, True)
    assert "Traceback" not in errors
    assert errors.startswith("No configuration: only FHIR servers on loopback")


def test_serve_answers_and_ends_when_told_while_a_call_is_waiting(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    config.write_text("[server]\nport = 0\nworkers = 2\nthreads = 2\n[site]\nname = 'North'\n")
    with _running("serve", "--config", str(config)) as process:
        told, where = _read_until(process.stderr, r"http://127\.0\.0\.1:(\d+)/cds-services for North")
        port = int(where[1])
        assert _get(port, "/health")["status"] == "ok"
        idle = socket.create_connection(("127.0.0.1", port))
        code, seconds, errors = _stop(process, signal.SIGTERM)
        idle.close()
    assert (code, seconds < 5) == (0, True)
    assert "Traceback" not in told + errors


def _failed(*arguments: str) -> list[str]:
    with _running(*arguments) as process:
        output, errors = process.communicate(timeout=20)
        assert process.returncode == 2
        assert output == ""
        return errors.splitlines()


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert _failed("demo", "--port", str(port))[1:] == [
            f"infliximab-cds: cannot listen on 127.0.0.1:{port}: Address already in use"
        ]


def test_an_impossible_port_is_one_clear_line() -> None:
    assert len(_failed("demo", "--port", "70000")) == 2


def test_a_missing_configuration_is_one_clear_line(tmp_path: Path) -> None:
    (line,) = _failed("serve", "--config", str(tmp_path / "absent.toml"))
    assert line.endswith("absent.toml: the configuration file cannot be read: No such file or directory")


def test_the_serving_process_imports_no_heavy_library() -> None:
    script = (
        "import sys; from cds_service.app import create_app; from cds_service.site.settings import Settings;"
        "create_app(Settings());"
        "print([name for name in ('fhir', 'pandas', 'scipy', 'statsmodels') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_first_suggestion_finds_everything_loaded() -> None:
    code = (
        "import gc, sys; from cds_service import server; server.load_and_freeze()\n"
        "print('fhir.resources.R4B.timing' in sys.modules, gc.get_freeze_count() > 0)"
    )
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "True True\n"


def test_a_process_keeps_the_memory_that_a_forecast_needed(tmp_path: Path) -> None:
    request = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now())
    with serving(tmp_path, workers=1) as server:
        for _ in range(20):
            assert server.post(request).json["cards"]
        before = server.page_faults()
        for _ in range(20):
            server.post(request)
        assert (server.page_faults() - before) / 20 < 200  # 2 here; 4,000 where memory goes back after each array
