"""What a hospital sets up: settings, addresses, prefetch and scopes."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from cds_service.site.caller_profiles import CallerProfile, load_caller_profiles
from cds_service.site.callers import AllowedCaller
from cds_service.site.ehr_profiles import EhrProfile, load_profiles, load_sources
from cds_service.site.profiles import Fact, Source
from cds_service.site.services import load_services
from cds_service.site.settings import Backend, Settings
from fhir_mappings.searches import common_types, load_searches, prefetch_templates, resource_types
from generator.layout import Json, data, same_keys, table

RISK_MODELS = Path(__file__).parents[1] / "risk-models"
UNVERIFIED = " †"
FACTS = {
    "cds_hooks": "Members sent, of CDS Hooks",
    "hooks": "Hooks that are on",
    "prefetch": "Prefetch queries",
    "suggestions": "Suggestions",
    "selection_behavior": "`selectionBehavior`",
    "topic": "Topic code",
    "markdown": "Markdown shown",
}
CALLER_FACTS = {"algorithms": "Algorithms", "max_lifetime_seconds": "Seconds from `iat` to `exp`, at most"}
LISTS: dict[str, type[BaseModel]] = {"fhir.backend": Backend, "callers.allowed": AllowedCaller}
OWN_ONLY_IF = ", if you list it"
NEEDED = {
    (True, False): "412, if it cannot be read from the FHIR server either",
    (False, False): "advice; the card says that it is missing",
    (False, True): "advice; the card has a note",
}


def settings() -> str:
    """Every setting, by section. Raises KeyError where settings.toml does not tell exactly these."""
    meanings = data("settings.toml")
    models: dict[str, type[BaseModel]] = {name: type(section) for name, section in Settings()}
    models |= LISTS
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
    title = f"[[{name}]]" if name in LISTS else f"[{name}]"
    return f"## {title}\n\n{table(('Setting', 'Default', 'Unit', 'Allowed', 'Meaning'), rows)}"


def _meaning(row: Json) -> str:
    return str(row["meaning"]) + (" **(J)**" if row.get("judgement") else "")


def _allowed(schema: Json) -> str:
    inner = schema.get("items", schema)
    low, high = inner.get("minimum", inner.get("exclusiveMinimum")), inner.get("maximum", inner.get("exclusiveMaximum"))
    if low is None or high is None:
        return (
            "true, false"
            if schema["type"] == "boolean"
            else ", ".join(f"`{one}`" for one in inner.get("enum", []) if one)
        )
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


def ehr() -> str:
    """What each EHR takes, fact by fact, then profile by profile what is to do and what is open."""
    profiles = load_profiles()
    same_keys("generator/site.py FACTS", FACTS, profiles["generic"].facts)
    rows = [(title, *(_fact(row.facts[name]) for row in profiles.values())) for name, title in FACTS.items()]
    facts = table(("", *(f"`{name}`" for name in profiles)), rows)
    return "\n\n".join([facts, *(_profile(name, row) for name, row in profiles.items())])


def _fact(fact: Fact[object]) -> str:
    value = ", ".join(fact.value) if isinstance(fact.value, tuple) else str(fact.value)
    return value + ("" if fact.verified else UNVERIFIED)


def _profile(name: str, row: EhrProfile) -> str:
    sources = [load_sources()[key] for key in dict.fromkeys(fact.source for fact in row.facts.values())]
    cited = "; ".join(f"[{source.label}]({source.url})" for source in sources)
    lines = [
        *(f"{FACTS[fact]}: {told.note}" for fact, told in row.facts.items() if told.note),
        *(f"To do: {task}" for task in row.tasks),
        *(f"Open: {question}" for question in row.open),
    ]
    return _told(f"**`{name}`: {row.title}.** {cited}.", lines)


def _told(head: str, lines: list[str]) -> str:
    return "\n".join([head, "", *(f"- {line}" for line in lines)]).rstrip()


def callers() -> str:
    """How the tokens of each kind of caller are made, and what both sides set up."""
    known = load_caller_profiles()
    same_keys("generator/site.py CALLER_FACTS", CALLER_FACTS, known.profile["generic"].facts)
    rows = [
        (title, *(_fact(row.facts[name]) for row in known.profile.values())) for name, title in CALLER_FACTS.items()
    ]
    facts = table(("", *(f"`{name}`" for name in known.profile)), rows)
    return "\n\n".join([facts, *(_caller(name, row, known.source) for name, row in known.profile.items())])


def _caller(name: str, row: CallerProfile, sources: Mapping[str, Source]) -> str:
    cited = "; ".join(
        f"[{sources[key].label}]({sources[key].url})"
        for key in dict.fromkeys(fact.source for fact in row.facts.values())
    )
    notes = [f"{CALLER_FACTS[fact]}: {told.note}" for fact, told in row.facts.items() if told.note]
    return _told(f"**`{name}`: {row.title}.** {cited}.", [*notes, *(f"To do: {task}" for task in row.tasks)])


def prefetch() -> str:
    """Keys and queries of the prefetch, as discovery gives them."""
    searches = load_searches()
    rows = [
        (f"`{s.name}`", s.title, NEEDED[s.required, s.minor], f"`{s.date_parameter}`" if s.date_parameter else "")
        for s in searches
    ]
    block = "\n\n".join(f"{name}\n{query}" for name, query in prefetch_templates(searches).items())
    head = ("Key", "What it holds", "Without it", "Look-back, when we ask ourselves")
    return f"{table(head, rows)}\n\nEach key with its query below it:\n\n```text\n{block}\n```"


def scopes() -> str:
    """What the token of a hook call, or our own, must be allowed to read."""
    asked = common_types(load_searches())
    rows = [
        (
            kind,
            f"`patient/{kind}.rs`",
            f"`patient/{kind}.read`",
            f"`system/{kind}.rs`" + OWN_ONLY_IF * (kind not in asked),
        )
        for kind in resource_types(load_searches())
    ]
    return table(("Resource", "In the hook: SMART v2", "SMART v1", "Our own token"), rows)
