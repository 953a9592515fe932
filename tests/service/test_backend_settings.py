"""[[fhir.backend]] in the configuration file, the private key behind it, and the command that makes one."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from cds_service.cli import _tell_where, main
from cds_service.errors import ConfigurationError
from cds_service.site.settings import load_settings
from cds_service.site.site import open_site
from cds_service.trust.keys import make_private_key, read_private_key, thumbprint, write_pem

SERVER = "https://fhir.hospital.example/r4"
USUAL = {"server": SERVER, "client_id": "c", "key_id": "k", "private_key_file": "key.pem"}


def _pem(key: Any, form: Any = serialization.PrivateFormat.PKCS8, passphrase: bytes | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    text: bytes = key.private_bytes(serialization.Encoding.PEM, form, lock)
    return text


P384 = ec.generate_private_key(ec.SECP384R1())
RSA2048 = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PUBLIC = P384.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _table(**more: Any) -> str:
    told = {name: value for name, value in {**USUAL, **more}.items() if value is not None}
    return "[[fhir.backend]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items())


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A configuration file and a key beside it."""

    def to_file(text: str, key: bytes | None = None) -> Path:
        (tmp_path / "key.pem").write_bytes(write_pem(P384) if key is None else key)
        (tmp_path / "key.pem").chmod(0o600)
        file = tmp_path / "site.toml"
        file.write_text(text)
        return file

    return to_file


def _settings(**more: Any) -> str:
    return f'[fhir]\nallowed_servers = ["{SERVER}"]\n\n{_table(**more)}'


def _faults(file: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as wrong:
        load_settings(file)
    return [line.removeprefix(f"{file}:") for line in wrong.value.diagnostics]


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES384", _pem(P384)),
        ("ES384", _pem(P384, TRADITIONAL)),
        ("RS384", _pem(RSA2048)),
        ("RS384", _pem(RSA2048, TRADITIONAL)),
    ],
)
def test_a_registration_arrives(algorithm: str, key: bytes, write: Any) -> None:
    more = {"algorithm": algorithm, "token_url": "https://auth.hospital.example/oauth2/token/"}
    settings = load_settings(write(_settings(**more), key))
    (token,) = open_site(settings).own_access.tokens
    assert token.registration.server.url == SERVER
    assert (token.registration.client_id, token.registration.algorithm) == ("c", algorithm)
    assert token.registration.token_url == "https://auth.hospital.example/oauth2/token/"
    assert "system/MedicationAdministration.rs" in token.registration.scopes


def test_two_servers_have_two_registrations(write: Any) -> None:
    other = "https://fhir.other.example"
    text = f'[fhir]\nallowed_servers = ["{SERVER}", "{other}"]\n{_table()}\n{_table(server=other, client_id="d")}'
    known = [token.registration for token in open_site(load_settings(write(text))).own_access.tokens]
    assert [(one.server.url, one.client_id) for one in known] == [(SERVER, "c"), (other, "d")]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"client_id": None}, "4: fhir.backend.client_id: field required"),
        ({"client_id": ""}, "6: fhir.backend.client_id: printable characters without spaces expected"),
        ({"client_id": "a b"}, "6: fhir.backend.client_id: printable characters without spaces expected"),
        ({"key_id": "ä"}, "7: fhir.backend.key_id: printable characters without spaces expected"),
        ({"kye_id": "k"}, "9: fhir.backend.kye_id: no such setting, did you mean key_id?"),
        ({"algorithm": "HS256"}, "9: fhir.backend.algorithm: input should be 'ES384' or 'RS384'"),
        ({"algorithm": "none"}, "9: fhir.backend.algorithm: input should be 'ES384' or 'RS384'"),
        ({"algorithm": "RS384"}, "8: fhir.backend.private_key_file: an RSA private key of at least 2048 bits expected"),
        ({"private_key_file": "no.pem"}, "8: fhir.backend.private_key_file: a file with the private key expected, "),
        ({"private_key_file": None}, "4: fhir.backend.private_key_file: a file with the private key expected"),
        (
            {"private_key_file": None, "private_key_variable": "NOT_SET_HERE"},
            "4: fhir.backend.private_key_file: a file expected, or the key in the environment variable NOT_SET_HERE",
        ),
        ({"private_key_variable": "A-B"}, "9: fhir.backend.private_key_variable: the name of an environment variable"),
        ({"server": "ftp://x"}, "5: fhir.backend.server: an http or https URL"),
        ({"server": "http://fhir.hospital.example/r4"}, "5: fhir.backend.server: an https URL expected, http only on"),
        ({"server": f"{SERVER}x"}, f"4: fhir.backend: servers of allowed_servers expected, {SERVER}x is none"),
        ({"token_url": "http://auth.hospital.example/t"}, "9: fhir.backend.token_url: an https URL expected"),
        ({"token_url": "https://u:p@auth.example/t"}, "9: fhir.backend.token_url: an http or https URL with a plain"),
        ({"key_set_url": "http://hospital.example/k"}, "9: fhir.backend.key_set_url: an https URL expected"),
        ({"scopes": ["system/Observation.write"]}, "9: fhir.backend.scopes: scopes for reading expected"),
        ({"scopes": ["system/*.*"]}, "9: fhir.backend.scopes: scopes for reading expected"),
        ({"scopes": ["system/Observation.cruds"]}, "9: fhir.backend.scopes: scopes for reading expected"),
        ({"scopes": ["a b"]}, "9: fhir.backend.scopes: printable characters without spaces expected"),
    ],
)
def test_a_wrong_registration_is_told_with_line_and_key(more: Any, told: str, write: Any) -> None:
    (line,) = _faults(write(_settings(**more)))
    assert line.startswith(told)


@pytest.mark.parametrize(
    ("algorithm", "key", "told"),
    [
        ("ES384", b"", "a private key in PEM form"),
        ("ES384", b"canary", "a private key in PEM form"),
        ("ES384", PUBLIC, "a private key in PEM form"),
        ("ES384", _pem(P384).replace(b"M", b"N", 3), "a private key in PEM form"),
        ("ES384", _pem(P384, passphrase=b"canary"), "a private key without a passphrase expected"),
        ("ES384", _pem(ec.generate_private_key(ec.SECP256R1())), "a private key on the elliptic curve P-384"),
        ("ES384", _pem(ec.generate_private_key(ec.SECP521R1())), "a private key on the elliptic curve P-384"),
        ("ES384", _pem(ed25519.Ed25519PrivateKey.generate()), "a private key on the elliptic curve P-384"),
        ("ES384", _pem(RSA2048), "a private key on the elliptic curve P-384"),
        ("RS384", _pem(P384), "an RSA private key of at least 2048 bits"),
        ("RS384", _pem(rsa.generate_private_key(65537, 1024)), "an RSA private key of at least 2048 bits"),  # noqa: S505
    ],
)
def test_a_key_of_another_kind_stops_the_start(algorithm: str, key: bytes, told: str, write: Any) -> None:
    (line,) = _faults(write(_settings(algorithm=algorithm), key))
    assert line.startswith(f"8: fhir.backend.private_key_file: {told}")
    assert "canary" not in line


def test_the_fault_is_on_the_line_of_its_own_table(write: Any) -> None:
    first, second = _table(server="http://127.0.0.1:1/a"), _table(server="http://127.0.0.1:1/b", key_id=" ")
    assert _faults(write(f"{first}\n{second}")) == [
        "10: fhir.backend.key_id: printable characters without spaces expected"
    ]


def test_each_server_stands_once(write: Any) -> None:
    text = f"{_table(server='http://127.0.0.1:1/a')}\n{_table(server='http://127.0.0.1:1/a/')}"
    assert _faults(write(text)) == [
        "1: fhir.backend: each server once expected, http://127.0.0.1:1/a stands here twice"
    ]


def test_a_single_table_is_told_to_be_a_list(write: Any) -> None:
    (line,) = _faults(write(_table().replace("[[", "[").replace("]]", "]")))
    assert line.startswith("1: fhir.backend: a list expected")


def test_without_allowed_servers_only_this_machine_can_be_registered(write: Any) -> None:
    assert "servers of allowed_servers expected" in _faults(write(_table()))[0]
    assert load_settings(write(_table(server="http://127.0.0.1:1/fhir"))).fhir.backend


def test_the_environment_overrides_the_file(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_KEY", _pem(RSA2048).decode())
    text = _settings(algorithm="RS384", private_key_variable="OUR_KEY")
    (token,) = open_site(load_settings(write(text))).own_access.tokens
    assert token.registration.private_key.public_key() == RSA2048.public_key()
    monkeypatch.delenv("OUR_KEY")
    assert "an RSA private key of at least" in _faults(write(text))[0]


def test_the_key_is_no_part_of_the_settings(write: Any) -> None:
    settings = load_settings(write(_settings()))
    body = _pem(P384).decode().splitlines()[1]
    assert body not in repr(settings)
    assert body not in settings.model_dump_json()


def test_a_key_that_is_gone_after_the_start_is_told(write: Any, tmp_path: Path) -> None:
    settings = load_settings(write(_settings()))
    (tmp_path / "key.pem").unlink()
    with pytest.raises(ConfigurationError, match=rf"private_key_file for {SERVER}: a file with the private key"):
        open_site(settings)


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_a_key_that_others_can_use_is_a_notice(
    mode: int, told: bool, write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(write(_settings()))
    (tmp_path / "key.pem").chmod(mode)
    _tell_where(settings, 8000)
    notices = capsys.readouterr().err
    assert (f"has mode {mode:04o}: others can use the private key" in notices) is told
    assert f"Calls that bring no FHIR token read {SERVER} with ours" in notices


def test_a_key_from_the_environment_needs_no_file(
    write: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OUR_KEY", _pem(P384).decode())
    _tell_where(load_settings(write(_settings(private_key_file="none.pem", private_key_variable="OUR_KEY"))), 8000)
    assert "mode" not in capsys.readouterr().err


# The command


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_the_command_makes_a_key_that_the_settings_accept_and_its_public_half(
    algorithm: Any, write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "keys"
    assert main(["keys", "--out", str(folder), "--algorithm", algorithm]) == 0
    printed = capsys.readouterr()
    (public,) = json.loads(printed.out)["keys"]
    file = folder / "private-key.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (public["use"], public["alg"], public["key_ops"]) == ("sig", algorithm, ["verify"])
    assert public.keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi"})
    assert f"private_key_file = '{file}'" in printed.err
    assert f"key_id = '{public['kid']}'" in printed.err
    key = read_private_key(file.read_bytes(), algorithm)
    signed = jwt.encode({"iss": "x"}, key, algorithm=algorithm)
    assert jwt.decode(signed, jwt.PyJWK(public), algorithms=[algorithm]) == {"iss": "x"}
    assert load_settings(write(_settings(private_key_file=str(file), algorithm=algorithm)))


def test_a_thumbprint_is_that_of_the_example_in_rfc_7638() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    assert thumbprint({"kty": "RSA", "n": modulus, "e": "AQAB"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_key_in_use_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--out", str(tmp_path)]) == 0
    before = (tmp_path / "private-key.pem").read_bytes()
    capsys.readouterr()
    assert main(["keys", "--out", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert (printed.out, (tmp_path / "private-key.pem").read_bytes()) == ("", before)
    assert "the private key cannot be written: File exists" in printed.err


def test_a_new_key_is_a_new_one() -> None:
    assert make_private_key("ES384").public_key() != make_private_key("ES384").public_key()
