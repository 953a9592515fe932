"""What the OpenAPI file takes from our tables: the paths of the services, the keys of the prefetch, the version."""

import json

from cds_service import __version__
from cds_service.site.services import Service, load_services
from fhir_mappings.searches import load_searches
from generator.layout import Json

DISCOVERY = "/cds-services"
OTHER_METHOD = "405"  # no method that is described is answered so


def renewed(text: str) -> str:
    """The OpenAPI file with these parts written anew; all else in it is written by hand."""
    document: Json = json.loads(text)
    components = document["components"]
    services = load_services()
    document["info"]["version"] = __version__
    discovery = document["paths"][DISCOVERY]
    statuses = [status for status in components["responses"] if status != OTHER_METHOD]
    document["paths"] = {
        DISCOVERY: discovery,
        **{f"{DISCOVERY}/{service.id}": {"post": _call(service, statuses)} for service in services},
    }
    described = components["schemas"]["Service"]["properties"]
    described["hook"]["enum"] = [service.hook for service in services]
    described["id"]["enum"] = [service.id for service in services]
    components["schemas"]["Prefetch"]["properties"] = {
        search.name: {
            "description": f"{search.title}: {search.resource_type}"
            + ("; without it 412, if it cannot be read from the FHIR server either" if search.required else "")
        }
        for search in load_searches()
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _call(service: Service, statuses: list[str]) -> Json:
    body = {"application/json": {"schema": {"$ref": f"#/components/schemas/{service.hook}"}}}
    return {
        "operationId": service.id,
        "summary": service.title,
        "description": service.description,
        "parameters": [{"$ref": "#/components/parameters/Origin"}],
        "requestBody": {"required": True, "content": body},
        "responses": {status: {"$ref": f"#/components/responses/{status}"} for status in statuses},
    }
