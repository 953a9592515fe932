"""The demonstration: the real server, the bundled synthetic patients, and one card printed as text.

Question: what does a clinician see? Everything goes over HTTP on loopback, as an EHR would do it.
"""

import http.client
import json
import re
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint

from cds_service import patients
from cds_service.app import create_app
from cds_service.errors import BadHookRequest
from cds_service.hooks import clock
from cds_service.server import open_port, run_server
from cds_service.site.settings import Settings

HOST = "127.0.0.1"
SHOWN = "low-trough"
WIDTH = 100
BUNDLED = Blueprint("demo", __name__, url_prefix="/demo")


def run_demo(port: int) -> None:
    """Serve the bundled patients on loopback and print one card; ends with SIGTERM or Ctrl-C."""
    listener = open_port(HOST, port)
    port = listener.getsockname()[1]
    app = create_app(Settings())
    app.register_blueprint(BUNDLED)
    visitor = threading.Thread(target=_show, args=(port,), daemon=True)
    run_server(app, listener, workers=1, threads=8, when_serving=visitor.start)


@BUNDLED.get("/patients")
def list_patients() -> dict[str, Any]:
    """The bundled synthetic children."""
    children = [patients.load(name) for name in patients.names()]
    return {"patients": [{"name": c.name, "title": c.title, "story": c.story} for c in children]}


@BUNDLED.get("/requests/<name>/<hook>")
def give_request(name: str, hook: str) -> dict[str, Any]:
    """The CDS Hooks request that an EHR would send now for a bundled child."""
    if name not in patients.names():
        raise BadHookRequest(f"patient: one of {', '.join(patients.names())} expected")
    try:
        return patients.hook_request(patients.load(name), hook, clock.now())
    except ValueError as error:
        raise BadHookRequest(f"hook: {error}") from error


def _show(port: int) -> None:
    _ask(port, "GET", "/health")
    request = _ask(port, "GET", f"/demo/requests/{SHOWN}/order-sign")
    answer = _ask(port, "POST", "/cds-services/infliximab-order-sign", request)
    children = _ask(port, "GET", "/demo/patients")["patients"]
    child = next(child for child in children if child["name"] == SHOWN)
    sections = [_headline(child), *(_card(card) for card in answer["cards"]), _others(children), _next(port)]
    sys.stdout.write("\n\n".join(sections) + "\n")
    sys.stdout.flush()


def _ask(port: int, method: str, path: str, body: object = None) -> Any:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def _headline(child: Mapping[str, str]) -> str:
    story = textwrap.fill(" ".join(child["story"].split()), WIDTH)
    return f"{'=' * WIDTH}\nSynthetic patient {child['name']}: an infliximab order is about to be signed\n\n{story}"


def _card(card: Mapping[str, Any]) -> str:
    lines = [f"[{card['indicator'].upper()}] {card['summary']}", "", *_plain(card.get("detail", ""))]
    for suggestion in card.get("suggestions", ()):
        lines += ["", f"Suggestion: {suggestion['label']}"]
        lines += [f"  {action['type']}: {action['description']}" for action in suggestion.get("actions", ())]
    reasons = "; ".join(reason["display"] for reason in card.get("overrideReasons", ()))
    lines += ["", f"Reasons to override: {reasons}"] if reasons else []
    lines += ["", f"Source: {card['source']['label']}"]
    wrapped = [row for line in lines for row in _wrap(line)]
    edge = "-" * WIDTH
    return "\n".join([edge, *wrapped, edge])


def _plain(markdown: str) -> Iterator[str]:
    """Markdown as text: without emphasis and escapes; tables stand as they are."""
    for line in markdown.splitlines():
        if re.fullmatch(r"[\s|:-]*-{3}[\s|:-]*", line):
            yield line
        else:
            yield re.sub(r"\\([\\`*_{}\[\]()#+.!|<>~-])", r"\1", re.sub(r"(?<!\\)(\*\*|__)", "", line))


def _wrap(line: str) -> list[str]:
    if len(line) <= WIDTH or "|" in line:
        return [line]
    indent = re.match(r"\s*(?:[-*]|\d+\.)?\s*", line)
    return textwrap.wrap(line, WIDTH, subsequent_indent=" " * (indent.end() if indent else 0))


def _others(children: list[dict[str, str]]) -> str:
    width = max(len(child["name"]) for child in children)
    rows = [f"  {child['name']:<{width}}  {child['title']}" for child in children if child["name"] != SHOWN]
    return "\n".join(["More synthetic patients:", *rows])


def _next(port: int) -> str:
    base = f"http://{HOST}:{port}"
    return "\n".join(
        [
            "Try next (Ctrl-C stops the service):",
            f"  {base}/cds-services   (discovery: what an EHR reads first)",
            f"  curl -s {base}/demo/requests/antibody-high/order-sign > request.json",
            "  curl -s -H 'Content-Type: application/json' -d @request.json \\",
            f"       {base}/cds-services/infliximab-order-sign | python3 -m json.tool",
            "  .venv/bin/infliximab-cds evaluate request.json --explain",
        ]
    )
