"""T14 and the list: one line per event whatever is sent, nothing that is not listed, exceptions without their text."""

import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cds_service.operations.events import Field, listed
from cds_service.operations.log import UnlistedField, catch_what_nobody_catches, set_up_log, tell, told_of
from tests.service.real_server import JSON, SIGN, serving

TRICKS = ["%0d%0a", "%0A%7B%22event%22:%22defect%22%7D", "%1b[31m", "%e2%80%a8", "%00", "%e2%80%ae", "%ff"]
HEADERS = ["\x1b[31mred", "\xc2\x85", "\u2028".encode().decode("latin-1"), "x" * 4000, '{"event": "defect"}']


def test_t14_no_header_path_or_id_breaks_a_line(tmp_path: Path) -> None:
    with serving(tmp_path, workers=1) as server:
        before = len(server.events())
        answers = []
        for trick in TRICKS:
            answers.append(server.ask(server.port, "POST", f"{SIGN}{trick}", "{}", **JSON))
            answers.append(server.ask(server.port, "GET", f"/{trick}?{trick}"))
        for header in HEADERS:
            body = json.dumps({"hookInstance": f"{header}\r\n\u2028"})
            answers.append(
                server.ask(server.port, "POST", SIGN, body, **JSON, **{"User-Agent": header, "X-Id": header})
            )
        told = server.events()[before:]
        calls = [event for event in told if event["event"] in ("hook_call", "answered")]
        ours = [answer for answer in answers if answer.headers["Content-Type"] == "application/json"]
        assert len(calls) == len(ours) >= len(answers) - 1  # gunicorn itself refuses an escape sequence in a header
        assert {event["service"] for event in calls if "service" in event} == {"unknown", "infliximab-order-sign"}
        raw = server.folder.joinpath("stderr").read_bytes()
    assert all(32 <= byte < 127 or byte == 10 for byte in raw)
    assert max(map(len, raw.splitlines())) < 2000  # one write each, so that processes do not write into each other


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("count", 3, 3), ("count", -1, None), ("count", True, None), ("count", 2.5, None), ("count", 10**12, None),
        ("number", 1.23456, 1.235), ("number", float("nan"), None), ("number", float("inf"), None),
        ("number", "1", None),
        ("flag", False, False), ("flag", 0, None),
        ("choice", "a", "a"), ("choice", "b", None), ("choice", ["a"], None),
        ("name", "a_b.c:1-2", "a_b.c:1-2"), ("name", "a b", None), ("name", "x" * 65, None), ("name", "a\n", None),
        ("name", "\N{LATIN SMALL LETTER E WITH ACUTE}", None), ("name", 7, None),
        ("names", ["a", "b"], ["a", "b"]), ("names", ["a", "b c"], None), ("names", "a", None),
        ("counts", (1, 2), [1, 2]), ("counts", [1] * 30, [1] * 20),
        ("uuid", "4c1b9a4e-0d2f-4d53-9d8b-5a1f4e0f3c77", "4c1b9a4e-0d2f-4d53-9d8b-5a1f4e0f3c77"),
        ("uuid", "MRN-8812", None), ("uuid", None, None),
        ("words", "North\r\n\x1b[31m\u2028\u202ewing", "North???[31m??wing"), ("words", "x" * 99, "x" * 64),
        ("words", 7, None),
    ],
)  # fmt: skip
def test_a_value_passes_only_in_the_form_of_its_field(kind: str, value: object, kept: object) -> None:
    assert Field(kind, "a field", frozenset({"a"})).cleaned(value) == kept


def test_what_is_not_listed_is_dropped_and_a_warning_to_developers(logged: Any) -> None:
    with pytest.warns(UnlistedField, match=r"hook_call\.patient is not listed"):
        tell("hook_call", status=200, patient="canary")
    with pytest.warns(UnlistedField, match=r"hook_call\.outcome is not listed, or not with such a value"):
        tell("hook_call", outcome="canary")
    with pytest.warns(UnlistedField, match="event 'canary' is not listed"):
        tell("canary", status=200)
    first, second = logged()
    assert (first["status"], set(first)) == (200, {"event", "status", "level", "time"})
    assert set(second) == {"event", "level", "time"}


def _fail() -> None:
    try:
        {}["canary-key"]
    except KeyError as error:
        raise ValueError("canary of Max Mustermann") from error


def test_an_exception_is_its_class_and_its_places(logged: Any) -> None:
    with pytest.raises(ValueError, match="canary") as caught:
        _fail()
    tell("defect", **told_of(caught.value))
    (event,) = logged()
    assert (event["error"], event["because"]) == ("ValueError", ["KeyError"])
    assert [frame.rpartition(":")[0].endswith("test_log_lines") for frame in event["frames"]] == [True, True]
    assert "canary" not in json.dumps(event)
    assert told_of(None) == {}


@pytest.mark.parametrize(
    ("level", "told"), [(10, "debug"), (20, "info"), (30, "warning"), (40, "error"), (50, "error")]
)
def test_a_library_is_heard_without_its_words(level: int, told: str, logged: Any) -> None:
    try:
        _fail()
    except ValueError:
        library = logging.getLogger("urllib3.connectionpool")
        library.log(level, 'https://fhir.example "GET /Patient/%s"', "canary", exc_info=True)
    (event,) = logged()
    assert (event["level"], event["logger"], event["error"]) == (told, "urllib3.connectionpool", "ValueError")
    assert "canary" not in json.dumps(event)


def test_an_exception_that_ends_a_thread_is_told_like_any_other(logged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in ((threading, "excepthook"), (sys, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # to be put back afterwards
    catch_what_nobody_catches()
    logging.captureWarnings(capture=False)
    thread = threading.Thread(target=_fail)
    thread.start()
    thread.join()
    assert [(event["event"], event["error"]) for event in logged()] == [("defect", "ValueError")]


def test_on_a_terminal_a_line_is_for_reading(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_log("info", readable=True)
    tell("hook_call", service="infliximab-order-sign", outcome="carded", cards=1)
    tell("fhir_read", read="2xx")  # debug
    set_up_log()
    (line,) = capsys.readouterr().err.splitlines()
    assert "hook_call" in line
    assert "outcome=carded" in line


def test_a_log_that_nobody_reads_stops_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, _text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    tell("hook_call", level="error", outcome="defect")


@pytest.mark.parametrize("name", listed().events)
def test_every_event_has_a_level_that_exists_and_listed_fields(name: str) -> None:
    event = listed().events[name]
    assert event.level in ("debug", "info", "warning", "error")
    assert set(event.fields) <= set(listed().fields)
