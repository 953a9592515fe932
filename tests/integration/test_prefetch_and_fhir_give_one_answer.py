"""The same child through the prefetch and through a real FHIR server: one record, one assessment, one set of cards."""

from dataclasses import replace
from datetime import datetime

import pytest
import requests

from cds_service import patients
from cds_service.chart.gather import gather
from cds_service.chart.paging import Reading
from cds_service.clinical.record import TreatmentRecord
from cds_service.hooks.access import ask_for_chart
from cds_service.hooks.request import read_hook_request
from cds_service.outgoing import Deadline
from cds_service.patients import SyntheticPatient
from cds_service.site.services import load_services
from cds_service.site.settings import Fhir, Settings
from cds_service.site.site import Site, open_site
from fhir_mappings.read import read_record

HOOKS = ("order-select", "order-sign", "patient-view")


def ask(service: str, hook: str, body: dict[str, object]) -> requests.Response:
    return requests.post(f"{service}/cds-services/infliximab-{hook}", json=body, timeout=30)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_cards_are_the_same(
    service: str, fhir_base: str, child: SyntheticPatient, hook: str, as_of: datetime
) -> None:
    prefetched = ask(service, hook, patients.hook_request(child, hook, as_of))
    fetched = ask(service, hook, patients.hook_request(child, hook, as_of, prefetch=False, fhir_server=fhir_base))
    assert prefetched.status_code == 200, prefetched.text
    assert fetched.status_code == 200, fetched.text
    assert fetched.json() == prefetched.json()


def test_the_record_is_the_same(fhir_base: str, child: SyntheticPatient, as_of: datetime) -> None:
    site = open_site(Settings(fhir=Fhir(allowed_servers=(fhir_base,), deadline_seconds=10.0)))
    prefetched = record(patients.hook_request(child, "order-sign", as_of), site, as_of)
    fetched = record(
        patients.hook_request(child, "order-sign", as_of, prefetch=False, fhir_server=fhir_base), site, as_of
    )
    assert fetched == prefetched


def record(body: dict[str, object], site: Site, as_of: datetime) -> TreatmentRecord:
    reading = Reading(
        ask_for_chart(read_hook_request(body, "order-sign"), site.allowed, site.own_access, site.client),
        site.client,
        site.limits,
        Deadline.after(10),
    )
    chart = gather(reading, site.searches, as_of - site.look_back, site.tables)
    told = read_record(chart, since=as_of - site.look_back, until=as_of, time_zone=site.time_zone, tables=site.tables)
    return replace(told, sources=dict(told.sources))


def test_small_pages_give_the_same_record(fhir_base: str, as_of: datetime) -> None:
    child = patients.load("low-trough")
    wide = open_site(Settings(fhir=Fhir(allowed_servers=(fhir_base,), deadline_seconds=10.0)))
    narrow = open_site(Settings(fhir=Fhir(allowed_servers=(fhir_base,), deadline_seconds=10.0, page_size=3)))
    body = patients.hook_request(child, "order-sign", as_of, prefetch=False, fhir_server=fhir_base)
    assert record(body, narrow, as_of) == record(body, wide, as_of)


def test_a_child_the_server_does_not_know_is_a_412_that_says_so(service: str, fhir_base: str, as_of: datetime) -> None:
    body = patients.hook_request(
        patients.load("low-trough"), "order-sign", as_of, prefetch=False, fhir_server=fhir_base
    )
    body["context"]["patientId"] = "nobody-of-that-name"
    for entry in body["context"]["draftOrders"]["entry"]:
        entry["resource"].pop("subject", None)
    answer = ask(service, "order-sign", body)
    assert answer.status_code == 412
    assert "atient" in answer.json()["issue"][0]["diagnostics"]


def test_discovery_offers_the_three_services(service: str) -> None:
    offered = requests.get(f"{service}/cds-services", timeout=10).json()["services"]
    assert [entry["id"] for entry in offered] == [declared.id for declared in load_services()]


def test_every_query_of_ours_is_in_the_servers_capability_statement(fhir_base: str) -> None:
    from fhir_mappings.searches import load_searches

    statement = requests.get(f"{fhir_base}/metadata", timeout=60, headers={"Accept": "application/fhir+json"}).json()
    offered = {
        resource["type"]: {parameter["name"] for parameter in resource.get("searchParam", [])}
        for resource in statement["rest"][0]["resource"]
    }
    for search in load_searches():
        names = {name for name, _ in search.parameters} | ({search.date_parameter} if search.date_parameter else set())
        assert names - {"_count"} <= offered[search.resource_type], search.name
