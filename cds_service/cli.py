"""The command line: demo, serve, evaluate, forecast, burden, keys, check.

`evaluate` and `forecast` print exactly one JSON document on standard output; every notice goes to standard error. Exit
0 when evaluated, also when nothing applies; 2 when it could not be, with an OperationOutcome.
"""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cds_service import __version__
from cds_service.errors import BadHookRequest, CdsError, ConfigurationError
from cds_service.operations.log import set_up_log, tell
from cds_service.site.settings import Backend, Settings, load_settings

MOST_BYTES = 2_000_000  # of a forecast case
MOST_CHARTS = 100_000  # of one check
UNCONFIGURED = "No configuration: only FHIR servers on loopback are read, and callers need no token."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    options = _parser().parse_args(arguments)
    set_up_log()
    command: int = options.command(options)
    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infliximab-cds", description="Infliximab troughs in children, by CDS Hooks.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="start the service with synthetic patients and show one card")
    demo.add_argument("--port", type=int, default=8000, help="port on this machine (default 8000; 0 takes a free one)")
    demo.set_defaults(command=_demo)
    serve = commands.add_parser("serve", help="start the production server")
    serve.add_argument("--config", type=Path, required=True, metavar="FILE", help="the site's TOML configuration")
    serve.set_defaults(command=_serve)
    evaluate = commands.add_parser("evaluate", help="one hook request in, the response out")
    evaluate.add_argument("request", metavar="REQUEST.json|-", help="a CDS Hooks request; - reads standard input")
    evaluate.add_argument("--config", type=Path, metavar="FILE", help="the site's TOML configuration")
    evaluate.add_argument("--as-of", metavar="TIME", help="judge as of this RFC 3339 time instead of now")
    evaluate.add_argument("--explain", action="store_true", help="print the assessment instead of the cards")
    evaluate.set_defaults(command=_evaluate)
    forecast = commands.add_parser("forecast", help="a forecast case in, what the models expect out")
    forecast.add_argument("case", metavar="CASE.json|-", help="a forecast case; - reads standard input")
    forecast.set_defaults(command=_forecast)
    burden = commands.add_parser("burden", help="how often which card would appear in a folder of saved requests")
    burden.add_argument("folder", type=Path, metavar="FOLDER", help="CDS Hooks requests, one .json file each")
    burden.add_argument("--config", type=Path, metavar="FILE", help="the site's TOML configuration")
    burden.add_argument("--profile", metavar="NAME", help="one target profile instead of a comparison of all")
    burden.add_argument("--as-of", metavar="TIME", help="judge as of this RFC 3339 time instead of now")
    burden.set_defaults(command=_burden)
    keys = commands.add_parser("keys", help="a new key pair for a FHIR server that gives no token in the hook")
    keys.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the private key")
    keys.add_argument("--algorithm", choices=("ES384", "RS384"), default="ES384", help="default ES384")
    keys.set_defaults(command=_keys)
    _add_check(
        commands.add_parser("check", help="is the configuration whole, and does the FHIR server hold what we need")
    )
    return parser


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument("--config", type=Path, required=True, metavar="FILE", help="the site's TOML configuration")
    check.add_argument("--server", metavar="URL", help="read charts from this FHIR server, one of fhir.allowed_servers")
    check.add_argument("--patients", metavar="FILE|-", help="ids of patients, one per line; else the server finds some")
    check.add_argument("--sample", type=_count, default=20, metavar="N", help="read at most N charts (default 20)")
    check.add_argument("--token-env", metavar="NAME", help="the environment variable that holds an access token")
    check.add_argument("--no-ids", action="store_true", help="name no resource as an example")
    check.add_argument("--json", action="store_true", help="print one JSON document instead of the report")
    check.set_defaults(command=_check)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_CHARTS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_CHARTS} expected")
    return int(text)


def _demo(options: argparse.Namespace) -> int:
    from cds_service.demo import run_demo

    _notice(UNCONFIGURED)
    return _until_stopped(lambda: run_demo(options.port))


def _serve(options: argparse.Namespace) -> int:
    def start() -> None:
        from cds_service.app import create_app
        from cds_service.server import open_port, run_server

        settings = load_settings(options.config)
        if settings.open_to_anyone:
            raise ConfigurationError(
                f"{options.config}: callers.allowed: a table [[callers.allowed]] for each EHR expected with "
                f'server.host = "{settings.server.host}"; without one only host = "127.0.0.1" is served'
            )
        readable = {"auto": sys.stderr.isatty(), "json": False, "readable": True}[settings.operations.log_format]
        set_up_log(settings.operations.log_level, readable=readable)
        app = create_app(settings)
        listener = open_port(settings.server.host, settings.server.port)
        second = open_port(settings.operations.host, settings.second_port)
        port, second_port = listener.getsockname()[1], second.getsockname()[1]

        def tell_where() -> None:
            _tell_where(settings, port)
            _tell_second_port(settings, second_port)

        run_server(
            app,
            listener,
            workers=settings.server.workers,
            threads=settings.server.threads,
            second_port=second,
            when_serving=tell_where,
        )

    return _until_stopped(start)


def _until_stopped(start: Callable[[], None]) -> int:
    try:
        start()
    except ConfigurationError as error:
        for line in error.diagnostics:
            _notice(f"infliximab-cds: {line}")
        return 2
    return 0


def _tell_second_port(settings: Settings, port: int) -> None:
    base = f"http://{settings.operations.host}:{port}"
    _tell_notice(f"Health and metrics on {base}/ready, /live and /metrics.", "info")


def _tell_where(settings: Settings, port: int) -> None:
    _tell_notice(f"Serving on http://{settings.server.host}:{port}/cds-services for {settings.site.name}.", "info")
    _tell_of_callers(settings)
    if not settings.fhir.allowed_servers:
        _tell_notice("fhir.allowed_servers is empty: only FHIR servers on loopback are read.")
    for url in settings.fhir.allowed_servers:
        if url.startswith("http://"):
            _tell_notice(f"{url} is not https: tokens and patient data travel in clear.")
    if settings.ehr.creates_nothing:
        _tell_notice("ehr.preference_keys is empty: suggestions are given as text only.")
    if settings.ehr.facts.unverified:
        unverified = ", ".join(settings.ehr.facts.unverified)
        _tell_notice(
            f"ehr.profile {settings.ehr.profile} is not verified in: {unverified}. Try it in a test system first."
        )
    for backend in settings.fhir.backend:
        _tell_of_own_token(backend, "every caller" if settings.callers.allowed else "whoever reaches this service")


def _tell_of_callers(settings: Settings) -> None:
    callers = settings.callers.allowed
    if not callers:
        _tell_notice("NOBODY IS CHECKED: callers.allowed is empty. Whoever reaches this port gets cards.")
    for caller in callers:
        _tell_notice(f"Tokens of {caller.issuer} ({caller.name}) are checked.", "info")
        if caller.published():
            _tell_notice(f"FOR DEVELOPMENT ONLY: anybody can sign as {caller.name}, whose private key is published.")


def _tell_of_own_token(backend: Backend, whoever: str) -> None:
    from cds_service.site.key_files import mode_open_to_others

    _tell_notice(f"Calls that bring no FHIR token read {backend.server} with ours: {whoever} gets cards from it.")
    if backend.private_key_file and (mode := mode_open_to_others(Path(backend.private_key_file))):
        _tell_notice(f"{backend.private_key_file} has mode {mode}: others can use the private key; chmod 600 expected.")


def _tell_notice(text: str, level: str = "warning") -> None:
    tell("notice", level=level, text=text)


def _evaluate(options: argparse.Namespace) -> int:
    return _print_document(lambda: _evaluated(options), "The request could not be evaluated.")


def _forecast(options: argparse.Namespace) -> int:
    return _print_document(lambda: _forecasted(options), "The case could not be forecast.")


def _forecasted(options: argparse.Namespace) -> Any:
    from cds_service.forecast import forecast
    from cds_service.trust.json_gate import read_json

    return forecast(read_json(_read_file(options.case), MOST_BYTES))


def _print_document(compute: Callable[[], Any], failed: str) -> int:
    """Print what is computed, or the OperationOutcome that says why not: one JSON document whatever happens."""
    try:
        document, code = compute(), 0
    except CdsError as error:
        document, code = error.operation_outcome(), 2
    except Exception:  # noqa: BLE001 - the caller is promised one JSON document, whatever happens
        traceback.print_exc()
        document, code = CdsError(failed).operation_outcome(), 2
    print(json.dumps(document, indent=2))
    return code


def _evaluated(options: argparse.Namespace) -> Any:
    from cds_service.hooks.evaluate import evaluate
    from cds_service.saved import read_saved

    site, as_of = _site_and_time(options)
    _tell_unconfigured(options)
    request = read_saved(_read_file(options.request), site)
    evaluation = evaluate(request, site, as_of, site.reading_deadline())
    if options.explain:
        return _explained(evaluation, request, site, as_of)
    return {"cards": [card.to_json() for card in evaluation.cards]}


def _explained(evaluation: Any, request: Any, site: Any, as_of: datetime) -> Any:
    from cds_service.clinical.explain import explain, not_applicable

    documents = [explain(assessment) for assessment in evaluation.assessments]
    if not documents:
        return not_applicable(request.patient_id, as_of, "no infliximab order in the request", site.policy)
    return documents if len(documents) > 1 else documents[0]


def _burden(options: argparse.Namespace) -> int:
    from cds_service.burden import choose_profiles, count_outcomes, find_charts, judge_charts, write_table

    try:
        charts, others = find_charts(options.folder)
        site, as_of = _site_and_time(options)
        profiles = choose_profiles(options.profile, site.policy.target_profile)
    except CdsError as error:
        for line in error.diagnostics:
            _notice(f"infliximab-cds: {line}")
        return 2
    _tell_unconfigured(options)
    if others:
        _notice(f"{others} more in {options.folder} without .json: not read.")
    judged = judge_charts(charts, profiles, site, as_of, _notice)
    print(write_table(judged, count_outcomes(judged, profiles), as_of))
    return 0


def _keys(options: argparse.Namespace) -> int:
    from cds_service.site.key_files import NAME, make_key_file

    def make() -> None:
        public = make_key_file(options.out, options.algorithm)
        print(json.dumps(public, indent=2))
        file = (options.out / NAME).resolve()
        _notice(f"Upload the JWK Set above. Under [[fhir.backend]]: private_key_file = {str(file)!r}")
        _notice(f"key_id = {public['keys'][0]['kid']!r}, algorithm = {options.algorithm!r}")

    return _until_stopped(make)


def _check(options: argparse.Namespace) -> int:
    from cds_service.check.document import check_document
    from cds_service.check.report import write_report
    from cds_service.check.run import Asked, run_check
    from cds_service.hooks import clock

    try:
        asked = Asked(options.config, options.server, _patients(options), options.sample, options.token_env)
        check = run_check(asked, os.environ, clock.now(), sys.stderr)
    except CdsError as error:
        for line in error.diagnostics:
            _notice(f"infliximab-cds: {line}")
        return 2
    ids = not options.no_ids
    print(json.dumps(check_document(check, ids=ids), indent=2) if options.json else write_report(check, ids=ids))
    return check.exit_code


def _patients(options: argparse.Namespace) -> str | None:
    if options.patients is None:
        return None
    if options.server is None:
        raise BadHookRequest("--patients: --server URL expected beside it")
    try:
        return _read_file(options.patients).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadHookRequest("--patients: UTF-8 expected") from error


def _site_and_time(options: argparse.Namespace) -> tuple[Any, datetime]:
    from cds_service.hooks import clock
    from cds_service.site.site import open_site

    site = open_site(load_settings(options.config))
    return site, _read_time(options.as_of) if options.as_of else clock.now()


def _tell_unconfigured(options: argparse.Namespace) -> None:
    if options.config is None:
        _notice(UNCONFIGURED)


def _read_file(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise BadHookRequest(f"{name}: the file cannot be read: {error.strerror}") from error


def _read_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or not 1970 <= time.year < 2200:
        raise BadHookRequest("--as-of: a time with offset expected, such as 2026-11-22T09:00:00+00:00")
    return time


def _notice(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
