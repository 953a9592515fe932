"""Discovery as CDS Hooks 2.0.1 asks for it."""

import re

from cds_service.app import create_app
from cds_service.site.settings import Settings

SUPPORTED = {"patient", "subject", "category", "code", "status", "date", "effective-time", "_count"}


def _services() -> list[dict[str, object]]:
    services: list[dict[str, object]] = create_app(Settings()).test_client().get("/cds-services").get_json()["services"]
    return services


def test_there_is_one_service_per_hook() -> None:
    assert {s["id"]: s["hook"] for s in _services()} == {
        "infliximab-order-select": "order-select",
        "infliximab-order-sign": "order-sign",
        "infliximab-patient-view": "patient-view",
    }


def test_every_service_says_what_it_is_and_what_it_needs() -> None:
    for service in _services():
        assert service.keys() == {"hook", "id", "title", "description", "usageRequirements", "prefetch"}
        assert all(service.values())


def test_prefetch_templates_use_only_context_tokens_and_plain_parameters() -> None:
    for service in _services():
        prefetch = service["prefetch"]
        assert isinstance(prefetch, dict)
        assert set(prefetch) >= {"patient", "laboratory", "weight", "infusions", "prescriptions", "conditions"}
        for template in prefetch.values():
            assert set(re.findall(r"\{\{(.*?)\}\}", template)) == {"context.patientId"}
            names = {pair.split("=")[0] for pair in template.partition("?")[2].split("&") if pair}
            assert names <= SUPPORTED
