"""The section [ehr] and the table of profiles: every fault is named, discovery differs, a hook that is off is 404."""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cds_service import patients
from cds_service.app import create_app
from cds_service.cli import main
from cds_service.errors import ConfigurationError
from cds_service.hooks import clock
from cds_service.site.ehr import EhrSection
from cds_service.site.ehr_profiles import FILE, EhrProfile, load_profiles, load_sources
from cds_service.site.profiles import as_table, read_profiles
from cds_service.site.services import load_services
from cds_service.site.settings import Fhir, Settings, load_settings

TABLE = files("cds_service.site").joinpath(FILE).read_text("utf-8")
OWN = '{ system = "urn:x", code = "7" }'


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('[ehr]\nprofile = "epik"', 2, "ehr.profile: one of generic, epic, oracle-health, sandbox, hapi expected"),
        ('[ehr]\nprofil = "epic"', 2, "ehr.profil: no such setting, did you mean profile?"),
        ('[ehr]\nhooks = ["order-sing"]', 2, "ehr.hooks: one of order-select, order-sign, patient-view expected, got"),
        ('[ehr]\nhooks = ["order-sign", "order-sign"]', 2, "ehr.hooks: each name once expected"),
        ('[ehr]\nsuggestions = "delete"', 2, "ehr.suggestions: input should be"),
        ('[ehr]\nselection_behavior = "all"', 2, "ehr.selection_behavior: input should be"),
        ('[ehr]\ncds_hooks = "3.0"', 2, "ehr.cds_hooks: input should be"),
        ('[ehr]\nprofile = "epic"\npreference_keys = { 6 = "" }', 3, "ehr.preference_keys.6: string should have"),
        ('[ehr]\n[ehr.preference_keys]\n7 = "A"\n6 = " "', 4, "ehr.preference_keys.6: a text without blanks"),
        ('[ehr]\n[ehr.preference_keys]\n"6" = "A "', 3, "ehr.preference_keys.6: a text without blanks"),
        ('[ehr]\npreference_keys.6 = ""', 2, "ehr.preference_keys.6: string should have at least 1"),
        ('[ehr]\npreference_keys = { six = "A" }', 2, "ehr.preference_keys.six: an interval in whole weeks, 2 to 16"),
        ('[ehr]\npreference_keys = { 06 = "A" }', 2, "ehr.preference_keys.06: an interval in whole weeks"),
        ('[ehr]\npreference_keys = { 1 = "A" }', 2, "ehr.preference_keys.1: an interval in whole weeks"),
        ('[ehr]\npreference_keys = { 6 = "A", 4 = "A" }', 2, "ehr.preference_keys: another key for each interval"),
        ('[ehr]\npreference_keys = { 6 = "A" }', 1, "ehr: no preference_keys expected with suggestions = update"),
        (
            '[ehr]\nsuggestions = "create"\npreference_keys = { 6 = "A" }',
            1,
            "ehr: preference_system expected beside preference_keys",
        ),
        (
            f"[site]\n[ehr]\n[ehr.override_reasons]\ndata-wrong = {OWN}\nno-time = {OWN}",
            5,
            "ehr.override_reasons.no-time: one of our reasons expected: decided-at-visit, quiet-keep-and-recheck,",
        ),
        (
            '[ehr.override_reasons.data-wrong]\nsystem = "urn:x"',
            1,
            "ehr.override_reasons.data-wrong.code: field required",
        ),
        (
            '[ehr.override_reasons]\ndata-wrong = { system = "urn:x", code = "" }',
            2,
            "ehr.override_reasons.data-wrong.code: string should have at least 1 character",
        ),
        (
            '[ehr.override_reasons.data-wrong]\nsystem = ""\ncode = "7"',
            2,
            "ehr.override_reasons.data-wrong.system: string should have at least 1 character",
        ),
        (
            '[ehr.override_reasons.data-wrong]\nsystem = "urn:x"\ncoed = "7"\ncode = "7"',
            3,
            "ehr.override_reasons.data-wrong.coed: no such setting, did you mean code?",
        ),
        (
            f"[ehr]\noverride_reasons = {{ data-wrong = {OWN}, decided-at-visit = {OWN} }}",
            1,
            "ehr: another code for each of override_reasons expected",
        ),
        (
            f'[ehr]\nprofile = "oracle-health"\noverride_reasons = {{ data-wrong = {OWN} }}',
            1,
            "ehr: no override_reasons expected with cds_hooks = 1.0",
        ),
    ],
)
def test_a_wrong_setting_is_told_with_line_and_key(text: str, line: int, told: str, tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as wrong:
        load_settings(file)
    assert [said for said in wrong.value.diagnostics if said.startswith(f"{file}:{line}: {told}")]


def test_a_whole_section_arrives(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(
        f'[ehr]\nprofile = "epic"\nhooks = ["order-sign"]\npreference_keys = {{ 6 = "A" }}\n'
        f"[ehr.override_reasons]\ndata-wrong = {OWN}\n"
    )
    section = load_settings(file).ehr
    assert section.card_form().listed_order(6) == (load_profiles()["epic"].preference_system, "A")
    assert section.card_form().override_reasons[-1].code == "7"
    assert [service.id for service in section.services()] == ["infliximab-order-sign"]


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ('source = "nowhere"', 'source = "epic"', "profile.epic.cds_hooks: nowhere is none of the sources"),
        ('value = "3.0"', 'value = "1.0"', "profile.oracle-health.cds_hooks.value: input should be"),
        ('value = ["order-dispatch"]', 'value = ["patient-view"]', "profile.oracle-health.hooks.value: one of"),
        ("", 'value = "typed"\n', "profile.epic.prefetch.value: field required"),
        ('colour = "red"\nvalue = "typed"', 'value = "typed"', "profile.epic.prefetch.colour: no such setting"),
        ("", "verified = true\n", "profile.generic.cds_hooks.verified: field required"),
    ],
)
def test_a_wrong_row_of_the_profiles_is_named(wrong: str, right: str, told: str) -> None:
    assert right in TABLE
    with pytest.raises(ConfigurationError) as refused:
        read_profiles(as_table(FILE, TABLE.replace(right, wrong, 1)), EhrProfile)
    assert told in "; ".join(refused.value.diagnostics)


def test_every_fact_has_a_source_and_what_the_vendor_never_published_is_not_called_verified() -> None:
    assert {fact.source for row in load_profiles().values() for fact in row.facts.values()} == set(load_sources())
    assert {name: bool(row.unverified) for name, row in load_profiles().items()} == {
        "generic": False,
        "epic": False,
        "oracle-health": True,
        "sandbox": False,
        "hapi": False,
    }
    assert set(load_profiles()["oracle-health"].unverified) == set(load_profiles()["oracle-health"].facts)


def _discovered(**ehr: Any) -> dict[str, dict[str, Any]]:
    client = create_app(Settings(ehr=EhrSection(**ehr))).test_client()
    return {service["hook"]: service for service in client.get("/cds-services").get_json()["services"]}


def test_discovery_differs_where_the_client_cannot_take_it() -> None:
    standard = _discovered()
    assert list(standard) == [service.hook for service in load_services()]
    assert _discovered(profile="epic") == _discovered(profile="sandbox") == standard
    oracle = _discovered(profile="oracle-health")
    assert list(oracle) == ["patient-view"]
    assert set(standard["patient-view"]) - set(oracle["patient-view"]) == {"usageRequirements"}
    hapi = _discovered(profile="hapi")
    assert list(hapi) == ["order-select", "order-sign"]
    assert set(standard["order-sign"]) - set(hapi["order-sign"]) == {"prefetch"}


@pytest.mark.parametrize(
    ("ehr", "status"),
    [
        ({}, {"order-select": 200, "order-sign": 200, "patient-view": 200}),
        ({"profile": "epic"}, {"order-select": 200, "order-sign": 200, "patient-view": 200}),
        ({"profile": "oracle-health"}, {"order-select": 404, "order-sign": 404, "patient-view": 200}),
        (
            {"profile": "oracle-health", "hooks": ("order-sign",)},
            {"order-select": 404, "order-sign": 200, "patient-view": 404},
        ),
    ],
)
def test_a_hook_that_is_off_is_404_and_never_an_empty_answer(ehr: dict[str, Any], status: dict[str, int]) -> None:
    client = create_app(Settings(fhir=Fhir(deadline_seconds=10), ehr=EhrSection(**ehr))).test_client()
    for hook, expected in status.items():
        request = patients.hook_request(patients.load("low-trough"), hook, clock.now())
        answer = client.post(f"/cds-services/infliximab-{hook}", json=request)
        assert answer.status_code == expected
        assert ("cards" in answer.get_json()) == (expected == 200)


def test_a_saved_request_of_a_hook_that_is_off_is_refused_as_the_server_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, charts = tmp_path / "site.toml", tmp_path / "charts"
    config.write_text('[ehr]\nprofile = "oracle-health"\n')
    charts.mkdir()
    saved = charts / "low-trough.json"
    saved.write_text(json.dumps(patients.hook_request(patients.load("low-trough"), "order-sign", clock.now())))
    says = "hook: order-sign is off at this site (ehr.hooks or ehr.profile), on: patient-view"
    assert main(["evaluate", str(saved), "--config", str(config)]) == 2
    told = json.loads(capsys.readouterr().out)["issue"]
    assert [(issue["code"], issue["diagnostics"]) for issue in told] == [("not-found", says)]
    assert main(["burden", str(charts), "--config", str(config)]) == 0
    assert says in capsys.readouterr().out


def test_a_whole_call_with_a_profile_gives_the_same_words_and_another_form() -> None:
    request = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now())
    epic = EhrSection(profile="epic", preference_keys={"5": "SYNTHETIC-IFX-Q5W"})
    (ours,), (theirs,) = (
        create_app(Settings(fhir=Fhir(deadline_seconds=10), ehr=ehr))
        .test_client()
        .post("/cds-services/infliximab-order-sign", json=request)
        .get_json()["cards"]
        for ehr in (EhrSection(), epic)
    )
    assert [ours[name] for name in ("summary", "detail", "indicator")] == [
        theirs[name] for name in ("summary", "detail", "indicator")
    ]
    (action,) = theirs["suggestions"][0]["actions"]
    assert (action["type"], theirs["selectionBehavior"]) == ("create", "any")
    assert action["resource"]["medicationCodeableConcept"]["coding"][0]["code"] == "SYNTHETIC-IFX-Q5W"
    assert set(theirs) == set(ours)


@contextmanager
def _serving(config: Path) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "cds_service.cli", "serve", "--config", str(config)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/cds-services", line)
        assert found, line + process.stderr.read()
        said = [process.stderr.readline() for _ in range(3)]
        yield "".join(said), int(found[1])
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.mark.parametrize(
    ("profile", "told", "hooks"),
    [
        ("epic", "ehr.preference_keys is empty: suggestions are given as text only.", 3),
        ("oracle-health", "ehr.profile oracle-health is not verified in: cds_hooks, hooks,", 1),
    ],
)
def test_a_server_with_a_profile_says_what_is_open_and_discovers_its_hooks(
    profile: str, told: str, hooks: int, tmp_path: Path
) -> None:
    config = tmp_path / "site.toml"
    config.write_text(f'[server]\nport = 0\nworkers = 1\n[ehr]\nprofile = "{profile}"\n')
    with _serving(config) as (said, port):
        assert told in said
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/cds-services")
        services = json.loads(connection.getresponse().read())["services"]
        connection.close()
    assert len(services) == hooks
