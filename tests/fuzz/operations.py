"""Every operation of our OpenAPI file with requests that it allows and requests that it does not (schemathesis).

Everything that schemathesis checks of an answer holds: documented status, headers, content type and form, no 5xx,
nothing accepted that the file forbids. What the file allows is answered, but for what no schema can say.
"""

import re
from collections import Counter

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.checks import positive_data_acceptance
from schemathesis.schemas import APIOperation

from cds_service.app import create_app
from cds_service.site.settings import Fhir, Settings
from tests.fuzz.service import openapi

NOWHERE = Settings(fhir=Fhir(allowed_servers=("https://fhir.example/r4",)))  # no server that is named is read
ANSWERED = (200, 412)
BEYOND_A_SCHEMA = re.compile(
    r"fhirServer: .*|.*: (a number of at most|a number with an exponent|'Bearer').*", re.DOTALL
)


def _operations() -> dict[str, APIOperation]:
    schema = schemathesis.openapi.from_dict(openapi())
    schema.app = create_app(NOWHERE)
    return {found.ok().label: found.ok() for found in schema.get_all_operations()}


OPERATIONS = _operations()
CAMPAIGNS = {
    f"{label}, {what}": (operation, mode)
    for label, operation in OPERATIONS.items()
    for what, mode in (("allowed", GenerationMode.POSITIVE), ("forbidden", GenerationMode.NEGATIVE))
    if operation.body or mode is GenerationMode.POSITIVE  # without a body there is nothing to forbid
}


def is_answered(_ctx: CheckContext, response: Response, case: Case) -> None:
    """What the file allows gets cards, or 412 because the chart did not come along."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if response.status_code not in ANSWERED:
        told = [issue["diagnostics"] for issue in response.json()["issue"]]
        assert all(BEYOND_A_SCHEMA.fullmatch(line) for line in told), told


def examine(name: str, count: int, first: int = 0) -> Counter[int]:
    """The statuses of so many requests. Raises what schemathesis found, with the shortest request that shows it."""
    operation, mode = CAMPAIGNS[name]
    statuses: Counter[int] = Counter()

    @seed(first)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Case) -> None:
        response = case.call()
        statuses[response.status_code] += 1
        case.validate_response(response, additional_checks=[is_answered], excluded_checks=[positive_data_acceptance])

    call()
    return statuses
