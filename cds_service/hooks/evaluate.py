"""From a hook request to cards: check whose it is, gather, read, assess, write.

Question: what do we conclude about every infliximab order in this request, and what do we say?
The HTTP service and the command line share it, so that both give the same answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cards.card import Card
from cards.write import write_cards
from cds_service.chart.gather import gather
from cds_service.chart.paging import Reading
from cds_service.clinical.assess import assess
from cds_service.clinical.assessment import Assessment
from cds_service.clinical.record import DataIssue, TreatmentRecord
from cds_service.errors import BadHookRequest
from cds_service.hooks.access import ask_for_chart, check_identity
from cds_service.hooks.drafts import read_drafts, read_drafts_again, refer_to_chart
from cds_service.hooks.request import HookRequest
from cds_service.outgoing import Deadline
from cds_service.site.site import Site
from fhir_mappings.chart import RawChart
from fhir_mappings.orders import DraftOrder, also_ordered
from fhir_mappings.read import read_record

MOST_DRAFTS = 20  # J: of infliximab in one call; each is judged, and others wait meanwhile


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was concluded and what is said; both empty where no draft concerns infliximab.

    `fhir_reads` is how often the FHIR server was asked for it.
    """

    assessments: tuple[Assessment, ...] = ()
    cards: tuple[Card, ...] = ()
    fhir_reads: int = 0


def evaluate(request: HookRequest, site: Site, as_of: datetime, deadline: Deadline) -> Evaluation:
    """Every infliximab order of the request, judged as of one aware instant; the chart is read until `deadline`.

    Raises BadHookRequest, Busy where there is no time for another call, MissingData for a chart that cannot be had,
    ForeignPatient where anything names another patient.
    """
    as_of = as_of.astimezone(site.time_zone)
    doubts = check_identity(request)
    ask = ask_for_chart(request, site.allowed, site.own_access, site.client)
    reading = Reading(ask, site.client, site.limits, deadline)
    drafts = () if request.draft_orders is None else read_drafts(request, site.tables, reading)
    if request.draft_orders is not None and not drafts:
        return Evaluation(fhir_reads=reading.reads)
    if len(drafts) > MOST_DRAFTS:
        raise BadHookRequest(f"context.draftOrders: at most {MOST_DRAFTS} orders of infliximab, got {len(drafts)}")
    chart = gather(reading, site.searches, as_of - site.look_back, site.tables, recent_since=as_of - site.limits.recent)
    record = _read(chart, site, as_of)
    if request.draft_orders is None:
        return replace(_judge_treatment(record, request, site, as_of), fhir_reads=reading.reads)
    if refer_to_chart(request.drafts):
        drafts = read_drafts_again(request, site.tables, chart)
    judged = _judge_orders(_with_doubts(drafts, doubts, request), record, request, site, as_of)
    return replace(judged, fhir_reads=reading.reads)


def _read(chart: RawChart, site: Site, as_of: datetime) -> TreatmentRecord:
    return read_record(
        chart,
        since=as_of - site.look_back,
        until=as_of,
        time_zone=site.time_zone,
        tables=site.tables,
        drug_by_name=site.settings.site.drug_by_name,
        procedure_by_name=site.settings.site.procedure_by_name,
    )


def _judge_treatment(record: TreatmentRecord, request: HookRequest, site: Site, as_of: datetime) -> Evaluation:
    with site.judging():
        assessment = assess(record, None, site.policy, as_of)
    return Evaluation((assessment,), write_cards(assessment, hook=request.hook, form=site.form))


def _judge_orders(
    drafts: tuple[DraftOrder, ...], record: TreatmentRecord, request: HookRequest, site: Site, as_of: datetime
) -> Evaluation:
    in_drafts = also_ordered(request.draft_orders, site.tables)
    assessments = []
    for draft in drafts:
        with site.judging():
            judged = assess(_about(draft, record), draft.order, site.policy, as_of, tests_in_drafts=in_drafts)
        assessments.append(judged)
    cards = tuple(
        card
        for draft, assessment in zip(drafts, assessments, strict=True)
        for card in write_cards(assessment, hook=request.hook, draft=draft.resource, form=site.form)
    )
    return Evaluation(tuple(assessments), cards)


def _about(draft: DraftOrder, record: TreatmentRecord) -> TreatmentRecord:
    return replace(record, issues=(*record.issues, *draft.issues))


def _with_doubts(
    drafts: tuple[DraftOrder, ...], doubts: Mapping[int, DataIssue], request: HookRequest
) -> tuple[DraftOrder, ...]:
    about = {id(request.drafts[position]): doubt for position, doubt in doubts.items()}
    return tuple(
        replace(draft, issues=(*draft.issues, about[id(draft.resource)])) if id(draft.resource) in about else draft
        for draft in drafts
    )
