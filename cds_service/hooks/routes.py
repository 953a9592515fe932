"""The two endpoints of CDS Hooks: discovery and the call of a service.

Source: CDS Hooks 2.0.1, Discovery and Calling a CDS Service.
"""

from flask import Blueprint, Request, current_app, request
from werkzeug.exceptions import UnsupportedMediaType

from cds_service.hooks import clock
from cds_service.hooks.account import account
from cds_service.hooks.evaluate import evaluate
from cds_service.hooks.request import read_hook_request
from cds_service.hooks.services import find_service
from cds_service.hooks.site import Site
from cds_service.trust.json_gate import read_json

hooks = Blueprint("hooks", __name__)
SITE = "infliximab-cds"  # key of the Site among the application's extensions


@hooks.get("/cds-services")
def describe_services() -> dict[str, object]:
    """Discovery: the services that this site offers and what each wants prefetched."""
    site = _site()
    return {"services": [service.discovery(site.prefetch) for service in site.services]}


@hooks.post("/cds-services/<service_id>")
def answer_hook(service_id: str) -> dict[str, object]:
    """One hook call: cards, an empty list where there is nothing to say, or an error that says what is missing."""
    site = _site()
    deadline, as_of = site.reading_deadline(), clock.now()
    service = find_service(service_id, site.services)
    body = read_json(_read_body(request), site.settings.server.max_request_bytes)
    hook_request = account().asked = read_hook_request(body, service.hook)
    evaluation = account().evaluation = evaluate(hook_request, site, as_of, deadline)
    return {"cards": [card.to_json() for card in evaluation.cards]}


def _site() -> Site:
    site: Site = current_app.extensions[SITE]
    return site


def _read_body(incoming: Request) -> bytes:
    if incoming.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Content-Encoding: a body that is not compressed expected")
    if incoming.mimetype != "application/json":
        raise UnsupportedMediaType("Content-Type: application/json expected")
    if incoming.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("Content-Type: charset utf-8 expected")
    return incoming.get_data(cache=False)
