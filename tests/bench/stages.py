"""Where the time of one request goes, in process: every room of the service called on its own with the same input."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from statistics import median

from cards.write import write_cards
from cds_service.chart.gather import gather
from cds_service.chart.identity import check_one_patient
from cds_service.chart.paging import Reading
from cds_service.clinical.assess import assess
from cds_service.hooks.access import ask_for_chart, check_identity
from cds_service.hooks.drafts import read_drafts, read_drafts_again
from cds_service.hooks.evaluate import evaluate
from cds_service.hooks.request import read_hook_request
from cds_service.site.settings import Settings
from cds_service.site.site import open_site
from cds_service.trust.json_gate import read_json
from fhir_mappings.read import read_record
from tests.bench.workload import HOOK

Stage = Callable[[], object]

WHOLE = "all of it, in one go"


def measure_stages(body: bytes, as_of: datetime, repeats: int) -> dict[str, float]:
    """Median ms of each stage, in the order in which a request passes them; stages take turns."""
    stages = _stages(body, as_of)
    taken: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(repeats):
        for name, stage in stages.items():
            begun = time.perf_counter()
            stage()
            taken[name].append((time.perf_counter() - begun) * 1000)
    return {name: median(times) for name, times in taken.items()}


def _stages(body: bytes, as_of: datetime) -> dict[str, Stage]:
    site = open_site(Settings())
    limit, since = site.settings.server.max_request_bytes, as_of - site.look_back
    document = read_json(body, limit)
    request = read_hook_request(document, HOOK)
    reading = Reading(
        ask_for_chart(request, site.allowed, site.own_access, site.client),
        site.client,
        site.limits,
        site.reading_deadline(),
    )
    chart = gather(reading, site.searches, since, site.tables)
    record = read_record(chart, since=since, until=as_of, tables=site.tables)
    (draft,) = read_drafts_again(request, site.tables, chart)
    record = replace(record, issues=(*record.issues, *draft.issues))
    assessment = assess(record, draft.order, site.policy, as_of)
    cards = write_cards(assessment, hook=HOOK, draft=draft.resource)

    def whole() -> str:
        asked = read_hook_request(read_json(body, limit), HOOK)
        evaluation = evaluate(asked, site, as_of, site.reading_deadline())
        return json.dumps({"cards": [card.to_json() for card in evaluation.cards]})

    return {
        "bytes to JSON, through the gate": lambda: read_json(body, limit),
        "the request's form": lambda: read_hook_request(document, HOOK),
        "the drafts, before the chart": lambda: (check_identity(request), read_drafts(request, site.tables, reading)),
        "gather the prefetched chart": lambda: gather(reading, site.searches, since, site.tables),
        "  of which: one patient": lambda: check_one_patient(chart),
        "read the record": lambda: read_record(chart, since=since, until=as_of, tables=site.tables),
        "the drafts, with the chart": lambda: read_drafts_again(request, site.tables, chart),
        "assess": lambda: assess(record, draft.order, site.policy, as_of),
        "write the cards": lambda: write_cards(assessment, hook=HOOK, draft=draft.resource),
        "cards to JSON": lambda: json.dumps({"cards": [card.to_json() for card in cards]}),
        WHOLE: whole,
    }
