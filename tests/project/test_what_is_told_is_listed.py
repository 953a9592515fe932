"""Every event and metric that the code names is listed, with these fields, and everything listed is told somewhere."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cds_service.clinical.assessment import AdviceKind
from cds_service.operations import events, metrics
from cds_service.site.services import load_services

ROOT = Path(__file__).parents[2]
SOURCES = [path for room in ("cds_service", "cards", "fhir_mappings") for path in sorted((ROOT / room).rglob("*.py"))]
BOARD = {"add", "observe", "set"}


@cache
def _calls(path: Path) -> tuple[ast.Call, ...]:
    text = path.read_text("utf-8")
    tree = ast.walk(ast.parse(text)) if "tell(" in text or "board()" in text else ()
    return tuple(node for node in tree if isinstance(node, ast.Call))


def _said(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Name and fields of each event that a file tells."""
    for call in _calls(path):
        if isinstance(call.func, ast.Name) and call.func.id == "tell" and isinstance(call.args[0], ast.Constant):
            yield str(call.args[0].value), {word.arg for word in call.keywords if word.arg} - {"level"}


def _counted(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Name and labels of each series that a file counts."""
    for call in _calls(path):
        if isinstance(call.func, ast.Attribute) and call.func.attr in BOARD and call.args:
            first = call.args[0]
            if isinstance(first, ast.Constant) and first.value in metrics.listed():
                yield str(first.value), {word.arg for word in call.keywords if word.arg}


def test_what_the_code_tells_and_counts_is_listed() -> None:
    for path in SOURCES:
        for name, fields in _said(path):
            assert fields <= set(events.listed().events[name].fields), (path, name)
        for name, labels in _counted(path):
            assert labels == set(metrics.listed()[name].labels), (path, name)


def test_everything_listed_is_told_somewhere() -> None:
    said = {name for path in SOURCES for name, _ in _said(path)}
    assert said == set(events.listed().events)
    assert {name for path in SOURCES for name, _ in _counted(path)} == set(metrics.listed())
    fields = {field for event in events.listed().events.values() for field in event.fields}
    assert fields == set(events.listed().fields)


def test_choices_are_those_of_the_code() -> None:
    ids = [service.id for service in load_services()]
    listed = metrics.listed()
    assert listed["hook_calls_total"].labels["service"] == (*ids, "unknown")
    assert listed["last_judged_timestamp_seconds"].labels["service"] == tuple(ids)
    assert listed["advice_total"].labels["kind"] == (*AdviceKind, "none")
    fields = events.listed().fields
    assert fields["service"].values == {*ids, "unknown"}
    assert fields["hook"].values == {service.hook for service in load_services()}
    assert fields["outcome"].values == set(listed["hook_calls_total"].labels["outcome"])
    assert set(events.listed().level_of_outcome) <= fields["outcome"].values
    assert fields["read"].values == set(listed["fhir_reads_total"].labels["read"])
    assert fields["event_type"].values == set(listed["security_events_total"].labels["event_type"])


def test_every_issue_that_is_counted_exists() -> None:
    text = "\n".join(path.read_text("utf-8") for path in SOURCES)
    assert [code for code in metrics.listed()["chart_issues_total"].labels["issue"] if f'"{code}"' not in text] == []


def test_nothing_else_logs_or_prints_to_standard_error() -> None:
    """`tell` is the only way into the log; the command line alone prints notices before the service runs."""
    allowed = {"cds_service/operations/log.py", "cds_service/cli.py"}
    for path in SOURCES:
        if str(path.relative_to(ROOT)) not in allowed:
            text = path.read_text("utf-8")
            assert "import logging" not in text, path
            assert "structlog" not in text, path
