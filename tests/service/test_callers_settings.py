"""[[callers.allowed]] in the configuration file, what may not be served, and what is said of callers at the start."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli import _tell_where, main
from cds_service.errors import ConfigurationError
from cds_service.site.caller_profiles import FILE, CallerProfile, load_caller_profiles, published_thumbprints
from cds_service.site.profiles import as_table, read_profiles
from cds_service.site.settings import load_settings
from cds_service.site.site import open_site
from cds_service.trust.caller_token import Reason
from tests.service.tokens import AUDIENCE, ISSUER, call, ec_signer, good, p256_signer, rsa_signer
from tests.service.tokens import open_service as open_for

SANDBOX = {
    "name": "sandbox",
    "profile": "sandbox",
    "issuer": "https://sandbox.cds-hooks.org",
    "key_set_file": None,
    "key_set_url": "https://sandbox.cds-hooks.org/.well-known/jwks.json",
}
# The public half of the sandbox's key, as its repository publishes it beside the private one.
SANDBOX_KEY = {
    "kty": "EC", "use": "sig", "crv": "P-384", "alg": "ES384", "kid": "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f",
    "x": "dw_JGR8nB2I6XveNxUOl2qk699ZPLM2nYI5STSdiEl9avAkrm3CkfYMbrrjr8laB",
    "y": "Sm3mLE-n1zYNla_aiE3cb3nZsL51RbC7ysw3q8aJLxGm-hx79RPMYpITDjp7kgzy",
}  # fmt: skip
USUAL = {"name": "EHR", "issuer": ISSUER, "audiences": [AUDIENCE], "key_set_file": "keys.json"}
TABLE = files("cds_service.site").joinpath(FILE).read_text("utf-8")
DEVELOPMENT = '[server]\nmode = "development"\n'


def _table(**more: Any) -> str:
    told = {name: value for name, value in {**USUAL, **more}.items() if value is not None}
    return "[[callers.allowed]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items())


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A configuration file and a key set beside it."""

    def to_file(text: str, *jwks: Any, keys: str | None = None) -> Path:
        (tmp_path / "keys.json").write_text(keys or json.dumps({"keys": jwks or [rsa_signer().jwk()]}))
        file = tmp_path / "site.toml"
        file.write_text(text)
        return file

    return to_file


def _faults(file: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as wrong:
        load_settings(file)
    return [line.removeprefix(f"{file}:") for line in wrong.value.diagnostics]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"issuer": None}, "1: callers.allowed.issuer: field required"),
        ({"issuer": "a b"}, "3: callers.allowed.issuer: printable characters without spaces expected"),
        ({"audiences": None}, "1: callers.allowed.audiences: field required"),
        ({"audiences": []}, "4: callers.allowed.audiences: at least 1 entry expected, got 0"),
        (
            {"audiences": ["https://cds.example/cds-services/infliximab-order-sgin"]},
            "4: callers.allowed.audiences: an address that ends in one of /cds-services, /cds-services/inflixi",
        ),
        ({"audiences": [f"{AUDIENCE}/"]}, "4: callers.allowed.audiences: an address that ends in one of"),
        ({"key_set_file": None}, "1: callers.allowed: key_set_file or key_set_url expected"),
        ({"key_set_file": "no.json"}, "5: callers.allowed.key_set_file: a file with a JWK Set expected, "),
        (
            {"key_set_url": "http://ehr.example/keys"},
            "6: callers.allowed.key_set_url: an https URL expected, http only",
        ),
        ({"key_set_url": "https://u:p@ehr.example/k"}, "6: callers.allowed.key_set_url: an http or https URL with a"),
        ({"profile": "cerner"}, "6: callers.allowed.profile: one of generic, epic, sandbox expected"),
        (
            {"algorithms": ["HS256"]},
            "6: callers.allowed.algorithms: input should be 'ES256', 'ES384', 'ES512', 'PS256'",
        ),
        ({"algorithms": ["none"]}, "6: callers.allowed.algorithms: input should be"),
        ({"algorithms": ["ES384"]}, "5: callers.allowed.key_set_file: a JWK Set with a public signing key for ES384"),
        ({"max_lifetime_seconds": 3601}, "6: callers.allowed.max_lifetime_seconds: input should be less than or equal"),
        ({"max_lifetime_seconds": -1}, "6: callers.allowed.max_lifetime_seconds: input should be greater than"),
        ({"tenants": ["a b"]}, "6: callers.allowed.tenants: printable characters without spaces expected"),
        ({"jwks": "x"}, "6: callers.allowed.jwks: no such setting"),
        ({"isuer": "x"}, "6: callers.allowed.isuer: no such setting, did you mean issuer?"),
        ({"fhir_servers": ["ftp://x"]}, "6: callers.allowed.fhir_servers: an http or https URL"),
        (
            {"fhir_servers": ["https://fhir.example/r4"]},
            "6: callers.allowed.fhir_servers: servers of fhir.allowed_servers expected, https://fhir.example/r4 ",
        ),
    ],
)
def test_a_wrong_caller_is_told_with_line_and_key(more: Any, told: str, write: Any) -> None:
    assert _faults(write(_table(**more)))[0].startswith(told)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("", "a JWK Set with a public signing key for RS384 or ES384 expected"),
        ("{", "a file with a JWK Set expected: body: JSON expected, line 1, column 2"),
        ("[]", 'a JWK Set expected: {"keys": [...]}'),
        ('{"keys": [], "keys": []}', "a file with a JWK Set expected: body: each member once"),
        ("-----BEGIN PUBLIC KEY-----", "a file with a JWK Set expected: body: JSON expected"),
        (" " * 300_000, "a file with a JWK Set expected: body: at most 262144 bytes expected"),
    ],
)
def test_a_file_that_holds_no_key_for_us_is_told(keys: str, told: str, write: Any) -> None:
    (line,) = _faults(write(_table(), keys=keys) if keys else write(_table(), p256_signer().jwk()))
    assert line.startswith(f"5: callers.allowed.key_set_file: {told}")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kid": None}, "(key 1: it has no kid)"),
        ({"use": "enc"}, "(key 1: it is a private key, not one to verify with, or not whole)"),
        ({"alg": "RS256", "kid": "a"}, "(kid a: for RS256)"),
        ({"alg": "none"}, "(key 1: its kty, crv and alg are those of no algorithm that is accepted)"),
        ({"n": "AQAB"}, "(key 1: its numbers are no public key)"),
    ],
)
def test_why_a_key_cannot_be_used_is_told(changed: Any, why: str, write: Any) -> None:
    key = {name: value for name, value in {**rsa_signer().jwk(), **changed}.items() if value is not None}
    (line,) = _faults(write(_table(), key))
    expected = "5: callers.allowed.key_set_file: a JWK Set with a public signing key for RS384 or ES384 expected"
    assert line == f"{expected} {why}"


def test_each_issuer_stands_once(write: Any) -> None:
    told = f"1: callers.allowed: each issuer once expected, {ISSUER} stands here twice"
    assert _faults(write(_table() + _table(name="again"))) == [told]


def test_a_caller_arrives_with_what_its_profile_says(write: Any) -> None:
    site = open_site(load_settings(write(_table(profile="epic", tenants=["north"], subject="client"))))
    caller = site.callers.allowed[ISSUER]
    assert (caller.longest_seconds, caller.algorithms, caller.subject) == (900, frozenset({"RS384"}), "client")
    assert (caller.key_set_url, caller.servers, caller.tenants) == (None, None, frozenset({"north"}))


def test_a_file_that_is_gone_after_the_start_is_told(write: Any, tmp_path: Path) -> None:
    settings = load_settings(write(_table()))
    (tmp_path / "keys.json").unlink()
    with pytest.raises(ConfigurationError, match=r"^callers\.allowed\.key_set_file: a file with a JWK Set expected"):
        open_site(settings)


# Keys that everybody has


PUBLISHED: dict[str, Any] = {
    "its profile": SANDBOX,
    "its issuer": {"issuer": "https://sandbox.cds-hooks.org"},
    "its issuer with a slash": {"issuer": "https://sandbox.cds-hooks.org/"},
    "its key set": {"key_set_file": None, "key_set_url": SANDBOX["key_set_url"]},
    "another path on its host": {"key_set_file": None, "key_set_url": "https://sandbox.cds-hooks.org/keys"},
}


@pytest.mark.parametrize("how", PUBLISHED)
def test_the_public_sandbox_is_refused_in_production(how: str, write: Any) -> None:
    text = _table(**PUBLISHED[how])
    (line,) = _faults(write(text))
    assert line.startswith("1: callers.allowed: keys that nobody else has expected: the private key of ")
    assert line.endswith('is published, which only mode = "development" under [server] accepts')
    assert load_settings(write(DEVELOPMENT + text)).callers.allowed[0].published()


@pytest.mark.parametrize("key_id", [SANDBOX_KEY["kid"], "our own"])
def test_its_key_is_refused_in_production_whoever_brings_it(key_id: str, write: Any) -> None:
    keys = rsa_signer().jwk(), {**SANDBOX_KEY, "kid": key_id}
    assert "the private key of EHR is published" in _faults(write(_table(), *keys))[0]
    site = open_site(load_settings(write(DEVELOPMENT + _table(), *keys)))
    assert site.callers.allowed[ISSUER].keys.named(key_id)


def test_the_published_keys_are_known_by_their_thumbprints() -> None:
    from cds_service.trust.public_keys import read_key_set

    (key,) = read_key_set({"keys": [SANDBOX_KEY]}).keys
    assert key.thumbprint in published_thumbprints()


def test_development_is_for_this_machine_only(write: Any) -> None:
    (line,) = _faults(write(DEVELOPMENT + 'host = "0.0.0.0"\n'))
    assert line == '1: server: mode = "development" with host = "127.0.0.1" expected, not with 0.0.0.0'


# The start


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "cds.hospital.example"])  # noqa: S104
def test_nobody_is_served_unchecked_from_another_machine(
    host: str, write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(f'[server]\nhost = "{host}"\n')
    assert main(["serve", "--config", str(file)]) == 2
    assert capsys.readouterr().err == (
        f"infliximab-cds: {file}: callers.allowed: a table [[callers.allowed]] for each EHR expected with "
        f'server.host = "{host}"; without one only host = "127.0.0.1" is served\n'
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_on_this_machine_it_is_said_loudly_that_nobody_is_checked(
    host: str, write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(write(f'[server]\nhost = "{host}"\n'))
    assert not settings.open_to_anyone
    _tell_where(settings, 8000)
    assert "NOBODY IS CHECKED: callers.allowed is empty." in capsys.readouterr().err


def test_with_callers_another_host_is_served_and_each_is_named(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings(write('[server]\nhost = "0.0.0.0"\n' + _table()))
    assert not settings.open_to_anyone
    _tell_where(settings, 8000)
    told = capsys.readouterr().err
    assert "NOBODY" not in told
    assert "DEVELOPMENT" not in told


def test_a_published_key_is_said_loudly(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _tell_where(load_settings(write(DEVELOPMENT + _table(**SANDBOX))), 8000)
    assert (
        "FOR DEVELOPMENT ONLY: anybody can sign as sandbox, whose private key is published." in capsys.readouterr().err
    )


def test_a_state_folder_that_cannot_be_written_stops_the_start(
    write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("")
    assert main(["serve", "--config", str(write('[server]\nstate_folder = "state"\n' + _table()))]) == 2
    assert "infliximab-cds: server.state_folder: a folder that the service may write to expected" in (
        capsys.readouterr().err
    )


def test_without_callers_nothing_is_loaded_that_checks_tokens_and_with_them_before_the_processes_fork(
    write: Any, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from cds_service.app import create_app;"
        "from cds_service.site.settings import load_settings;"
        "create_app(load_settings(Path(sys.argv[1])));"
        "print([name for name in ('jwt', 'jwt.api_jws', 'cryptography') if name in sys.modules])"
    )

    def loaded(text: str) -> str:
        command = [sys.executable, "-c", code, str(write(text))]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert loaded("") == "[]"
    with_url = _table(key_set_file=None, key_set_url="http://127.0.0.1:1/keys")
    assert loaded(f'[server]\nstate_folder = "{tmp_path}"\n{with_url}') == "['jwt', 'jwt.api_jws', 'cryptography']"


def test_the_sandboxes_token_is_accepted_in_development(write: Any, tmp_path: Path) -> None:
    text = DEVELOPMENT + _table(**{**SANDBOX, "key_set_file": "keys.json"})
    (allowed,) = load_settings(write(text, ec_signer().jwk())).callers.allowed
    service = open_for(tmp_path, allowed, mode="development")
    claims = good(iss=SANDBOX["issuer"], sub="client")
    assert call(service, ec_signer().token(claims, jku=SANDBOX["key_set_url"])).status_code == 200


# The pages


PAGE = (Path(__file__).parents[2] / "docs" / "install-and-configure.md").read_text("utf-8")
LET_IN = PAGE.split("### Let the EHR in")[1].split("\n### ")[0].split("\n## ")[0]


def test_the_examples_of_the_page_are_read(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", LET_IN, re.DOTALL)
    for example in examples:
        (tmp_path / "site.toml").write_text(example)
        settings = load_settings(tmp_path / "site.toml")
        assert not settings.open_to_anyone
        assert open_site(settings).callers.allowed
    assert len(examples) == 2


def test_every_reason_of_a_refusal_is_told() -> None:
    assert [reason for reason in Reason if not re.search(rf"^\|.*\b{reason}\b.*\|.*\|$", LET_IN, re.MULTILINE)] == []


# The profiles


def test_every_fact_of_a_profile_has_a_source_and_the_shelf_is_cited() -> None:
    profiles = load_caller_profiles()
    assert list(profiles.profile) == ["generic", "epic", "sandbox"]
    assert [row.max_lifetime_seconds.value for row in profiles.profile.values()] == [300, 900, 300]
    assert {"RS384", "ES384"} == set(profiles.profile["generic"].algorithms.value)
    assert [name for name, row in profiles.profile.items() if row.published] == ["sandbox"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('source = "smart"', 'source = "nowhere"', "profile.generic.max_lifetime_seconds: nowhere is none of the"),
        ("value = 900", "value = 7200", "profile.epic.max_lifetime_seconds.value: input should be less than or equal"),
        ('value = ["ES384"]', 'value = ["HS384"]', "profile.sandbox.algorithms.value: input should be"),
    ],
)
def test_a_wrong_table_of_profiles_is_told(old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        read_profiles(as_table(FILE, TABLE.replace(old, new, 1)), CallerProfile)
