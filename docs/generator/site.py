"""What a hospital sets up: settings, addresses, prefetch and scopes."""

import json
from pathlib import Path

from pydantic import BaseModel

from cds_service.hooks.services import load_services
from cds_service.settings import Backend, Settings
from fhir_mappings.searches import load_searches, prefetch_templates, resource_types
from generator.layout import Json, data, same_keys, table

RISK_MODELS = Path(__file__).parents[1] / "risk-models"
BACKEND = "fhir.backend"
NEEDED = {
    True: "412, if it cannot be read from the FHIR server either",
    False: "advice; the card says that it is missing",
}


def settings() -> str:
    """Every setting, by section. Raises KeyError where settings.toml does not tell exactly these."""
    meanings = data("settings.toml")
    models: dict[str, type[BaseModel]] = {name: type(section) for name, section in Settings()}
    models[BACKEND] = Backend
    same_keys("settings.toml", meanings, models)
    return "\n\n".join(_section(name, models[name], meanings[name]) for name in meanings)


def _section(name: str, model: type[BaseModel], meanings: Json) -> str:
    same_keys(f"settings.toml [{name}]", meanings, model.model_fields)
    schema = model.model_json_schema()["properties"]
    rows = [
        (
            f"`{key}`",
            f"`{json.dumps(schema[key]['default'])}`" if "default" in schema[key] else "needed",
            row.get("unit", ""),
            _allowed(schema[key]),
            _meaning(row),
        )
        for key, row in meanings.items()
    ]
    title = f"[[{name}]]" if name == BACKEND else f"[{name}]"
    return f"## {title}\n\n{table(('Setting', 'Default', 'Unit', 'Allowed', 'Meaning'), rows)}"


def _meaning(row: Json) -> str:
    return str(row["meaning"]) + (" **(J)**" if row.get("judgement") else "")


def _allowed(schema: Json) -> str:
    inner = schema.get("items", schema)
    low, high = inner.get("minimum", inner.get("exclusiveMinimum")), inner.get("maximum", inner.get("exclusiveMaximum"))
    if low is None or high is None:
        return "true, false" if schema["type"] == "boolean" else ""
    over, under = ("over " if "exclusiveMinimum" in inner else ""), ("under " if "exclusiveMaximum" in inner else "")
    return f"{over}{_number(low)} to {under}{_number(high)}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:,}"


def baseline_example() -> str:
    """The synthetic risk model of the kind `baseline`, as it stands in its file."""
    return _example("baseline")


def recalibrated_example() -> str:
    """The synthetic risk model of the kind `recalibrated`, as it stands in its file."""
    return _example("recalibrated")


def _example(kind: str) -> str:
    text = RISK_MODELS.joinpath(f"{kind}.toml").read_text("utf-8").rstrip()
    return f"[`{kind}.toml`](risk-models/{kind}.toml):\n\n```toml\n{text}\n```"


def services() -> str:
    """The address of each hook."""
    rows = [(f"`{s.hook}`", f"`/cds-services/{s.id}`", s.title) for s in load_services()]
    return table(("Hook", "Address, below the service's own", "Title"), rows)


def prefetch() -> str:
    """Keys and queries of the prefetch, as discovery gives them."""
    searches = load_searches()
    rows = [
        (f"`{s.name}`", s.title, NEEDED[s.required], f"`{s.date_parameter}`" if s.date_parameter else "")
        for s in searches
    ]
    block = "\n\n".join(f"{name}\n{query}" for name, query in prefetch_templates(searches).items())
    head = ("Key", "What it holds", "Without it", "Look-back, when we ask ourselves")
    return f"{table(head, rows)}\n\nEach key with its query below it:\n\n```text\n{block}\n```"


def scopes() -> str:
    """What the token of a hook call, or our own, must be allowed to read."""
    rows = [
        (kind, f"`patient/{kind}.rs`", f"`patient/{kind}.read`", f"`system/{kind}.rs`")
        for kind in resource_types(load_searches())
    ]
    return table(("Resource", "In the hook: SMART v2", "SMART v1", "Our own token"), rows)
