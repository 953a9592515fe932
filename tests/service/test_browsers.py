"""A client that runs in a browser (CORS): only pages of listed origins, without credentials, off by default."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.app import create_app
from cds_service.site.settings import Server, Settings, load_settings
from tests.service.tokens import NOTHING_ORDERED, SIGN, call, caller, ec_signer, key_file, open_service

PAGE = "https://sandbox.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
OTHERS = ["https://sandbox.example.evil", "https://evil.example", "http://sandbox.example", "null", f"{PAGE}:8443", "*"]


@pytest.fixture
def service(tmp_path: Path) -> FlaskClient:
    known = caller(key_set_file=str(key_file(tmp_path)))
    return open_service(tmp_path, known, browser_origins=(PAGE, "http://localhost:8080"))


def _cors(response: Any) -> dict[str, str]:
    return {name: value for name, value in response.headers if name.startswith("Access-Control-")}


@pytest.mark.parametrize("path", [SIGN, "/cds-services"])
def test_a_preflight_of_a_listed_origin_is_answered_without_a_token(path: str, service: FlaskClient) -> None:
    response = service.options(path, headers={"Origin": PAGE, **PREFLIGHT})
    assert response.status_code == 200
    assert _cors(response) == {
        "Access-Control-Allow-Origin": PAGE,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "600",
    }
    assert response.headers["Vary"] == "Origin"


def test_a_listed_page_reads_discovery_cards_and_errors(service: FlaskClient) -> None:
    answers = [
        service.get("/cds-services", headers={"Origin": PAGE}),
        call(service, ec_signer().token(), Origin="http://localhost:8080"),
        call(service, None, Origin=PAGE),
        call(service, ec_signer().token(), path="/cds-services/other", Origin=PAGE),
    ]
    assert [response.status_code for response in answers] == [200, 200, 401, 401]
    assert [_cors(response) for response in answers] == [
        {"Access-Control-Allow-Origin": origin} for origin in (PAGE, "http://localhost:8080", PAGE, PAGE)
    ]


@pytest.mark.parametrize("origin", OTHERS)
def test_any_other_page_reads_nothing(origin: str, service: FlaskClient) -> None:
    answers: list[Callable[[], Any]] = [
        lambda: service.options(SIGN, headers={"Origin": origin, **PREFLIGHT}),
        lambda: service.get("/cds-services", headers={"Origin": origin}),
        lambda: call(service, ec_signer().token(), Origin=origin),
    ]
    for answer in answers:
        response = answer()
        assert (_cors(response), response.headers["Vary"]) == ({}, "Origin")


def test_a_call_without_an_origin_is_answered_as_ever(service: FlaskClient) -> None:
    response = call(service, ec_signer().token())
    assert (response.status_code, _cors(response), response.headers["Vary"]) == (200, {}, "Origin")


def test_by_default_no_browser_is_let_in() -> None:
    service = create_app(Settings()).test_client()
    for response in (
        service.options(SIGN, headers={"Origin": PAGE, **PREFLIGHT}),
        service.post(SIGN, json=NOTHING_ORDERED, headers={"Origin": PAGE}),
    ):
        assert (response.status_code, _cors(response), "Vary" in response.headers) == (200, {}, False)


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "sandbox.example", f"{PAGE}/", f"{PAGE}/page", "https://Sandbox.example", "HTTPS://x.example"],
)
def test_only_an_exact_origin_can_be_listed(origin: str, tmp_path: Path) -> None:
    from cds_service.errors import ConfigurationError

    file = tmp_path / "site.toml"
    file.write_text(f'[server]\nbrowser_origins = ["{origin}"]\n')
    with pytest.raises(ConfigurationError, match=r":2: server\.browser_origins: an (origin|http or https URL)"):
        load_settings(file)
    assert Server(browser_origins=(PAGE,)).browser_origins == (PAGE,)
