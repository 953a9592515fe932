"""The servers that are measured, each a process of its own that prints the port it took.

`service` is ours, `thawed` the same without gc.freeze, `untold` the same without log and counts, `returned` the same
with memory that goes back to the system; `static` is the least a Flask application can do with the same request (read
the body, answer with a fixed card), all under the same gunicorn settings; `fhir` answers each of our searches after a
fixed latency.
"""

import argparse
import gc
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from flask import Flask, Response, request

from cds_service.server import KEPT_MEMORY, open_port, run_server
from fhir_mappings.searches import Search, load_searches

HOST = "127.0.0.1"
WORKERS = 1
SERVICES = ("service", "thawed", "untold", "returned")
THREADS = 8
CALLER_CHECK_S = 1.0
UNFIXED = frozenset({"patient", "_count"})  # parameters of a search that are not in its row, besides its date


def main() -> None:
    """Serve until SIGTERM or until the process that started this one is gone."""
    parser = argparse.ArgumentParser(description="One of the servers that the benchmark measures.")
    parser.add_argument("kind", choices=(*SERVICES, "static", "fhir"))
    parser.add_argument("--answer", type=Path, help="file: the fixed card, or what each search finds, as JSON")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="of the FHIR server, per answer")
    options = parser.parse_args()
    threading.Thread(target=_end_with_caller, args=(os.getppid(),), daemon=True).start()
    if options.kind == "fhir":
        _serve_fhir(json.loads(options.answer.read_bytes()), options.latency_ms / 1000)
    else:
        if options.kind == "returned":
            KEPT_MEMORY.clear()
        app = _service_app(options.kind) if options.kind in SERVICES else _static_app(options.answer.read_bytes())
        _serve_flask(app, thawed=options.kind == "thawed")


def _end_with_caller(caller: int) -> None:
    while os.getppid() == caller:
        time.sleep(CALLER_CHECK_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _serve_flask(app: Flask, *, thawed: bool) -> None:
    listener = open_port(HOST, 0)
    port = listener.getsockname()[1]

    def when_serving() -> None:
        if thawed:
            gc.unfreeze()
        _say(port)

    run_server(app, listener, workers=WORKERS, threads=THREADS, when_serving=when_serving)


def _service_app(kind: str) -> Flask:
    # Imported here, so that the static application's memory holds nothing of ours.
    from cds_service.app import create_app
    from cds_service.operations.log import set_up_log
    from cds_service.site.settings import Settings

    set_up_log("info", readable=False)
    app = create_app(Settings())
    if kind == "untold":
        app.wsgi_app = app.wsgi_app.app  # type: ignore[method-assign,attr-defined]
    return app


def _static_app(card: bytes) -> Flask:
    app = Flask("static_card", static_folder=None)

    @app.post("/<path:anything>")
    def answer(anything: str) -> Response:
        request.get_data()
        return Response(card, mimetype="application/json")

    return app


def _serve_fhir(found: Mapping[str, object], latency_s: float) -> None:
    answers = {_key(search): json.dumps(found[search.name]).encode() for search in load_searches()}
    dates = {search.date_parameter for search in load_searches()}

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else head and body wait for each other's acknowledgement
        wbufsize = -1  # head and body leave in one packet

        def do_GET(self) -> None:
            time.sleep(latency_s)
            url = urlsplit(self.path)
            fixed = (p for p in parse_qsl(url.query) if p[0] not in UNFIXED and p[0] not in dates)
            body = answers.get((url.path.split("/")[1], frozenset(fixed)))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # with the usual five, parallel reads are turned away and come back a second later

    server = Server((HOST, 0), Answering)
    server.daemon_threads = True
    _say(server.server_port)
    server.serve_forever()


def _key(search: Search) -> tuple[str, frozenset[tuple[str, str]]]:
    return search.resource_type, frozenset(search.parameters)


def _say(port: int) -> None:
    print(f"READY {port}", flush=True)


if __name__ == "__main__":
    main()
