"""A hook request that was saved as a file: it came without the address that tells which hook is called.

Question: which request is this? `evaluate` and `burden` share it, so that both accept the same files.
"""

from cds_service.hooks.request import HookRequest, read_hook_request
from cds_service.site.services import service_for_hook
from cds_service.site.site import Site
from cds_service.trust.json_gate import read_json


def read_saved(body: bytes, site: Site) -> HookRequest:
    """The request of one file; its own `hook` names the service.

    Raises BadHookRequest for what is not a request of one of our hooks, UnknownService for one that is off at this
    site, RequestTooLarge above its limit.
    """
    document = read_json(body, site.settings.server.max_request_bytes)
    service = service_for_hook(document.get("hook") if isinstance(document, dict) else None, site.services)
    return read_hook_request(document, service.hook)
