"""What hospitals order under load: other drugs, infliximab with the chart in the prefetch, infliximab without it."""

import json
from datetime import datetime
from typing import Any

from flask.testing import FlaskClient

from cds_service import patients
from cds_service.app import create_app
from cds_service.site.settings import Settings
from tests.load.open_loop import Order

HOOK = "order-sign"
PATH = f"/cds-services/infliximab-{HOOK}"


def prefetched(as_of: datetime) -> list[Order]:
    """An order for each bundled child, with its whole chart."""
    ours = create_app(Settings()).test_client()
    requests = {name: patients.hook_request(patients.load(name), HOOK, as_of) for name in patients.names()}
    return [_order(name, request, _answer(ours, request)) for name, request in requests.items()]


def on_the_server(as_of: datetime, base: str) -> list[Order]:
    """The same orders with nothing but the address of the FHIR server; the right answers are the same too."""
    found = []
    for order in prefetched(as_of):
        request = patients.hook_request(patients.load(order.child), HOOK, as_of, prefetch=False, fhir_server=base)
        found.append(_order(order.child, request, order.expected))
    return found


def of_another_drug(as_of: datetime) -> list[Order]:
    """Orders that do not concern us, as small as EHRs send them."""
    found = []
    for name in patients.names():
        request = patients.hook_request(patients.load(name), HOOK, as_of, prefetch=False)
        for entry in request["context"]["draftOrders"]["entry"]:
            drug = "code" if entry["resource"]["resourceType"] == "ServiceRequest" else "medicationCodeableConcept"
            entry["resource"].pop("medicationReference", None)
            entry["resource"][drug] = {"text": "prednisolone"}
        found.append(_order(name, request, b'{"cards":[]}\n'))
    return found


def charts(as_of: datetime) -> dict[str, list[dict[str, Any]]]:
    """The chart of every bundled child, by the id of the patient."""
    loaded = [patients.load(name) for name in patients.names()]
    return {child.id: patients.resources(child, as_of) for child in loaded}


def _answer(ours: FlaskClient, request: dict[str, Any]) -> bytes:
    response = ours.post(PATH, json=request)
    if response.status_code != 200:
        raise RuntimeError(f"200 expected, got {response.status_code}: {response.text[:400]}")
    return response.data


def _order(child: str, request: dict[str, Any], expected: bytes) -> Order:
    body = json.dumps(request, separators=(",", ":")).encode()
    lines = (
        f"POST {PATH} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return Order(child, "\r\n".join((*lines, "", "")).encode() + body, expected)
