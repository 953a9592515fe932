"""One hospital for each test, and its configuration."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from cds_service.cli import main
from cds_service.hooks import clock
from tests.check.hospital import Hospital

Told = tuple[int, str, str]


@pytest.fixture(scope="session")
def make_httpserver() -> Iterator[HTTPServer]:
    """One server for all tests, which answers in parallel as real ones do."""
    with HTTPServer(host="127.0.0.1", port=0, threaded=True) as server:
        yield server


@pytest.fixture
def hospital(httpserver: HTTPServer) -> Iterator[Hospital]:
    held = Hospital(httpserver)
    held.serve()
    yield held
    httpserver.check()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration in which nothing is left to decide; without a list of servers loopback may be read."""
    path = tmp_path / "site.toml"
    path.write_text('[fhir]\nallowed_servers = []\n[site]\nname = "North"\ntime_zone = "Europe/Berlin"\n')
    return path


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str], config: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Run the command; gives its exit code and what it printed."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 22, 9, tzinfo=UTC))

    def run(*arguments: str, config: Path = config) -> Told:
        code = main(["check", "--config", str(config), *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def document(check: Callable[..., Told]) -> Callable[..., Any]:
    """Run the command with --json; gives its document with the exit code under `exit`."""

    def run(*arguments: str, **more: Any) -> Any:
        code, printed, _ = check("--json", *arguments, **more)
        return {**json.loads(printed), "exit": code}

    return run
