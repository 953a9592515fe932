"""`infliximab-cds evaluate`: one JSON document out, whatever comes in."""

import copy
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service import __version__, patients
from cds_service.cli import UNCONFIGURED, main

AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)
AT = "2026-11-22T09:00:00+00:00"
CONTRACT = {
    "schema", "as_of", "applies", "not_applicable_reason", "patient", "phase", "regimen", "level", "trough", "target",
    "trough_status", "undetectable", "antibody", "disease", "stop_conditions", "predictors", "risk", "forecast",
    "advice", "issues", "versions",
}  # fmt: skip


def _file(folder: Path, request: Any) -> str:
    path = folder / "request.json"
    path.write_text(request if isinstance(request, str) else json.dumps(request))
    return str(path)


def _request(name: str = "low-trough", hook: str = "order-sign") -> Any:
    return patients.hook_request(patients.load(name), hook, AS_OF)


def _evaluate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = main(["evaluate", *arguments])
    printed = capsys.readouterr()
    return code, json.loads(printed.out), printed.err


@pytest.mark.parametrize("hook", ["order-select", "order-sign", "patient-view"])
def test_a_request_in_gives_the_response_out(hook: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer, notices = _evaluate(capsys, _file(tmp_path, _request(hook=hook)), "--as-of", AT)
    assert code == 0
    assert len(answer["cards"]) == 1
    assert notices == UNCONFIGURED + "\n"


def test_standard_input_is_read_for_a_dash(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(_request()).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    code, answer, _ = _evaluate(capsys, "-", "--as-of", AT)
    assert (code, len(answer["cards"])) == (0, 1)


def test_explain_prints_the_assessment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = _evaluate(capsys, _file(tmp_path, _request()), "--as-of", AT, "--explain")
    assert code == 0
    assert document.keys() >= CONTRACT
    assert document["advice"][0]["kind"] == "shorten_interval"
    assert document["as_of"] == AT


def test_explain_prints_an_array_for_several_orders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = _request()
    entries = request["context"]["draftOrders"]["entry"]
    entries.append(copy.deepcopy(entries[0]))
    entries[-1]["resource"]["id"] = "second"
    _, document, _ = _evaluate(capsys, _file(tmp_path, request), "--as-of", AT, "--explain")
    assert [d["regimen"]["ordered"]["order"].split("/")[1] for d in document] == ["ifxcds-low-trough-draft", "second"]


def test_explain_without_an_infliximab_order_has_every_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = _request()
    request["context"]["draftOrders"]["entry"] = []
    code, document, _ = _evaluate(capsys, _file(tmp_path, request), "--as-of", AT, "--explain")
    assert code == 0
    assert document.keys() >= CONTRACT
    assert (document["applies"], document["advice"]) == (False, [])
    assert document["patient"]["id"] == "ifxcds-low-trough"


@pytest.mark.parametrize("name", patients.names())
def test_every_bundled_child_can_be_explained(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = _evaluate(capsys, _file(tmp_path, _request(name)), "--as-of", AT, "--explain")
    assert code == 0
    assert document.keys() >= CONTRACT


@pytest.mark.parametrize(
    ("request_text", "named"),
    [
        ("{", "JSON expected"),
        ("[]", "hook: one of order-select, order-sign, patient-view expected"),
        ('{"hook": "order-dispatch"}', "hook: one of"),
        ('{"hook": {}}', "hook: one of"),
        ('{"hook": "order-sign"}', "hookInstance: a string expected"),
        ("[" * 50_000, "64 levels"),
    ],
)
def test_a_request_that_cannot_be_read_is_an_outcome_and_exit_2(
    request_text: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document, _ = _evaluate(capsys, _file(tmp_path, request_text))
    assert (code, document["resourceType"]) == (2, "OperationOutcome")
    assert named in json.dumps(document)


def test_missing_data_is_an_outcome_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = _request()
    del request["prefetch"]["infusions"]
    code, document, _ = _evaluate(capsys, _file(tmp_path, request), "--as-of", AT)
    assert code == 2
    assert "(infusions)" in document["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-11-22", "2026-11-22T09:00:00", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59Z"]
)
def test_a_time_without_offset_or_sense_is_refused(
    time: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document, _ = _evaluate(capsys, _file(tmp_path, _request()), "--as-of", time)
    assert code == 2
    assert "--as-of: a time with offset expected" in document["issue"][0]["diagnostics"]


def test_an_absent_request_file_is_an_outcome_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = _evaluate(capsys, str(tmp_path / "absent.json"))
    assert (code, document["resourceType"]) == (2, "OperationOutcome")


def test_a_wrong_configuration_is_an_outcome_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "site.toml"
    config.write_text("[server]\nprot = 1\n")
    code, document, _ = _evaluate(capsys, _file(tmp_path, _request()), "--config", str(config))
    assert code == 2
    assert "server.prot: no such setting" in document["issue"][0]["diagnostics"]


def test_a_configured_site_gives_no_notice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "site.toml"
    config.write_text('[policy]\nname = "north"\n')
    arguments = ("--config", str(config), "--as-of", AT, "--explain")
    _, document, notices = _evaluate(capsys, _file(tmp_path, _request()), *arguments)
    assert notices == ""
    assert document["versions"]["policy"] == "north"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--version"])
    assert (done.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")
