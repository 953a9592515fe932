"""The CDS Hooks request that an EHR would send for a synthetic child.

Source: CDS Hooks 2.0.1, HTTP request; hook library for order-select, order-sign and patient-view.
"""

import uuid
from datetime import datetime
from typing import Any

from cds_service.patients.build import resources
from cds_service.patients.draft import draft_orders
from cds_service.patients.patient import SyntheticPatient
from cds_service.patients.serve import CLINICIAN, searchset
from fhir_mappings.searches import Search, load_searches

Resource = dict[str, Any]

HOOKS = ("order-select", "order-sign", "patient-view")


def hook_request(
    patient: SyntheticPatient,
    hook: str,
    as_of: datetime,
    *,
    prefetch: bool = True,
    fhir_server: str | None = None,
) -> Resource:
    """One whole request, with a prefetch key for each of our searches. Raises ValueError for another hook."""
    if hook not in HOOKS:
        raise ValueError(f"expected one of {', '.join(HOOKS)}, got {hook!r}")
    body: Resource = {
        "hook": hook,
        "hookInstance": str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:infliximab-cds:{patient.name}:{hook}")),
        "context": _context(patient, hook, as_of),
    }
    if fhir_server is not None:
        body["fhirServer"] = fhir_server
    if prefetch:
        chart = resources(patient, as_of)
        body["prefetch"] = {search.name: _prefetched(search, chart) for search in load_searches()}
    return body


def _context(patient: SyntheticPatient, hook: str, as_of: datetime) -> Resource:
    context: Resource = {"userId": f"Practitioner/{CLINICIAN['id']}", "patientId": patient.id}
    if hook == "order-select":
        context["selections"] = [f"{patient.order.form}/{patient.id}-draft"]
    if hook in ("order-select", "order-sign"):
        context["draftOrders"] = draft_orders(patient, as_of)
    return context


def _prefetched(search: Search, chart: list[Resource]) -> Resource:
    if search.resource_type == "Patient":
        return chart[0]
    return searchset(chart, search.resource_type, search.parameters)
