"""The bundled children: synthetic, invented to show one rule or one trap each. None of them ever lived.

Question: what would an EHR send for such a child? One readable TOML file gives the CDS Hooks request with its
prefetch and the FHIR resources of a server, so that both tell the same chart.
"""

from cds_service.patients.build import resources
from cds_service.patients.draft import draft_orders
from cds_service.patients.patient import SyntheticPatient, load, names
from cds_service.patients.request import hook_request
from cds_service.patients.serve import transaction

__all__ = ["SyntheticPatient", "draft_orders", "hook_request", "load", "names", "resources", "transaction"]
