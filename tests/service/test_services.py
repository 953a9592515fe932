"""The table of services is checked when it is loaded."""

import pytest

from cds_service.errors import BadHookRequest, UnknownService
from cds_service.site import services
from cds_service.site.services import find_service, load_services, service_for_hook

ROW = '[[service]]\nid = "a"\nhook = "order-sign"\ntitle = "t"\ndescription = "d"\nusage = "u"\n'


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (ROW.replace("usage", "use"), "service 1: exactly the texts"),
        (ROW + ROW.replace('"d"', '""'), "service 2: exactly the texts"),
        (ROW + ROW, "one id and one service per hook"),
        (ROW + ROW.replace('"a"', '"b"'), "one id and one service per hook"),
    ],
)
def test_a_wrong_row_is_named(table: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        services.read_services(table)


def test_services_are_found_by_id_and_by_hook() -> None:
    for service in load_services():
        assert find_service(service.id, load_services()) is service_for_hook(service.hook, load_services()) is service


def test_what_is_not_offered_is_an_error() -> None:
    with pytest.raises(UnknownService, match="services offered: infliximab-order-select"):
        find_service("other", load_services())
    with pytest.raises(UnknownService, match=r"services offered: infliximab-order-sign$"):
        find_service("infliximab-patient-view", [service_for_hook("order-sign", load_services())])
    with pytest.raises(BadHookRequest, match="hook: one of order-select"):
        service_for_hook(None, load_services())
    with pytest.raises(BadHookRequest, match="hook: one of order-select"):
        service_for_hook([], load_services())
