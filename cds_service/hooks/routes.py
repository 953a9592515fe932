"""The two endpoints of CDS Hooks: discovery and the call of a service.

Source: CDS Hooks 2.0.1, Discovery, Calling a CDS Service, Cross-Origin Resource Sharing.
"""

from flask import Blueprint, Request, Response, current_app, request
from werkzeug.exceptions import ClientDisconnected, UnsupportedMediaType

from cds_service.errors import BadHookRequest
from cds_service.hooks import clock
from cds_service.hooks.account import account
from cds_service.hooks.evaluate import evaluate
from cds_service.hooks.request import read_hook_request
from cds_service.site.services import find_service
from cds_service.site.site import Site
from cds_service.trust.caller_token import SERVICES
from cds_service.trust.json_gate import read_json
from cds_service.whole_bodies import BROKEN

hooks = Blueprint("hooks", __name__)
SITE = "infliximab-cds"  # key of the Site among the application's extensions
BROWSERS_MAY_SEND = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


@hooks.get(SERVICES)
def describe_services() -> dict[str, object]:
    """Discovery: the services that this site offers and what each wants prefetched."""
    site = _site()
    if site.settings.callers.discovery_needs_token:
        site.callers.admit(request.headers.get("Authorization"), SERVICES)
    return {"services": [service.discovery(site.prefetch) for service in site.services]}


@hooks.post(f"{SERVICES}/<service_id>")
def answer_hook(service_id: str) -> dict[str, object]:
    """One hook call: cards, an empty list where there is nothing to say, or an error that says what is missing."""
    site = _site()
    deadline, as_of = site.reading_deadline(), clock.now()
    caller = site.callers.admit(request.headers.get("Authorization"), f"{SERVICES}/{service_id}")
    account().client = caller.name if caller else None
    service = find_service(service_id, site.services)
    body = read_json(_read_body(request), site.settings.server.max_request_bytes)
    hook_request = account().asked = read_hook_request(body, service.hook)
    evaluation = account().evaluation = evaluate(hook_request, site.for_caller(caller), as_of, deadline)
    return {"cards": [card.to_json() for card in evaluation.cards]}


@hooks.after_request
def let_browsers_read(response: Response) -> Response:
    """CORS (Fetch standard, 3.2): a page of a listed origin may read our answers. Flask itself answers OPTIONS."""
    origins = _site().settings.server.browser_origins
    if origins:
        response.vary.add("Origin")
    if request.headers.get("Origin") in origins:
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        if request.method == "OPTIONS":
            response.headers.update(BROWSERS_MAY_SEND)
    return response


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
    try:
        body = incoming.get_data(cache=False)
    except (*BROKEN, ClientDisconnected) as error:
        raise BadHookRequest("body: a whole one expected, it broke off or is not in well-formed chunks") from error
    if incoming.content_length is not None and len(body) < incoming.content_length:
        raise BadHookRequest(f"body: {incoming.content_length} bytes expected as Content-Length says, got {len(body)}")
    return body
