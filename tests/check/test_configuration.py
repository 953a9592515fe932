"""`infliximab-cds check` without a server: every fault at once, what is left to decide, what to type into the EHR."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from cds_service.check.finding import State, find, load_wording
from cds_service.site.ehr_profiles import load_profiles
from cds_service.site.services import load_services
from cds_service.site.settings import Settings
from cds_service.trust.keys import Algorithm, make_private_key, public_key_set, write_pem
from fhir_mappings.rows import known_tables, read_rows
from fhir_mappings.searches import load_searches, prefetch_templates
from tests.check.conftest import Told

Document = Callable[..., Any]
DECIDED = '[fhir]\nallowed_servers = ["https://fhir.example/r4"]\n[site]\nname = "North"\ntime_zone = "UTC"\n'
LABORATORY = "concept,system,code,use,verified,source\n"
SYSTEMS = "system,url,source\n"


def codes(told: Any, state: str) -> list[str]:
    return [finding["code"] for finding in told["findings"] if finding["state"] == state]


def says(told: Any, code: str) -> list[str]:
    return [finding["says"] for finding in told["findings"] if finding["code"] == code]


def test_a_decided_configuration_can_go_live(check: Callable[..., Told], config: Path) -> None:
    config.write_text(DECIDED)
    code, report, notices = check()
    assert (code, notices) == (0, "")
    assert report.splitlines()[1] == "READY: nothing that was checked stands in the way of going live."
    assert f"ok {config}: every setting is known and within its bounds." in " ".join(report.split())
    assert "What is missing" not in report
    assert "Run this check again with --server URL." in report


def test_what_to_type_into_the_ehr_is_what_discovery_says(document: Document, check: Callable[..., Told]) -> None:
    told = document()["ehr"]
    assert [address["path"] for address in told["addresses"]] == [f"/cds-services/{s.id}" for s in load_services()]
    assert told["prefetch"] == prefetch_templates(load_searches())
    spelled = {"smart_v2": "patient/Specimen.rs", "smart_v1": "patient/Specimen.read", "own": None}
    assert told["scopes"][-1] == {"resource": "Specimen", **spelled}
    _, report, _ = check()
    for key, query in told["prefetch"].items():
        assert f"    {key}\n      {query}\n" in report
    for scope in told["scopes"]:
        assert scope["smart_v2"] in report


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", ["site-unnamed", "time-zone-unset", "servers-unset"]),
        (DECIDED, []),
        (DECIDED.replace("https", "http"), ["server-in-clear"]),
        (DECIDED.replace("https://fhir.example", "http://localhost:8080"), []),
        (DECIDED.replace('"https://fhir.example/r4"', ""), []),
        (DECIDED.replace('time_zone = "UTC"', ""), ["time-zone-unset"]),
        (DECIDED + "[server]\nprot = 1\n[policy]\nnmae = 1", ["configuration-fault"] * 2),
        ("[site", ["configuration-fault"]),
    ],
)
def test_what_is_missing_is_exit_1(text: str, missing: list[str], config: Path, document: Document) -> None:
    config.write_text(text)
    told = document()
    assert codes(told, "missing") == missing
    assert (told["exit"], told["verdict"]) == ((1, "something-missing") if missing else (0, "ready"))


def test_no_file_could_not_be_checked(tmp_path: Path, document: Document) -> None:
    told = document(config=tmp_path / "absent.toml")
    assert (told["exit"], told["verdict"], told["ehr"]) == (2, "not-checked", None)
    assert codes(told, "not-checked") == ["configuration-unreadable"]


def test_with_a_wrong_configuration_no_server_is_asked(config: Path, document: Document) -> None:
    config.write_text("[server]\nprot = 1")
    told = document("--server", "http://127.0.0.1:1/fhir")
    assert (told["exit"], codes(told, "not-checked")) == (1, ["server-held-back"])
    assert says(told, "configuration-fault") == [f"{config}:2: server.prot: no such setting, did you mean port?"]


def test_faults_of_tables_and_risk_model_are_told_together_with_their_lines(config: Path, document: Document) -> None:
    tables = config.parent / "tables"
    tables.mkdir()
    (tables / "laboratory.csv").write_text(
        LABORATORY + "crp,loinc,1-2,use,yes,x\ncrp,loinc,1-3,read,yes,x\n\nsodium,loinc,1-4,read,yes,x\n"
    )
    (tables / "units.csv").write_text("concept,unit\n")
    (tables / "labs.csv").write_text("")
    (tables / "readme.txt").write_text("not read")
    (config.parent / "own.toml").write_text('schema = "infliximab-cds/risk-model/1"\nkind = "none"\n')
    config.write_text(DECIDED + 'tables_folder = "tables"\n[policy]\nrisk_model_file = "own.toml"\n')
    faults = says(document(), "configuration-fault")
    assert [fault.removeprefix(str(config.parent)) for fault in faults] == [
        f"/tables/labs.csv: no such table; known here: {', '.join(known_tables())}",
        "/tables/units.csv, row 1: the columns are concept,unit,factor,use,source",
        "/tables/laboratory.csv, row 2: use is one of read, refuse, ignore, got 'use'",
        faults[3].removeprefix(str(config.parent)),
        "/own.toml:2: kind: input should be 'baseline' or 'recalibrated'",
    ]
    assert "/tables/laboratory.csv, row 5: concept is one of" in faults[3]


def test_searches_by_code_need_codes(config: Path, document: Document) -> None:
    config.write_text(DECIDED.replace("[site]", 'code_filtered_searches = ["laboratory", "scores"]\n[site]'))
    (fault,) = says(document(), "configuration-fault")
    assert fault == (
        "fhir.code_filtered_searches: 'laboratory' needs a code for infliximab_antibody in laboratory.csv of "
        "site.tables_folder"
    )


def test_searches_by_code_are_warned_of(config: Path, document: Document) -> None:
    tables = config.parent / "tables"
    tables.mkdir()
    bare = ("infliximab_antibody", "ses_cd", "pcdai", "wpcdai", "perianal_item")
    rows = [f"{concept},own,{number},read,yes,x" for number, concept in enumerate(bare)]
    (tables / "laboratory.csv").write_text(LABORATORY + "\n".join(rows))
    (tables / "systems.csv").write_text(SYSTEMS + "own,https://own.example,x")
    text = DECIDED.replace("[site]", 'code_filtered_searches = ["laboratory", "scores"]\n[site]')
    config.write_text(text + f'tables_folder = "{tables}"')
    told = document()
    assert (told["exit"], "searches-by-code" in codes(told, "note")) == (0, True)
    assert "concepts-uncoded" not in codes(told, "note")
    assert says(told, "tables-own") == [
        f"{tables}: 6 rows of your own are read before ours (laboratory.csv, systems.csv)."
    ]


def test_own_tables_and_an_own_risk_model_are_told(config: Path, document: Document) -> None:
    tables = config.parent / "tables"
    tables.mkdir()
    (tables / "assays.csv").write_text("assay,words,source\nour-elisa,House ELISA,our laboratory\n")
    model = Path(__file__).parents[2] / "docs" / "risk-models" / "baseline.toml"
    config.write_text(DECIDED + f'tables_folder = "tables"\n[policy]\nrisk_model_file = "{model}"\n')
    told = document()
    assert codes(told, "right") == ["configuration-read", "servers-listed", "risk-model-read", "tables-own"]
    assert "1 row of your own" in says(told, "tables-own")[0]
    assert "our-elisa" in says(told, "assays-without-thresholds")[0]


def test_an_empty_tables_folder_is_told_as_such(config: Path, document: Document) -> None:
    (config.parent / "tables").mkdir()
    config.write_text(DECIDED + 'tables_folder = "tables"\n')
    assert says(document(), "tables-own")[0].endswith("0 rows of your own are read before ours (none).")


@pytest.fixture
def own_token(config: Path) -> Path:
    """A site that is registered at an authorization server; the file of its private key."""
    key = config.parent / "private-key.pem"
    key.write_bytes(write_pem(make_private_key("ES384")))
    key.chmod(0o600)
    server = '[[fhir.backend]]\nserver = "https://fhir.example/r4"\nclient_id = "us"\nkey_id = "k"\n'
    text = f'{DECIDED}[ehr]\nprofile = "epic"\n{server}private_key_file = "private-key.pem"\n'
    config.write_text(text)
    return key


def test_a_private_key_that_fits_is_right_and_brings_scopes_of_our_own(
    own_token: Path, document: Document, check: Callable[..., Told]
) -> None:
    told = document()
    assert told["exit"] == 0
    assert says(told, "key-fits") == [f"{own_token}: a private key that fits ES384."]
    assert "as client us" in says(told, "own-token-for-anyone")[0]
    own = {scope["resource"]: scope["own"] for scope in told["ehr"]["scopes"]}
    assert own["Patient"] == "system/Patient.rs"
    assert [kind for kind, scope in own.items() if scope is None] == [
        "QuestionnaireResponse",
        "MedicationDispense",
        "Specimen",
    ]
    _, report, _ = check()
    assert "\n    system/Medication.rs\n" in report
    assert "preference-keys-unset" in codes(told, "note")


def test_a_private_key_that_others_can_read_is_not_ready(own_token: Path, document: Document) -> None:
    own_token.chmod(0o644)
    told = document()
    assert (told["exit"], codes(told, "missing")) == (1, ["key-open-to-others"])


def test_a_private_key_that_does_not_fit_is_told_with_its_line(
    own_token: Path, document: Document, config: Path
) -> None:
    own_token.write_bytes(write_pem(make_private_key("RS384")))
    (fault,) = says(document(), "configuration-fault")
    line = config.read_text().splitlines().index('private_key_file = "private-key.pem"') + 1
    assert fault.startswith(
        f"{config}:{line}: fhir.backend.private_key_file: a private key on the elliptic curve P-384"
    )


def test_a_private_key_may_come_from_the_environment(
    own_token: Path, document: Document, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", own_token.read_text())
    text = config.read_text().replace('private_key_file = "private-key.pem"', 'private_key_variable = "OUR_KEY"')
    config.write_text(text)
    assert says(document(), "key-fits") == ["the environment variable OUR_KEY: a private key that fits ES384."]


@pytest.mark.parametrize(
    ("profile", "hooks", "queries"),
    [("generic", 3, True), ("epic", 3, True), ("oracle-health", 1, True), ("hapi", 2, False)],
)
def test_what_to_type_is_what_this_ehr_takes(
    profile: str, hooks: int, queries: bool, config: Path, document: Document, check: Callable[..., Told]
) -> None:
    config.write_text(f'{DECIDED}[ehr]\nprofile = "{profile}"\n')
    told = document()
    assert (len(told["ehr"]["addresses"]), bool(told["ehr"]["prefetch"])) == (hooks, queries)
    assert told["ehr"]["tasks"] == list(load_profiles()[profile].tasks)
    assert ("profile-unverified" in codes(told, "note")) is bool(load_profiles()[profile].unverified)
    _, report, _ = check()
    assert ("No prefetch: this EHR takes none of ours" in report) is not queries
    assert all(" ".join(task.split()) in " ".join(report.split()) for task in told["ehr"]["tasks"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--server", "ftp://x"), "--server: an http or https URL"),
        (("--patients", "ids.txt"), "--patients: --server URL expected beside it"),
        (("--server", "http://127.0.0.1/fhir", "--patients", "{folder}/absent"), "No such file"),
        (("--server", "http://127.0.0.1/fhir", "--patients", "{folder}/binary"), "--patients: UTF-8 expected"),
        (("--server", "http://127.0.0.1/fhir", "--patients", "{folder}/names"), "--patients, line 3: one patient id"),
        (("--server", "http://127.0.0.1/fhir", "--patients", "{folder}/empty"), "at least one patient id expected"),
    ],
)
def test_what_cannot_begin_is_one_clear_line_and_exit_2(
    arguments: tuple[str, ...], complaint: str, check: Callable[..., Told], tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "names").write_text("# ids\np1\nCanary Person\n")
    (tmp_path / "empty").write_text("# nothing\n\n")
    code, report, notices = check(*(argument.format(folder=tmp_path) for argument in arguments))
    assert (code, report, len(notices.splitlines())) == (2, "", 1)
    assert complaint in notices
    assert "Canary" not in notices


@pytest.mark.parametrize("number", ["0", "-1", "many", "100001"])
def test_a_sample_is_a_number_of_charts(number: str, check: Callable[..., Told]) -> None:
    with pytest.raises(SystemExit) as ended:
        check("--sample", number)
    assert ended.value.code == 2


def test_nothing_is_written(config: Path, check: Callable[..., Told]) -> None:
    before = sorted(config.parent.iterdir())
    check()
    check("--json")
    assert sorted(config.parent.iterdir()) == before


def test_every_sentence_can_be_filled_and_is_one() -> None:
    for code, wording in load_wording().items():
        told = find(code, **dict.fromkeys(wording.slots, "x"))
        assert told.says.endswith((".", "x")), code
        assert not told.do or told.do.endswith("."), code
        assert told.do or told.state in (State.RIGHT, State.NOTE) or code in ("server-held-back", "interrupted"), code


def test_every_sentence_is_used() -> None:
    room = Path(__file__).parents[2] / "cds_service" / "check"
    sources = "".join(path.read_text("utf-8") for path in room.glob("*.py"))
    built = {f"{stem}-{fate}" for stem in ("unmapped", "words-only") for fate in ("needed", "by-name", "not-read")}
    assert [code for code in load_wording() if f'"{code}"' not in sources and code not in built] == []


def test_no_setting_is_named_that_does_not_exist() -> None:
    told = " ".join(f"{wording.says} {wording.do}" for wording in load_wording().values())
    sections = {name: type(section).model_fields for name, section in Settings()}
    for name, fields in sections.items():
        for word in told.split():
            section, _, key = word.strip(".,:;[]").partition(".")
            assert section != name or not key or key in fields, word
    assert read_rows("laboratory.csv")


@pytest.fixture
def caller(config: Path, httpserver: HTTPServer) -> Callable[..., None]:
    """Writes a site with one caller, whose keys stand in a file or behind a URL of the server for tests."""

    def write(keys: str = "", more: str = "", *, signs_with: Algorithm = "ES384", status: int = 200) -> None:
        held = json.dumps(public_key_set(make_private_key(signs_with), signs_with))
        (config.parent / "keys.json").write_text(held)
        httpserver.expect_request("/keys").respond_with_data(held, status)
        source = keys or f'key_set_url = "{httpserver.url_for("/keys")}"'
        config.write_text(
            f'{DECIDED}{more}[[callers.allowed]]\nname = "EHR"\nissuer = "https://ehr.example"\n'
            f'audiences = ["us"]\nalgorithms = ["ES384"]\n{source}\n'
        )

    return write


def test_keys_of_a_caller_that_can_be_read_are_right(caller: Any, config: Path, document: Document) -> None:
    caller('key_set_file = "keys.json"')
    told = document()
    assert (told["exit"], says(told, "caller-keys-read")) == (
        0, [f"EHR: tokens of https://ehr.example are checked with the keys of {config.parent}/keys.json."],
    )  # fmt: skip
    caller()
    assert says(document(), "caller-keys-read")[0].endswith("/keys.")


def test_keys_of_a_caller_that_cannot_be_had_or_used_are_missing(
    caller: Any, httpserver: HTTPServer, document: Document
) -> None:
    caller(status=503)
    told = document()
    assert (told["exit"], codes(told, "missing")) == (1, ["caller-keys-unread"])
    assert "the key set's server answered 503. Every call of https://ehr.example" in says(told, "caller-keys-unread")[0]
    httpserver.clear()
    caller(signs_with="RS384")
    told = document()
    assert (told["exit"], codes(told, "missing")) == (1, ["caller-keys-unfit"])
    assert "can be used with ES384." in says(told, "caller-keys-unfit")[0]


def test_an_endpoint_at_which_every_token_is_refused_is_missing(caller: Any, config: Path, document: Document) -> None:
    caller('key_set_file = "keys.json"', "[callers]\ndiscovery_needs_token = true\n")
    assert codes(document(), "missing") == []  # a text of no endpoint counts at each
    sign = "https://cds.example/cds-services/infliximab-order-sign"
    config.write_text(config.read_text().replace('["us"]', f'["{sign}"]'))
    told = document()
    assert (told["exit"], codes(told, "missing")) == (1, ["caller-audiences-lacking"])
    (lacking,) = says(told, "caller-audiences-lacking")
    assert "for /cds-services, /cds-services/infliximab-order-select, /cds-services/infliximab-patient-view:" in lacking


def test_keys_that_nobody_could_choose_between_are_missing(caller: Any, config: Path, document: Document) -> None:
    caller('key_set_file = "keys.json"')
    file = config.parent / "keys.json"
    (key,) = json.loads(file.read_text())["keys"]
    file.write_text(json.dumps({"keys": [key, key]}))
    told = document()
    assert codes(told, "missing") == ["caller-keys-alike"]
    assert f"several keys with the kid {key['kid']}" in says(told, "caller-keys-alike")[0]


def test_a_state_folder_that_cannot_be_written_is_missing(caller: Any, config: Path, document: Document) -> None:
    caller(
        'key_set_file = "keys.json"', '[server]\nstate_folder = "site.toml/state"\n'.replace("site.toml", config.name)
    )
    told = document()
    assert codes(told, "missing") == ["state-folder-unusable"]
    assert f"{config} is a file" in says(told, "state-folder-unusable")[0]
    caller('key_set_file = "keys.json"', '[server]\nstate_folder = "new/state"\n')
    assert codes(document(), "missing") == []
    assert not (config.parent / "new").exists()


def test_a_folder_is_no_configuration_file(tmp_path: Path, document: Document) -> None:
    assert says(document(config=tmp_path), "configuration-unreadable") == [
        f"{tmp_path}: a file expected, it is a folder"
    ]


def test_a_caller_for_development_is_noted(caller: Any, document: Document) -> None:
    caller('key_set_file = "keys.json"\nprofile = "sandbox"', '[server]\nmode = "development"\n')
    assert "caller-published" in codes(document(), "note")


@pytest.mark.parametrize(("host", "state"), [("127.0.0.1", "note"), ("0.0.0.0", "missing")])  # noqa: S104
def test_a_site_without_callers_is_told_that_nobody_is_checked(
    host: str, state: str, config: Path, document: Document
) -> None:
    config.write_text(f'{DECIDED}[server]\nhost = "{host}"\n')
    assert {"callers-none", "callers-needed"} & set(codes(document(), state))
