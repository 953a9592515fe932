"""The Flask application: wiring, and one place where every error becomes an OperationOutcome."""

from typing import Any

from flask import Flask, Response, current_app, jsonify
from werkzeug.exceptions import HTTPException

from cds_service.admission import ALWAYS, HEALTH, Admission
from cds_service.errors import CdsError
from cds_service.hooks.account import Accounting, account
from cds_service.hooks.routes import SITE, hooks
from cds_service.operations.log import tell, told_of
from cds_service.site.settings import Settings
from cds_service.site.site import open_site
from cds_service.trust.caller_token import SERVICES
from cds_service.whole_bodies import WholeBodies

_EXPECTED = {
    404: f"GET {SERVICES} or POST {SERVICES}/<id of a service> expected",
    405: "{methods} expected at this address",
    413: "body: at most {most} bytes expected (server.max_request_bytes)",
}
_ISSUE_TYPES = {400: "invalid", 404: "not-found", 405: "not-supported", 413: "too-long", 415: "not-supported"}


def create_app(settings: Settings) -> Flask:
    """The service for one site. Builds everything, keeps no connection open and starts no thread.

    Raises ConfigurationError where the site cannot be opened or its state folder not be written to.
    """
    app = Flask("cds_service", static_folder=None)
    # One byte more than the gate accepts, so that a body without a length is recognised as too large too.
    app.config["MAX_CONTENT_LENGTH"] = settings.server.max_request_bytes + 1
    app.json.sort_keys = False  # type: ignore[attr-defined]
    site = app.extensions[SITE] = open_site(settings)
    site.callers.prepare()
    app.register_blueprint(hooks)
    app.add_url_rule(HEALTH, view_func=_tell_health)
    app.register_error_handler(CdsError, _tell_error)
    app.register_error_handler(HTTPException, _tell_http_error)
    app.register_error_handler(Exception, _tell_defect)
    app.after_request(_add_headers)
    # Flask's own way; the account stands outermost, so that it tells of the calls that were turned away too.
    admitting = Admission(app.wsgi_app, settings.server.threads)
    whole = WholeBodies(admitting, settings.server.max_request_bytes)
    app.wsgi_app = Accounting(whole)  # type: ignore[method-assign]
    return app


def _tell_health() -> dict[str, str]:
    # For a proxy in front, which the world may reach through it: version and readiness stand on the second port.
    return {"status": "ok"}


def _tell_error(error: CdsError) -> Response:
    account().error = error
    response = _answer(error.status, error.operation_outcome())
    response.headers.update(error.headers)
    return response


def _tell_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    allowed = dict(error.get_headers()).get("Allow", "")
    methods = sorted({*allowed.split(", ")} - {"HEAD", "OPTIONS"})
    places = {"methods": " or ".join(methods), "most": current_app.config["MAX_CONTENT_LENGTH"] - 1}
    told = _EXPECTED[status].format(**places) if status in _EXPECTED else str(error.description)
    response = _answer(status, _outcome(_ISSUE_TYPES.get(status, "processing"), told))
    if allowed:
        response.headers["Allow"] = allowed
    return response


def _tell_defect(error: Exception) -> Response:
    account().error = error
    tell("defect", **told_of(error))
    return _answer(500, _outcome("exception", "The service failed and gave no advice."))


def _outcome(code: str, diagnostics: str) -> dict[str, Any]:
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _answer(status: int, outcome: dict[str, Any]) -> Response:
    response = jsonify(outcome)
    response.status_code = status
    return response


def _add_headers(response: Response) -> Response:
    response.headers.update(ALWAYS)
    return response
