"""What `infliximab-cds check` says about the bundled synthetic children, read from a FHIR server on this machine."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cds_service import patients
from cds_service.check.report import write_report
from cds_service.check.run import Asked, run_check
from cds_service.patients.serve import searchset
from fhir_mappings.searches import POINTED_TO, load_searches

Json = dict[str, Any]

AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)
SHOWN_BASE = "https://fhir.hospital.example/r4"
LAB = "https://lab.hospital.example/codes"
OWN = {"39803-2": ("IFX1", "Infliximab trough, serum"), "29463-7": ("WT", "Body weight")}
SITE = """\
[fhir]
allowed_servers = ["{base}"]
deadline_seconds = 10.0
[site]
name = "Example Children's Hospital"
time_zone = "Europe/Berlin"
"""


def check() -> str:
    """The report over all bundled children and one whose laboratory uses codes of its own, up to what to type in."""
    charts = {child.id: patients.resources(child, AS_OF) for child in map(patients.load, patients.names())}
    charts["under-own-codes"] = _under_own_codes(charts["ifxcds-low-trough"])
    with TemporaryDirectory() as name, _serving(charts) as base:
        config = Path(name, "site.toml")
        config.write_text(SITE.format(base=base), "utf-8")
        found = run_check(Asked(config, base, "\n".join(charts), len(charts)), {}, AS_OF, io.StringIO())
        report = write_report(found).replace(f"{name}/", "").replace(base, SHOWN_BASE)
    return f"```text\n{report.partition('What to type into the EHR')[0].rstrip()}\n\n…\n```"


def _under_own_codes(chart: list[Json]) -> list[Json]:
    text = json.dumps(chart).replace("ifxcds-low-trough", "under-own-codes")
    held: list[Json] = json.loads(text)
    for resource in held:
        for coding in resource.get("code", {}).get("coding", []):
            if coding["code"] in OWN:
                code, display = OWN[coding["code"]]
                coding.update(system=LAB, code=code, display=display)
    return held


@contextmanager
def _serving(charts: dict[str, list[Json]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(_answer(urlsplit(self.path), charts)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # with the usual five, parallel reads are turned away and come back a second later

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/r4"
    finally:
        server.shutdown()
        server.server_close()


def _answer(url: Any, charts: dict[str, list[Json]]) -> Json:
    kind, _, wanted = url.path.removeprefix("/r4/").partition("/")
    if kind == "metadata":
        return _statement()
    if wanted:
        return next(r for chart in charts.values() for r in chart if (r["resourceType"], r["id"]) == (kind, wanted))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    asked = [(name, value) for name, value in query.items() if name in ("category", "code", "status")]
    return searchset(charts[query["patient"]], kind, asked)


def _statement() -> Json:
    names: dict[str, set[str]] = {kind: set() for kind in POINTED_TO}
    for search in load_searches():
        needed = {"patient", search.date_parameter or "patient", *(name for name, _ in search.parameters)}
        names.setdefault(search.resource_type, set()).update(needed)
    offered = [{"code": "read"}, {"code": "search-type"}]
    kinds = [{"type": k, "interaction": offered, "searchParam": [{"name": n} for n in v]} for k, v in names.items()]
    rest = [{"mode": "server", "resource": kinds}]
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "format": ["json"], "rest": rest}
