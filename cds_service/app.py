"""The Flask application: wiring, and one place where every error becomes an OperationOutcome."""

import logging
from typing import Any

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from cds_service import __version__
from cds_service.admission import Admission
from cds_service.errors import CdsError
from cds_service.hooks.routes import SITE, hooks
from cds_service.hooks.site import open_site
from cds_service.settings import Settings
from cds_service.whole_bodies import WholeBodies

log = logging.getLogger("infliximab_cds")

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
    app.add_url_rule("/health", view_func=_tell_health)
    app.register_error_handler(CdsError, _tell_error)
    app.register_error_handler(HTTPException, _tell_http_error)
    app.register_error_handler(Exception, _tell_defect)
    app.after_request(_add_headers)
    admitting = Admission(app.wsgi_app, settings.server.threads)
    app.wsgi_app = WholeBodies(admitting, settings.server.max_request_bytes)  # type: ignore[method-assign]  # Flask's way
    return app


def _tell_health() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


def _tell_error(error: CdsError) -> Response:
    # Neither diagnostics nor ids go to the log: they may tell who the patient is.
    log.warning("answered %d %s (%s)", error.status, error.code, type(error).__name__)
    response = _answer(error.status, error.operation_outcome())
    response.headers.update(error.headers)
    return response


def _tell_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    response = _answer(status, _outcome(_ISSUE_TYPES.get(status, "processing"), str(error.description)))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _tell_defect(error: Exception) -> Response:
    log.error("a defect of this service", exc_info=error)
    return _answer(500, _outcome("exception", "The service failed and gave no advice."))


def _outcome(code: str, diagnostics: str) -> dict[str, Any]:
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _answer(status: int, outcome: dict[str, Any]) -> Response:
    response = jsonify(outcome)
    response.status_code = status
    return response


def _add_headers(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
