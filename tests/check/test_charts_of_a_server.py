"""`infliximab-cds check --server`: a real server on a socket, counted exactly, and nothing of a child is told."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug import Request, Response

from cds_service.trust.keys import make_private_key, write_pem
from tests.check.conftest import Told
from tests.check.hospital import LAB, Hospital, answer, chart, coded, observation, quantity, searchset, statement
from tests.check.test_configuration import codes, says

Document = Callable[..., Any]
STU3, PATIENT_ONLY = statement(fhirVersion="3.0.2"), [{"name": "patient"}]
EVERYTHING = {
    "charts_with_birth_date": (2, 2),
    "charts_with_crohns": (2, 2),
    "charts_with_infusion": (2, 2),
    "charts_with_level": (2, 2),
    "charts_with_antibody": (2, 2),
    "charts_with_weight": (2, 2),
    "infusions_with_start": (2, 2),
    "infusions_with_time": (2, 2),
    "infusions_with_mg": (2, 2),
    "levels_usable": (2, 2),
    "levels_with_time": (2, 2),
    "levels_with_assay": (2, 2),
    "antibodies_with_assay": (2, 2),
    "antibodies_gradable": (2, 2),
}


@pytest.fixture
def ids(tmp_path: Path) -> str:
    path = tmp_path / "ids.txt"
    path.write_text("# two children\nPatient/p1\n\np2\n")
    return str(path)


def counted(told: Any) -> dict[str, tuple[int, int]]:
    return {row["key"]: (row["number"], row["of"]) for row in told["charts"]["coverage"]}


def row(told: Any, key: str) -> tuple[int, int]:
    return counted(told)[key]


def test_a_mapped_site_is_covered_in_full(hospital: Hospital, document: Document, ids: str) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    told = document("--server", hospital.base, "--patients", ids)
    assert (told["exit"], counted(told)) == (0, EVERYTHING)
    assert told["charts"]["antibodies_by_assay"] == {"mayo-ecl": 2}
    assert told["charts"]["results"] == [{"concept": "weight", "title": "weight", "values": 2, "charts": 2}]
    assert told["charts"]["conformance"] == {"resources": 12, "non_conformant": 0, "rules": []}
    assert told["capability_lacks"] == []
    assert codes(told, "right")[-2:] == ["statement-fits", "charts-read"]
    assert says(told, "charts-read") == ["2 of 2 charts were read, each within the 1.6 s that a hook call has for it."]


def test_what_is_wanting_is_counted_exactly(hospital: Hospital, document: Document, ids: str) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    by_id = {resource["id"]: resource for resource in hospital.resources}
    del by_id["p1-infusion"]["dosage"]
    by_id["p1-infusion"]["effectivePeriod"] = {"start": "2026-10-01"}
    del by_id["p2-infusion"]["effectivePeriod"]
    by_id["p1-level"]["valueQuantity"] = quantity(1700, "ng/mL")
    del by_id["p2-level"]["effectiveDateTime"]
    del by_id["p1-level"]["method"]
    del by_id["p1-antibody"]["method"]
    by_id["p2"]["birthDate"] = "2014"
    hospital.holds(
        [
            observation("p1", "pending", coded("http://loinc.org", "39803-2"), {}, status="registered"),
            observation("p1", "crp", coded("http://loinc.org", "1988-5"), {"valueQuantity": quantity(3, "mg/L")}),
        ]
    )
    told = document("--server", hospital.base, "--patients", ids)
    assert counted(told) == EVERYTHING | {
        "charts_with_birth_date": (1, 2),
        "charts_with_infusion": (1, 2),
        "infusions_with_start": (1, 2),
        "infusions_with_time": (0, 1),
        "infusions_with_mg": (0, 1),
        "levels_usable": (0, 2),
        "levels_with_time": (1, 2),
        "levels_with_assay": (1, 2),
        "antibodies_with_assay": (1, 2),
        "antibodies_gradable": (1, 2),
    }
    assert told["charts"]["antibodies_by_assay"] == {"not known": 1, "mayo-ecl": 1}
    assert codes(told, "missing") == ["levels-none"]
    assert [code for code in codes(told, "note") if code.startswith(("infusions", "levels", "assays", "birth"))] == [
        "infusions-without-milligrams",
        "infusions-without-time",
        "levels-without-time",
        "assays-unknown",
        "birth-dates-missing",
    ]
    assert ("unit-needs-review", "infliximab_level", 1) in [
        (doubt["code"], doubt["about"], doubt["seen"]) for doubt in told["charts"]["doubts"]
    ]
    (rule,) = told["charts"]["conformance"]["rules"]
    assert rule == {
        "resource": "MedicationAdministration",
        "element": None,
        "says": "needs one of effectiveDateTime, effectivePeriod",
        "seen": 1,
        "example": "MedicationAdministration/p2-infusion",
    }


def test_an_empty_chart_says_what_is_missing(hospital: Hospital, document: Document, ids: str) -> None:
    hospital.holds([{"resourceType": "Patient", "id": "p1"}, {"resourceType": "Patient", "id": "p2"}])
    told = document("--server", hospital.base, "--patients", ids)
    assert codes(told, "missing") == ["infusions-none", "crohns-none", "weights-none", "levels-none"]
    assert "antibodies-none" in codes(told, "note")


def test_some_unusable_levels_are_a_note(hospital: Hospital, document: Document, ids: str) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    hospital.resources[3]["valueQuantity"] = quantity(1, "furlong")
    told = document("--server", hospital.base, "--patients", ids)
    assert (told["exit"], says(told, "levels-unusable")) == (
        0,
        ["1 of 2 infliximab levels lack a usable value, unit or date; the doubts below say why."],
    )


def test_children_are_found_by_the_mapped_codes(hospital: Hospital, document: Document) -> None:
    hospital.holds(*(chart(f"p{number}") for number in range(5)))
    told = document("--server", hospital.base, "--sample", "3")
    assert (told["charts"]["asked"], told["charts"]["read"]) == (3, 3)
    assert told["charts"]["found_by"] == "a search of MedicationAdministration by mapped codes"
    first = next(request for request in hospital.requests if request.path == "/fhir/MedicationAdministration")
    assert "http://www.nlm.nih.gov/research/umls/rxnorm|191831" in first.args["code"]


def test_fewer_than_asked_for_are_all_taken(hospital: Hospital, document: Document) -> None:
    hospital.holds(chart("p1"))
    told = document("--server", hospital.base)
    assert told["charts"]["asked"] == 1
    assert told["charts"]["found_by"].startswith("searches of MedicationAdministration and MedicationRequest")


def test_a_server_that_overlooks_the_code_does_not_fill_the_sample(hospital: Hospital, document: Document) -> None:
    hospital.holds(chart("p1"))
    other = json.loads(json.dumps(chart("p2")))
    other[2]["medicationCodeableConcept"] = coded("http://www.nlm.nih.gov/research/umls/rxnorm", "8640")
    broken = {"resourceType": "MedicationAdministration", "id": "odd", "medicationCodeableConcept": 7}
    hospital.holds(other, [broken])

    def overlook(request: Request) -> Response:
        wanted = request.args.get("patient")
        found = [r for r in hospital.resources if r["resourceType"] == "MedicationAdministration"]
        return answer(searchset(r for r in found if wanted is None or r["id"].startswith(wanted)))

    hospital.quirks["MedicationAdministration"] = overlook
    assert document("--server", hospital.base)["charts"]["asked"] == 1


def test_a_server_that_wants_a_patient_asks_for_ids(hospital: Hospital, document: Document) -> None:
    refused = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "required"}]}
    for kind in ("MedicationAdministration", "MedicationRequest"):
        hospital.quirks[kind] = lambda _: answer(refused, 400)
    told = document("--server", hospital.base)
    assert (told["exit"], told["charts"], codes(told, "not-checked")) == (2, None, ["patients-needed"])
    assert says(told, "patients-needed")[0].count("answered 400") == 2


def test_a_server_without_infliximab_says_so(hospital: Hospital, document: Document) -> None:
    told = document("--server", hospital.base)
    assert "no infliximab under a mapped code" in says(told, "patients-needed")[0]


def test_later_pages_are_read_too(hospital: Hospital, document: Document) -> None:
    hospital.holds(chart("p1"), chart("p2"))

    def paged(request: Request) -> Response:
        if "patient" in request.args:
            return answer(searchset(r for r in hospital.resources if r["id"] == f"{request.args['patient']}-infusion"))
        second = "page" in request.args
        bundle = searchset(r for r in hospital.resources if r["id"] == f"p{1 + second}-infusion")
        link = {"relation": "next", "url": f"{hospital.base}/MedicationAdministration?page=2"}
        return answer(bundle if second else {**bundle, "link": [link]})

    hospital.quirks["MedicationAdministration"] = paged
    assert document("--server", hospital.base)["charts"]["asked"] == 2


def test_ids_come_from_standard_input_and_only_as_many_as_asked(
    hospital: Hospital, document: Document, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    (tmp_path / "ids").write_bytes("\ufeffp1\r\np1\r\np2\r\n".encode())
    with (tmp_path / "ids").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        told = document("--server", hospital.base, "--patients", "-", "--sample", "1")
    assert (told["charts"]["asked"], told["charts"]["found_by"]) == (1, "the ids given")


def test_a_server_without_search_parameters_is_told_line_by_line(
    hospital: Hospital, document: Document, ids: str
) -> None:
    hospital.statement = statement(without=("patient", "category", "date"))
    hospital.quirks["Observation"] = lambda _: answer({}, 400)
    hospital.holds(chart("p1"))
    told = document("--server", hospital.base, "--patients", ids)
    assert told["exit"] == 1
    lacks = says(told, "statement-lacks")
    assert "Observation: the search parameter category is not announced, needed for laboratory results." in lacks
    assert (
        "Observation: the search parameter patient is not announced, needed for laboratory results, weights." in lacks
    )
    optional = " used for procedures; advice is given without it."
    assert any(line.endswith(optional) for line in says(told, "statement-lacks-optional"))
    assert {"says": "Observation: the search parameter category is not announced", "searches": ["laboratory"],
            "required": True} in told["capability_lacks"]  # fmt: skip


def test_what_is_answered_without_being_announced_is_only_a_note(
    hospital: Hospital, document: Document, ids: str
) -> None:
    hospital.statement = statement(without=("category",))
    hospital.holds(chart("p1"), chart("p2"))
    told = document("--server", hospital.base, "--patients", ids)
    assert (told["exit"], len(says(told, "statement-lacks-yet-answered"))) == (0, 1)


@pytest.mark.parametrize(
    ("sent", "lack"),
    [
        (
            statement(fhirVersion="3.0.2"),
            "FHIR R4 (4.0.1) is not announced, but version '3.0.2', needed for every request.",
        ),
        (statement(format=["xml"]), "JSON is not announced among the formats, needed for every request."),
        (statement(rest=[]), "Patient is not announced at all, needed for the patient."),
        (statement(rest=[{"mode": "client"}]), "Condition is not announced at all, needed for diagnoses."),
        (
            statement(
                rest=[{"mode": "server", "resource": [{"type": "Condition", "searchParam": [{"name": "patient"}]}]}]
            ),
            "Condition: the interaction search-type is not announced, needed for diagnoses.",
        ),
    ],
)
def test_what_a_statement_lacks_is_told(sent: Any, lack: str, hospital: Hospital, document: Document) -> None:
    hospital.statement = sent
    told = document("--server", hospital.base)
    assert lack in says(told, "statement-lacks")
    assert told["exit"] == 1


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"resourceType": "Patient"}, "something else than a CapabilityStatement came"),
        ([], "something else than a CapabilityStatement came"),
        (statement(format="json"), "format is not a list"),
        (statement(rest=7), "rest is not a list of objects"),
    ],
)
def test_a_statement_that_is_none_could_not_be_checked(
    sent: Any, reason: str, hospital: Hospital, document: Document, ids: str
) -> None:
    hospital.statement = sent
    hospital.holds(chart("p1"), chart("p2"))
    told = document("--server", hospital.base, "--patients", ids)
    assert (told["exit"], told["capability_lacks"]) == (2, None)
    assert says(told, "statement-unreadable") == [f"The CapabilityStatement could not be read: {reason}."]


def test_a_slow_server_is_measured_by_the_deadline_of_a_hook_call(
    hospital: Hospital, document: Document, config: Path, ids: str
) -> None:
    config.write_text(config.read_text().replace("[site]", "deadline_seconds = 0.5\n[site]"))
    hospital.holds(chart("p1"), chart("p2"))
    hospital.wait = 0.8
    told = document("--server", hospital.base, "--patients", ids)
    assert (told["exit"], counted(told), codes(told, "missing")) == (1, EVERYTHING, ["charts-slow"])
    (slow,) = says(told, "charts-slow")
    assert slow.startswith("2 of 2 charts were read, 2 of them not within the 0.4 s that a hook call has for it:")
    assert slow.endswith(f"the slowest took {told['charts']['slowest_seconds']:.1f} s.")


def test_a_server_that_is_not_there(document: Document, ids: str) -> None:
    told = document("--server", "http://127.0.0.1:1/fhir", "--patients", ids)
    assert told["exit"] == 1
    assert "could not be reached" in says(told, "statement-unreadable")[0]
    assert "could not be reached" in says(told, "charts-refused")[0]


def test_a_server_that_is_not_allowed_is_not_asked(hospital: Hospital, document: Document, config: Path) -> None:
    config.write_text(config.read_text().replace("[]", '["https://fhir.example/r4"]'))
    told = document("--server", hospital.base)
    assert (told["exit"], codes(told, "missing"), hospital.requests) == (1, ["server-not-allowed"], [])


def test_without_a_list_only_loopback_is_asked(document: Document) -> None:
    told = document("--server", "https://fhir.example/r4")
    assert codes(told, "missing") == ["server-not-allowed"]


def test_the_token_is_sent_and_never_told(
    hospital: Hospital, check: Callable[..., Told], monkeypatch: pytest.MonkeyPatch, ids: str
) -> None:
    monkeypatch.setenv("FHIR_TOKEN", "canary-token")
    hospital.holds(chart("p1"), chart("p2"))
    _, report, notices = check("--server", hospital.base, "--patients", ids, "--token-env", "FHIR_TOKEN")
    assert {request.headers.get("Authorization") for request in hospital.requests} == {"Bearer canary-token"}
    assert "canary" not in report + notices


def test_where_no_token_is_given_our_own_is_sent(
    hospital: Hospital, document: Document, config: Path, ids: str
) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    key = config.parent / "private-key.pem"
    key.write_bytes(write_pem(make_private_key("ES384")))
    key.chmod(0o600)
    backend = f'[[fhir.backend]]\nserver = "{hospital.base}"\nclient_id = "us"\nkey_id = "k"\n'
    backend += f'private_key_file = "{key}"\ntoken_url = "{hospital.base}/token"\n'
    config.write_text(config.read_text() + backend)
    hospital.quirks["token"] = lambda _: answer(
        {"access_token": "canary-own", "token_type": "bearer", "expires_in": 300, "scope": "system/*.rs"}
    )
    told = document("--server", hospital.base, "--patients", ids)
    assert (told["exit"], told["charts"]["read"]) == (0, 2)
    sent = {request.headers.get("Authorization") for request in hospital.requests if request.path != "/fhir/token"}
    assert sent == {"Bearer canary-own"}
    assert "canary" not in json.dumps(told)


def test_a_token_that_is_not_set_could_not_be_checked(hospital: Hospital, document: Document) -> None:
    told = document("--server", hospital.base, "--token-env", "NO_SUCH_TOKEN")
    assert (told["exit"], codes(told, "not-checked"), hospital.requests) == (2, ["token-unset"], [])


def test_a_resource_of_another_child_is_a_chart_that_cannot_be_used(
    hospital: Hospital, document: Document, ids: str
) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    everything = [r for r in hospital.resources if r["resourceType"] == "Condition"]
    hospital.quirks["Condition"] = lambda _: answer(searchset(everything))
    told = document("--server", hospital.base, "--patients", ids)
    assert says(told, "charts-refused") == [
        "2 charts could not be read: conditions: a Condition belongs to another patient, nothing was used."
    ]


def test_a_defect_of_ours_in_one_chart_does_not_hide_the_others(
    hospital: Hospital, document: Document, ids: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    from cds_service.check import charts

    real = charts.cover

    def broken(record: Any) -> Any:
        if record.patient.id == "p1":
            raise TypeError("canary")
        return real(record)

    monkeypatch.setattr(charts, "cover", broken)
    told = document("--server", hospital.base, "--patients", ids)
    assert told["charts"]["refusals"] == [
        {"reason": "a defect of this version (TypeError), please report it", "charts": 1}
    ]
    assert row(told, "charts_with_level") == (1, 1)


def test_what_does_not_conform_is_reported_and_read_all_the_same(
    hospital: Hospital, document: Document, ids: str
) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    for resource in hospital.resources:
        if resource["id"].endswith("-level"):
            resource["Canary Person"] = "canary"
            resource["interpretation"] = {"text": "canary"}
    told = document("--server", hospital.base, "--patients", ids)
    assert (told["exit"], row(told, "levels_usable")) == (0, (2, 2))
    assert told["charts"]["conformance"] == {
        "resources": 12,
        "non_conformant": 2,
        "rules": [
            {
                "resource": "Observation",
                "element": element,
                "says": broken,
                "seen": 2,
                "example": "Observation/p1-level",
            }
            for element, broken in (("(something)", "is no element of FHIR R4"), ("interpretation", "is not a list"))
        ],
    }
    assert "anary" not in json.dumps(told)


def test_nothing_of_a_child_is_printed(hospital: Hospital, check: Callable[..., Told], ids: str) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    hospital.resources[0]["name"] = [{"family": "Canary"}]
    hospital.resources[3] |= {"valueQuantity": quantity(1.7654, "canary-unit"), "note": [{"text": "canary"}]}
    hospital.holds(
        [
            observation("p1", "words", {"text": "Infliximab for Canary"}, {"valueString": "canary"}),
            observation("p1", "typed", {"coding": [{"system": LAB, "code": "X1"}], "text": "Infliximab level, Canary"},
                        {"valueString": "canary"}),
        ]
    )  # fmt: skip
    for arguments in ((), ("--json",)):
        _, report, notices = check("--server", hospital.base, "--patients", ids, *arguments)
        assert "anary" not in report + notices
        assert "1.7654" not in report
        assert "2014" not in report
        assert "Observation/p1-level" in report
        _, report, _ = check("--server", hospital.base, "--patients", ids, "--no-ids", *arguments)
        assert "p1" not in report


def test_a_text_cannot_break_the_lines(hospital: Hospital, check: Callable[..., Told], ids: str) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    odd = coded(LAB, "X1\x1b[31m", "Infliximab\nlevel\x1b[31m")
    hospital.holds([observation("p1", "odd", odd, {"valueString": "x"})])
    _, report, _ = check("--server", hospital.base, "--patients", ids)
    assert "\x1b" not in report


@pytest.fixture
def slow(hospital: Hospital, tmp_path: Path) -> str:
    """Forty charts, of which each takes a while."""
    hospital.holds(*(chart(f"p{number}") for number in range(40)))
    hospital.wait = 0.15
    path = tmp_path / "many.txt"
    path.write_text("\n".join(f"p{number}" for number in range(40)))
    return str(path)


def test_ctrl_c_ends_with_what_was_counted_so_far(hospital: Hospital, config: Path, slow: str) -> None:
    command = [sys.executable, "-m", "cds_service.cli", "check", "--config", str(config), "--json"]
    command += ["--server", hospital.base, "--patients", slow, "--sample", "40"]
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, restore_signals=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,  # noqa: PLW1509
    )  # fmt: skip
    while not any(request.path.endswith("/Patient/p2") for request in hospital.requests):
        assert run.poll() is None
    os.kill(run.pid, signal.SIGINT)
    printed, notices = run.communicate(timeout=30)
    told = json.loads(printed)
    assert run.returncode == (1 if codes(told, "missing") else 2)  # on a busy machine a chart may come too late
    assert "Traceback" not in notices
    assert 2 <= told["charts"]["read"] < 40
    assert told["charts"]["interrupted"]
    assert says(told, "interrupted")[0].startswith(f"Interrupted after {told['charts']['read']} of 40 charts")


def test_ctrl_c_while_patients_are_sought(
    hospital: Hospital, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cds_service.check.run.find_patients", interrupted)
    told = document("--server", hospital.base)
    assert (told["exit"], says(told, "patients-needed")) == (
        2,
        ["No patient could be found without ids: the search was interrupted."],
    )
