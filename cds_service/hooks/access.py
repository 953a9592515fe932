"""Whose chart may be read, and from where: the request's own claims checked against each other and the site's list."""

from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.identity import check_drafts
from cds_service.chart.request import ChartRequest
from cds_service.clinical.record import DataIssue
from cds_service.errors import BadHookRequest, ForeignPatient
from cds_service.hooks.request import HookRequest
from cds_service.trust.backend import OwnAccess
from cds_service.trust.origins import AllowedServers, FhirBase, read_base


def ask_for_chart(request: HookRequest, allowed: AllowedServers, own: OwnAccess, client: FhirClient) -> ChartRequest:
    """What the chart room is asked on behalf of this call. Raises BadHookRequest for a fhirServer that is no URL.

    A call that brings a token is served with that one and never with ours: it carries the rights of its user. A server
    that did not answer lately is left out like one that was not named.
    """
    server, why_none = _server(request.fhir_server, allowed)
    if server is not None and not client.admits(server.url):
        server, why_none = None, "the FHIR server did not answer lately and is asked again in some seconds"
    return ChartRequest(
        request.patient_id,
        request.prefetch,
        request.drafts,
        server,
        why_none,
        request.token,
        own_token=own.to(server) if server is not None and request.token is None else None,
    )


def check_identity(request: HookRequest) -> dict[int, DataIssue]:
    """What has to be said about drafts that name no patient, by position. Raises ForeignPatient."""
    scoped_to = (request.token_patient or request.patient_id).removeprefix("Patient/")
    if scoped_to != request.patient_id:
        raise ForeignPatient("fhirAuthorization.patient: not the patient of the context, nothing was used")
    return check_drafts(request.drafts, request.patient_id)


def _server(url: str | None, allowed: AllowedServers) -> tuple[FhirBase | None, str]:
    if url is None:
        return None, "no fhirServer given"
    try:
        base = read_base(url)
    except ValueError as error:
        raise BadHookRequest(f"fhirServer: {error}") from error
    return (base, "") if allowed.allow(base) else (None, "the fhirServer is not on this site's list of FHIR servers")
