"""docs/schemas/openapi.json tells what the code does: services, prefetch, statuses, cards. Children are synthetic."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, ValidationError

from cds_service import patients
from cds_service.app import create_app
from cds_service.errors import Busy, CdsError
from cds_service.hooks import clock
from cds_service.site.services import load_services
from cds_service.site.settings import Server, Settings
from fhir_mappings.searches import load_searches, prefetch_templates
from tests.service.tokens import caller, key_file, open_service

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
OPENAPI: Json = json.loads((ROOT / "docs" / "schemas" / "openapi.json").read_text("utf-8"))
SCHEMAS: Json = OPENAPI["components"]["schemas"]
RESPONSES: Json = OPENAPI["components"]["responses"]
GOLDEN = sorted((ROOT / "tests" / "cards").glob("golden*/*.json"))
SIGN = "/cds-services/infliximab-order-sign"


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": OPENAPI["components"]})


def references(node: Any) -> Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key == "$ref":
            yield value
        yield from references(value)


def cards_of(document: Any) -> list[Json]:
    """The cards of a golden file: one, a list, or those of each case."""
    if isinstance(document, dict) and "summary" in document:
        return [document]
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [card for value in inner for card in cards_of(value)]


def family(error: type[CdsError] = CdsError) -> Iterator[type[CdsError]]:
    yield error
    for child in error.__subclasses__():
        yield from family(child)


@pytest.fixture(scope="module")
def service() -> FlaskClient:
    return create_app(Settings()).test_client()


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_part_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_reference_leads_somewhere_and_every_part_is_referred_to() -> None:
    parts = {f"#/components/{kind}/{name}" for kind, held in OPENAPI["components"].items() for name in held}
    found = set(references(OPENAPI))
    assert found <= parts
    assert parts - found == {"#/components/securitySchemes/callerToken", "#/components/responses/405"}


def test_the_paths_are_discovery_and_the_services_each_with_its_hook() -> None:
    bodies = {
        path: item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for path, item in OPENAPI["paths"].items()
        if "post" in item
    }
    assert bodies == {f"/cds-services/{service.id}": service.hook for service in load_services()}
    assert set(OPENAPI["paths"]) - set(bodies) == {"/cds-services"}
    assert [SCHEMAS[hook]["properties"]["hook"]["const"] for hook in bodies.values()] == list(bodies.values())


def test_the_prefetch_has_the_keys_of_discovery() -> None:
    assert list(SCHEMAS["Prefetch"]["properties"]) == list(prefetch_templates(load_searches()))


def test_the_statuses_are_those_that_the_page_tells_and_all_of_the_family() -> None:
    page = (ROOT / "docs" / "install-and-configure.md").read_text("utf-8")
    table = page.split("## What the EHR gets back")[1]
    told = set(re.findall(r"\b[2345]\d\d\b", " ".join(re.findall(r"^\| (.+?) \|", table, re.MULTILINE))))
    assert set(RESPONSES) == told
    assert {str(error.status) for error in family()} <= told


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_golden_card_has_the_form_of_a_card(path: Path) -> None:
    cards = cards_of(json.loads(path.read_text("utf-8")))
    assert cards
    for card in cards:
        validator("Card").validate(card)


@pytest.mark.parametrize("hook", ["order-select", "order-sign", "patient-view"])
@pytest.mark.parametrize("name", ["low-trough", "first-order", "in-target", "subcutaneous"])
def test_the_request_of_a_bundled_child_and_its_answer_are_as_described(
    name: str, hook: str, service: FlaskClient
) -> None:
    request = patients.hook_request(patients.load(name), hook, clock.now(), fhir_server="http://127.0.0.1:1/fhir")
    validator(hook).validate(request)
    response = service.post(f"/cds-services/infliximab-{hook}", json=request)
    assert response.status_code == 200
    validator("Cards").validate(response.get_json())


@pytest.mark.parametrize(
    ("hook", "place", "wrong"),
    [
        ("order-sign", "hook", "order-select"),
        ("order-sign", "hookInstance", ""),
        ("order-select", "context", {"userId": "u", "patientId": "p"}),
        ("patient-view", "context", {}),
        ("patient-view", "context", {"userId": "u", "patientId": "Patient/p"}),
        ("patient-view", "fhirServer", 7),
        ("patient-view", "prefetch", []),
    ],
)
def test_what_the_file_forbids_is_400(hook: str, place: str, wrong: Any, service: FlaskClient) -> None:
    request = {**patients.hook_request(patients.load("low-trough"), hook, clock.now()), place: wrong}
    with pytest.raises(ValidationError):
        validator(hook).validate(request)
    response = service.post(f"/cds-services/infliximab-{hook}", json=request)
    assert response.status_code == 400


def answers(tmp_path: Path) -> dict[str, Any]:
    """One answer for each status that a request can bring about."""
    service: FlaskClient = create_app(Settings(server=Server(max_request_bytes=10_000))).test_client()
    closed = open_service(tmp_path, caller(key_set_file=str(key_file(tmp_path))))
    view = {"hook": "patient-view", "hookInstance": "x", "context": {"userId": "u", "patientId": "p"}}
    return {
        "400": service.post(SIGN, json={}),
        "401": closed.post(SIGN, json={}),
        "404": service.post("/cds-services/other", json={}),
        "405": service.get(SIGN),
        "412": service.post("/cds-services/infliximab-patient-view", json=view),
        "413": service.post(SIGN, json="x" * 10_000),
        "415": service.post(SIGN, data="{}"),
    }


def test_each_status_comes_in_its_documented_form_with_its_headers(tmp_path: Path) -> None:
    found = answers(tmp_path)
    assert set(RESPONSES) - set(found) == {"200", "500", "503"}
    for status, response in found.items():
        assert response.status_code == int(status)
        validator("OperationOutcome").validate(response.get_json())
        for name, header in RESPONSES[status].get("headers", {}).items():
            Draft202012Validator(header["schema"]).validate(response.headers[name])


@pytest.mark.parametrize("error", [CdsError, Busy])
def test_500_and_503_have_the_documented_form(error: type[CdsError]) -> None:
    validator("OperationOutcome").validate(error("x").operation_outcome())
    assert set(RESPONSES[str(error.status)].get("headers", {})) == set(error.headers)


def test_discovery_is_as_described(service: FlaskClient) -> None:
    validator("Discovery").validate(service.get("/cds-services").get_json())
